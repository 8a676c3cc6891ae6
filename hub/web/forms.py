"""What was typed into a form, as the commands take it; what cannot be read is left for them to refuse."""

from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict
from django.utils.dateparse import parse_datetime

from hub.catalog.models import Field
from policies.models import Agreement, Application

_CITED = ("title", "article", "url", "kind")
_PLAIN = ("purpose", "disposal", "assessment")
_MOMENTS = ("valid_from", "valid_to", "keep_until")


def moment(said: QueryDict, name: str) -> datetime | str | None:
    """A moment in UTC; None where nothing was said."""
    text = said.get(name, "").strip()
    try:
        at = parse_datetime(text) if text else None
    except ValueError:
        return text
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) if at else text or None


def citations(said: QueryDict) -> list[dict[str, str]]:
    """The citations of a legal basis, one in each row of the form; empty rows are none."""
    columns = [said.getlist(f"basis_{key}") for key in _CITED]
    rows = [dict(zip(_CITED, map(str.strip, row), strict=True)) for row in zip(*columns, strict=False)]
    return [{key: text for key, text in row.items() if text} for row in rows if any(row.values())]


def access(said: QueryDict, name: str) -> Any:
    """The access that was chosen for ``name``; empty where none was."""
    kind, detail = said.get(f"access-{name}", ""), said.get(f"detail-{name}", "").strip()
    if kind == "round":
        return {"kind": kind, "to": detail}
    if kind == "partial":
        head, _, tail = detail.partition(",")
        return {"kind": kind, "head": _count(head), "tail": _count(tail or "0")}
    return kind


def terms(said: QueryDict, fields: list[Field]) -> dict[str, Any]:
    """What is asked for, or granted, of ``fields``."""
    wished = {field.name: access(said, field.name) for field in fields}
    return {
        "fields": {name: value for name, value in wished.items() if value},
        "filter": said.get("filter", "").strip() or None,
        "modes": said.getlist("modes"),
        "clients": said.getlist("clients"),
        **{name: said.get(name, "").strip() for name in _PLAIN},
        "legal_basis": citations(said),
        "may_pass_on": "may_pass_on" in said,
        **{name: moment(said, name) for name in _MOMENTS if name in said},
    }


def terms_of(thing: Application | Agreement) -> dict[str, Any]:
    """The terms that there are, as ``terms`` reads them."""
    plain = ("fields", "filter", "modes", *_PLAIN, "legal_basis", "may_pass_on", *_MOMENTS)
    return {
        **{name: getattr(thing, name) for name in plain},
        "clients": [str(client) for client in thing.clients.all()],
    }


def rule(said: QueryDict) -> dict[str, Any]:
    """The words of a rule, all of them: what was emptied is taken away."""
    effect = said.get("effect", "")
    return {
        **{name: said.get(name, "").strip() for name in ("target", "party", "reason", "reason_zh")},
        "effect": effect or None,
        "access": access(said, "field") or None,
        "filter": said.get("filter", "").strip() or None,
        "firm": "firm" in said,
        "modes": said.getlist("modes"),
        "legal_basis": citations(said),
        **{name: moment(said, name) for name in ("valid_from", "valid_to", "review_at")},
    }


def _count(text: str) -> int | str:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else text
