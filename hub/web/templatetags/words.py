"""The hub's words on a page, in the visitor's language."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from hub.web import phrases

register = template.Library()

_WORDS = {
    "unconditional": _("Open to all agencies"),
    "conditional": _("On conditions"),
    "closed": _("Closed"),
    "open": _("You may read it"),
    "on-request": _("On request"),
    "fresh": _("up to date"),
    "due": _("due"),
    "overdue": _("overdue"),
    "never": _("no data yet"),
    "queued": _("waiting"),
    "running": _("running"),
    "succeeded": _("succeeded"),
    "partial": _("succeeded, some rows kept out"),
    "held": _("held for a person"),
    "failed": _("failed"),
    "cancelled": _("cancelled"),
    "ready": pgettext_lazy("file", "ready"),
    "expired": pgettext_lazy("file", "its time is over"),
    "draft": _("draft"),
    "submitted": _("under review"),
    "published": _("published"),
    "retired": _("retired"),
    "clear": _("in clear"),
    "hidden": _("withheld"),
    "hash": _("as a pseudonym"),
    "redact": _("blacked out"),
    "null": _("emptied"),
    "publisher": _("publisher"),
    "reviewer": _("reviewer"),
    "requester": _("requester"),
    "system": _("administrator"),
    "authority": _("authority"),
    "auditor": _("auditor"),
    "discover": pgettext_lazy("stage", "looking at the source"),
    "starting": pgettext_lazy("stage", "starting"),
    "extract": pgettext_lazy("stage", "reading the source"),
    "check": pgettext_lazy("stage", "checking"),
    "publish": pgettext_lazy("stage", "publishing"),
    "dataset": _("dataset"),
    "source": _("source"),
    "rejected": _("rows that break the contract"),
    "read": _("rows read"),
    "before": _("rows before"),
    "after": _("rows after"),
    "gone": _("gone"),
    "files": _("files"),
    "added": _("new"),
    "renamed": _("perhaps renamed, from and to"),
    "hourly": _("every hour"),
    "daily": _("every day"),
    "weekly": _("every week"),
    "monthly": _("every month"),
    "quarterly": _("every quarter"),
    "yearly": _("every year"),
    "continuous": _("all the time"),
    "irregular": _("irregularly"),
    "approved": _("in force"),
    "agreed": _("agreed"),
    "refused": _("refused"),
    "incomplete": _("something is missing"),
    "withdrawn": _("withdrawn"),
    "permit": _("permits"),
    "prohibit": _("prohibits"),
    "round": _("rounded"),
    "everyone": _("everyone"),
    "rows": _("rows"),
    "aggregate": _("aggregates"),
    "export": _("exports"),
    "changes": _("changes"),
    "class": _("class"),
    "secret": _("secret"),
    "rule": _("rule"),
    "sensitivity": _("sensitivity"),
    "personal": _("personal"),
    "sensitive": _("sensitive"),
    "public": _("public"),
    "unclassified": _("not classified yet"),
    "court order": _("court order"),
    "law": _("law"),
    "administrative regulation": _("administrative regulation"),
    "regulation": _("regulation"),
    "State Council decision": _("State Council decision"),
    "suspension": _("suspension"),
    "agreement": _("agreement"),
    "internal": _("internal"),
    "dataset.version": _("new version"),
    "dataset.schema": _("other fields for you"),
    "dataset.freshness": _("other freshness"),
    "dataset.class": _("other class of sharing"),
    "subscription.test": _("test"),
    "at-once": _("at once"),
    "active": _("active"),
    "paused": _("paused"),
    "broken": _("broken"),
    "pending": _("on its way"),
    "delivered": _("delivered"),
    "id-number": _("identity number"),
    "passport": _("passport number"),
    "phone": _("phone number"),
    "email": _("mail address of a person"),
    "bank-account": _("bank account"),
    "vehicle-plate": _("number plate"),
    "birth-date": _("date of birth"),
    "address": _("home address"),
    "health": _("health"),
    "person-name": _("name of a person"),
    "sex": _("sex"),
    "religion-or-ethnicity": _("religion or ethnicity"),
}
_GROUNDS = {
    "own": _("own data"),
    "status": _("state of the dataset"),
    "class": _("sharing class"),
    "sensitivity": _("sensitivity"),
    "rule": _("rule"),
    "grant": _("agreement"),
    "agreement": _("agreement"),
}
_DECISIONS = {
    "permit": _("may read"),
    "denied": _("not shared"),
    "closed": _("shared with nobody"),
    "agreement-required": _("an agreement must be named"),
    "agreement-invalid": _("the agreement does not serve"),
    "retired": _("retired"),
    "not-found": _("not there"),
}
_UNITS = {"day": _("day"), "month": _("month"), "year": _("year")}


_ACTS = {
    "edit": pgettext_lazy("stewardship", "edits"),
    "publish": pgettext_lazy("stewardship", "submits for review"),
    "load": pgettext_lazy("stewardship", "brings rows in"),
    "review": pgettext_lazy("stewardship", "reviews"),
}


@register.filter
def listed(value: Any) -> str:
    """One value, or several beside one another."""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


@register.filter
def act(code: str) -> Any:
    """What a steward does."""
    return _ACTS.get(code, code)


@register.filter
def word(value: str) -> Any:
    """A word of the hub's own in the visitor's language; others as they are."""
    return _WORDS.get(value, value)


@register.filter
def ground(value: str) -> Any:
    """What a decision rests on, in a word."""
    return _GROUNDS.get(value, value)


@register.filter
def rule_state(status: str) -> Any:
    """In which state a rule is: one that is retired has ended."""
    return _("ended") if status == "retired" else word(status)


@register.filter
def decided(code: str) -> Any:
    """The outcome of a decision: that it permits, or why it does not."""
    return _DECISIONS.get(code, code)


@register.filter
def access_words(access: Any) -> Any:
    """How a field is shown, in words."""
    match access:
        case {"kind": "partial", "head": head, "tail": tail}:
            return _("only its first %(head)s and last %(tail)s characters") % {"head": head, "tail": tail}
        case {"kind": "round", "to": to} if to in ("day", "month", "year"):
            return _("as the %(unit)s alone") % {"unit": _UNITS[str(to)]}
        case {"kind": "round", "to": to}:
            return _("rounded to %(to)s") % {"to": to}
        case "partial":
            return _("in part")
    return word(str(access))


@register.filter
def why(field: dict[str, Any]) -> Any:
    """Why a field is shown as it is: the hub's own grounds in the visitor's language, a rule's in its own."""
    if [because["ground"] for because in field["because"]] == ["sensitivity"]:
        return _("Its owner marked it as personal or sensitive, or nobody has classified it yet.")
    return local(field, "reason")


@register.filter
def local(thing: Any, name: str) -> str:
    """The text ``name`` of ``thing`` (an object or a mapping) in the visitor's language, where there is one."""
    read = thing.get if isinstance(thing, dict) else lambda key, default="": getattr(thing, key, default)
    chinese = read(f"{name}_zh", "") if (get_language() or "").startswith("zh") else ""
    return str(chinese or read(name, "") or "")


@register.filter
def detail(access: Any) -> str:
    """What belongs to a rounded or partial access, as a form takes it."""
    match access:
        case {"head": head, "tail": tail}:
            return f"{head},{tail}"
        case {"to": to}:
            return str(to)
    return ""


@register.filter
def minute(text: str) -> str:
    """A moment as JSON has it, to the minute."""
    return text[:16].replace("T", " ")


@register.filter
def typed(moment: Any) -> str:
    """A moment as its input takes it; what was no moment stays as it was typed."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}" if isinstance(moment, datetime) else str(moment or "")


@register.filter
def kind(access: Any) -> str:
    """The kind of an access, a word or a table."""
    return str(access.get("kind", "") if isinstance(access, dict) else access or "")


@register.filter
def in_words(filter_: str) -> str:
    """A row filter as a sentence."""
    return phrases.in_words(filter_)


@register.filter
def of(mapping: dict[str, Any], key: str) -> Any:
    """The value at a key that is a variable; empty for none."""
    value = mapping.get(key)
    return "" if value is None else value


@register.filter
def words_of(text: str) -> list[str]:
    """A list from words with blanks between them."""
    return text.split()
