"""What was refused, beside the field at which it is wrong: for eyes and for screen readers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from hub.errors import FieldError
from hub.web import sentences

register = template.Library()

_NUMBER: Final = re.compile(r"^\d+-")
"""Of one of several forms on a page, before its inputs' names."""
_LABELS: Final = {
    "key": _("Key"),
    "target": _("On what"),
    "party": _("For whom"),
    "effect": _("Effect"),
    "access": _("How a field is shown"),
    "filter": _("Rows"),
    "modes": _("Ways of use"),
    "firm": _("firm"),
    "reason": _("Reason"),
    "reason_zh": _("Reason in Chinese"),
    "legal_basis": _("Legal basis"),
    "valid_from": _("From"),
    "valid_to": _("Until"),
    "review_at": _("Looked at again"),
    "purpose": _("Purpose"),
    "fields": _("Fields"),
    "clients": _("Programs"),
    "keep_until": _("May be kept until"),
    "disposal": _("Afterwards"),
    "assessment": _("Assessment"),
    "may_pass_on": _("May be passed on"),
    "answer": _("Reasons"),
    "question": _("Question"),
    "note": _("Reply"),
    "as": _("Look as"),
    "email": _("Mail address"),
    "password": _("Password"),
    "roles": _("Roles"),
    "code": _("Code"),
    "name": _("Name"),
    "name_zh": _("Name in Chinese"),
    "parent": _("Part of"),
    "scopes": _("Scopes"),
    "config": _("How it is reached"),
    "secrets": _("Secrets"),
    "title": _("Title"),
    "stream": _("Key of the stream"),
    "mode": _("What it does"),
    "cursor": _("Goes on from the greatest"),
    "schedule": _("Schedule (cron, UTC; empty: by hand)"),
    "primary_key": _("Tells rows apart"),
}


@register.simple_tag(takes_context=True)
def invalid(context: Mapping[str, Any], place: str) -> SafeString | str:
    """What an input says of itself where ``place``, or a part of it, was refused."""
    if not _at(context, place):
        return ""
    return format_html('aria-invalid="true" aria-describedby="fault-{}"', place)


@register.simple_tag(takes_context=True)
def fault(context: Mapping[str, Any], place: str) -> SafeString | str:
    """What is wrong at ``place`` and its parts; nothing where nothing is."""
    found = _at(context, place)
    if not found:
        return ""
    said = format_html_join(" ", "{}", ((one.message,) for one in found))
    return format_html('<span class="fault" id="fault-{}">{}</span>', place, said)


@register.filter
def said(sentence: object) -> str:
    """A sentence of the hub's in the visitor's language."""
    return sentences.said(str(sentence))


@register.filter
def label(field: str) -> Any:
    """What the form calls a field, with the part of it that is meant; as it is where no form has it."""
    head, _dot, part = field.partition(".")
    name = _LABELS.get(_NUMBER.sub("", head.partition("[")[0]))
    return field if name is None else part if head in ("fields", "config", "secrets") and part else name


@register.filter
def anchor(field: str) -> str:
    """The element of the page that stands for a field."""
    head, _dot, part = field.partition(".")
    if head == "access" or (head == "fields" and part):
        return f"access-{part or 'field'}"
    return field if head in ("config", "secrets") else head.partition("[")[0]


def _at(context: Mapping[str, Any], place: str) -> list[FieldError]:
    faults: Sequence[FieldError] = context.get("faults") or ()
    return [one for one in faults if one.field == place or one.field.startswith(f"{place}[")]
