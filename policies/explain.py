"""A decision in words and plain data, made from the decision alone."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from hub.predicates import And, Not, Or, Predicate, names, to_text
from policies.decision import Because, Decision, FieldDecision
from policies.facts import LegalBasis, RuleFacts

_ON_REQUEST = frozenset({"denied", "agreement-required", "agreement-invalid"})


def explanation(decision: Decision, *, full: bool = False, answer_days: int | None = None) -> dict[str, Any]:
    """What was decided and why, as JSON has it. ``answer_days`` are the working days an application is answered in.

    Whoever administers the dataset is told all (``full``). The caller is told nothing of fields that are secret to
    it, and of a row filter over a field that it does not see in clear only the reason.
    """
    until = decision.until if full else decision.told_until
    return {
        "decision": "permit" if decision.permit else "deny",
        "code": decision.code,
        "reason": decision.reason,
        **_in_chinese([item for item in decision.because if item.reason][:1]),
        "rows": _rows(decision, full),
        "fields": [_field(field, full) for field in decision.fields if full or not field.is_secret],
        "because": [_because(item, decision, full) for item in decision.because],
        "agreement": decision.grant.key if decision.grant else None,
        "agreements": list(decision.agreements),
        "until": _moment(until),
        "next_step": decision.next_step or None,
        "application": _application(decision, answer_days),
    }


def _application(decision: Decision, answer_days: int | None) -> dict[str, Any] | None:
    """How to ask for more: which form, who answers, by when."""
    if not decision.can_apply:
        return None
    return {
        "form": "POST /api/v1/applications",
        "dataset": decision.dataset.key,
        "to": decision.dataset.agency,
        "working_days": answer_days,
    }


def availability(decision: Decision) -> str:
    """In one word, as the catalogue lists it: ``open``, ``on-request`` or ``closed``."""
    if decision.permit:
        return "open"
    is_shared = decision.dataset.sharing_class in ("unconditional", "conditional")
    is_asked_for = is_shared and decision.dataset.status != "retired" and decision.code in _ON_REQUEST
    return "on-request" if is_asked_for else "closed"


def _rows(decision: Decision, full: bool) -> dict[str, Any]:
    filters = [item for item in decision.because if item.filter is not None or not item.is_readable]
    is_told = full or all(_is_told(item, decision) for item in filters)
    return {
        "visible": _visible(decision),
        "filter": _filter_text(decision) if is_told else None,
        **_reasons(filters),
    }


def _reasons(because: Iterable[Because]) -> dict[str, str | None]:
    """Every reason once, in the language it was given in, and in Chinese where one of them was given so."""
    given = [item for item in because if item.reason]
    return {"reason": " ".join(dict.fromkeys(item.reason for item in given)) or None, **_in_chinese(given)}


def _in_chinese(because: Sequence[Because]) -> dict[str, str]:
    if not any(item.reason_zh for item in because):
        return {}
    return {"reason_zh": " ".join(dict.fromkeys(item.reason_zh or item.reason for item in because))}


def _visible(decision: Decision) -> str:
    if decision.rows.any_of == ():
        return "none"
    return "all" if decision.rows.any_of == "all" and not decision.rows.none_of else "some"


def _filter_text(decision: Decision) -> str | None:
    """One filter that says which rows are visible; None where it is all of them, or none."""
    rows = decision.rows
    parts: list[Predicate] = [Not(tree) for tree in rows.none_of]
    if rows.any_of == ():
        return None
    if rows.any_of != "all":
        parts.insert(0, rows.any_of[0] if len(rows.any_of) == 1 else Or(rows.any_of))
    if not parts:
        return None
    return to_text(parts[0] if len(parts) == 1 else And(tuple(parts)))


def _field(field: FieldDecision, full: bool) -> dict[str, Any]:
    """A field as the caller sees it; in full also its stored type, which row filters and accesses go by."""
    basis = dict.fromkeys(citation for item in field.because for citation in item.legal_basis)
    return {
        "name": field.name,
        "access": field.access.as_json(),
        "type": field.seen_type if field.is_seen else None,
        **_reasons(field.because),
        "legal_basis": list(map(_citation, basis)),
        "because": [_source(item) for item in field.because],
        **({"stored_type": field.type} if full else {}),
    }


def _because(item: Because, decision: Decision, full: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "step": item.step,
        **_source(item),
        "reason": item.reason or None,
        "legal_basis": list(map(_citation, item.legal_basis)),
    }
    if item.reason_zh:
        told["reason_zh"] = item.reason_zh
    if item.filter is not None and (full or _is_told(item, decision)):
        told["filter"] = to_text(item.filter)
    if not item.is_readable:
        told["problem"] = "The filter or access cannot be read any more and counts at its strictest."
    return told


def _source(item: Because) -> dict[str, Any]:
    """Which rule, agreement or property of the dataset it was, and what it did."""
    said: dict[str, Any] = {"ground": item.ground}
    if item.source is not None:
        said["key"] = item.source.key
    if isinstance(item.source, RuleFacts):
        said["target"], said["party"] = str(item.source.target), str(item.source.party)
        said["firm"] = item.source.is_firm
    if item.effect is not None:
        said["effect"] = item.effect
    if item.access is not None:
        said["access"] = item.access.as_json()
    return said


def _is_told(item: Because, decision: Decision) -> bool:
    """A filter is told to those who see every field that it uses in clear."""
    return item.filter is None or set(names(item.filter)) <= set(_clear_names(decision))


def _clear_names(decision: Decision) -> Iterator[str]:
    return (field.name for field in decision.fields if field.access.kind == "clear")


def _citation(basis: LegalBasis) -> dict[str, str]:
    said = {"title": basis.title, "article": basis.article, "url": basis.url}
    return {**said, "kind": basis.kind} if basis.kind else said


def _moment(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
