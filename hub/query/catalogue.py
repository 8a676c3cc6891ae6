"""What a caller may list: steps 1 and 3 of a decision for all datasets at once, in SQL."""

from collections.abc import Mapping
from typing import Any, Literal

from django.db.models import Case, CharField, Exists, OuterRef, Q, QuerySet, Value, When

from hub.accounts.caller import Caller
from hub.accounts.stewardship import stewardships
from hub.catalog.models import PLAIN, PUBLIC_STATUSES, Dataset, Field, Wording
from hub.predicates import FieldType
from hub.query.gate import NONE, Gate, gate_of
from hub.query.views import open_view
from hub.store.select.relation import Shown
from policies.facts import Mode

AccessWord = Literal["open", "on-request", "closed"]


def visible_datasets(caller: Caller) -> QuerySet[Dataset]:
    """Those that exist for ``caller``: exactly the ones for which ``decide`` says so, in whatever mode."""
    return Dataset.objects.select_related("agency").filter(_scoped(caller), _known(caller))


def visible_wordings(caller: Caller) -> QuerySet[Wording]:
    """The same datasets by their wordings, where most need one look to be known to exist for everyone."""
    return Wording.objects.filter(_scoped(caller), Q(is_plain=True) | _known(caller))


def worded_parts(caller: Caller) -> tuple[QuerySet[Wording], QuerySet[Wording]]:
    """The same in two parts that share none: those that exist for everyone, and the few others."""
    plain = Wording.objects.filter(_scoped(caller), is_plain=True)
    return plain, Wording.objects.filter(_scoped(caller), _known(caller), is_plain=False)


def worded_datasets(wordings: QuerySet[Wording]) -> QuerySet[Dataset]:
    """The datasets of a page of wordings, in one statement with it: who may know of them is settled there."""
    return Dataset.objects.select_related("agency").filter(pk__in=wordings.values("pk"))


def visible_parts(caller: Caller) -> tuple[QuerySet[Dataset], QuerySet[Dataset]]:
    """The same in two parts that share none, to be counted: those that exist for everyone, and the few others."""
    return Dataset.objects.filter(_scoped(caller), PLAIN), visible_datasets(caller).filter(~PLAIN)


def readable_datasets(caller: Caller, mode: Mode = "rows") -> QuerySet[Dataset]:
    """Those of which ``decide`` permits ``caller`` to read in ``mode``, under the agreement of its token or none."""
    return visible_datasets(caller).filter(_readable(caller, mode))


def with_access(datasets: QuerySet[Dataset], caller: Caller) -> QuerySet[Dataset]:
    """The same datasets with ``access``: ``open`` to the caller, ``closed`` to all others, else ``on-request``."""
    word = Case(
        When(_readable(caller, "rows"), then=Value("open")),
        When(_SHUT, then=Value("closed")),
        default=Value("on-request"),
        output_field=CharField(),
    )
    return datasets.annotate(access=word)


def having_access(datasets: QuerySet[Any], caller: Caller, word: AccessWord) -> QuerySet[Any]:
    """Those (datasets or their wordings) to which ``with_access`` gives this word; the gate is asked last."""
    readable = _readable(caller, "rows")
    if word == "open":
        return datasets.filter(readable)
    return datasets.filter(_SHUT if word == "closed" else ~_SHUT, ~readable)


_SHUT = ~Q(sharing_class__in=("unconditional", "conditional")) | Q(status=Dataset.Status.RETIRED)


def view_schema(caller: Caller, key: str, agreement: str = "") -> dict[str, Any]:
    """JSON Schema (2020-12) of one row of the caller's view; raises ``NotFound`` and ``Forbidden`` as reading does."""
    view = open_view(caller, key, agreement=agreement)
    described = {field.name: field for field in Field.objects.filter(dataset__key=key)}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": key,
        "type": "object",
        "properties": {shown.name: _property(shown, described[shown.name]) for shown in view.fields},
        "required": [shown.name for shown in view.fields],
        "additionalProperties": False,
    }
    if view.key_is_clear:
        schema["x-primary-key"] = list(view.primary_key)
    return schema


_JSON_TYPES: Mapping[FieldType, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "decimal": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
    "time": {"type": "string", "format": "time"},
    "json": {},
    "geometry": {"type": "object"},
}


def _property(shown: Shown, field: Field) -> dict[str, Any]:
    """One field as it is seen; of its contract only what also holds for the form in which it is seen.

    Whether a field has no nulls is told by what is declared: what rows hold could be rows that the caller never sees.
    """
    schema: dict[str, Any] = dict(_JSON_TYPES[shown.type])
    if "type" in schema and not (shown.never_null and field.is_required):
        schema["type"] = [schema["type"], "null"]
    texts = {"title": field.title, "description": field.description, "x-unit": field.unit}
    schema.update({name: text for name, text in texts.items() if text})
    if shown.is_plain and field.codes:
        schema["x-codes"] = field.codes
    return schema


def _covers_all(caller: Caller) -> bool:
    return not caller.scopes or not caller.scopes.isdisjoint({"read", "read:*"})


def _scoped(caller: Caller) -> Q:
    """What the token covers."""
    if _covers_all(caller):
        return Q()
    covered = Q(pk=None)
    for scope in caller.scopes:
        verb, _, target = scope.partition(":")
        if verb == "read" and target.endswith(".*"):
            covered |= Q(key__startswith=target.removesuffix("*"))
        elif verb == "read":
            covered |= Q(key=target)
    return covered


def _known(caller: Caller) -> Q:
    """Step 1 of a decision, but for what the token covers."""
    gate = gate_of(caller)
    managed, public = _managed(caller, gate), Q(status__in=PUBLIC_STATUSES)
    return (public | managed) & (
        Q(is_secret=False) | managed | _own(caller, gate) | gate.passes(None) | gate.passes_under()
    )


def _managed(caller: Caller, gate: Gate) -> Q:
    if caller.has_role("authority", "system"):
        return ~NONE
    if caller.has_role("publisher", "reviewer"):
        return gate.is_own()
    if not caller.email:
        return NONE
    return gate.is_own() & Q(Exists(stewardships(Dataset, caller).filter(content_object=OuterRef("pk"))))


def _own(caller: Caller, gate: Gate) -> Q:
    return NONE if caller.is_external else gate.is_own()


def _readable(caller: Caller, mode: Mode) -> Q:
    gate, active = gate_of(caller), ~Q(status=Dataset.Status.RETIRED)
    own = _own(caller, gate)
    if not caller.agreement:
        return active & (own | gate.passes(mode))
    is_conditional = Q(sharing_class="conditional")
    passes = is_conditional & gate.passes_under(caller.agreement, mode) | ~is_conditional & gate.passes(mode)
    return active & ~own & gate.is_agreed(caller.agreement) & passes
