"""What a rule, a grant or a sharing class may say, checked before it is kept."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar, cast

from hub.accounts.models import Agency, AgencyGroup, Client
from hub.catalog.models import Dataset
from hub.catalog.texts import text_faults
from hub.errors import FieldError, Invalid
from hub.predicates import FieldType, FilterError, bind, parse
from policies.access import Access
from policies.facts import Party, Target
from policies.regime import Regime

MODES: Final = ("rows", "aggregate", "export", "changes")
_T = TypeVar("_T")


def parsed_target(text: object) -> Target:
    """Raises ``Invalid`` with its place."""
    return _parsed(Target.parse, text, "target")


def target_columns(target: Target) -> dict[str, Any]:
    """A rule's target as its columns; raises ``Invalid`` naming what there is not."""
    agency = dataset = None
    if target.dataset:
        dataset = Dataset.objects.select_related("agency").filter(key=target.dataset).first()
        if dataset is None:
            raise _unknown("target", f"There is no dataset {target.dataset}.")
        if target.field and not dataset.fields.filter(name=target.field).exists():
            raise _unknown("target", f"{target.dataset} has no field {target.field}.")
    elif target.agency:
        agency = Agency.objects.filter(code=target.agency).first()
        if agency is None:
            raise _unknown("target", f"There is no agency {target.agency}.")
    return {"target_agency": agency, "target_dataset": dataset, "target_field": target.field}


def party_columns(text: object) -> dict[str, Any]:
    """A rule's party as its columns; raises ``Invalid`` naming what there is not."""
    party = _parsed(Party.parse, text, "party")
    columns: dict[str, Any] = {"party_group": None, "party_agency": None, "party_client": None}
    match party.kind:
        case "group":
            columns["party_group"] = AgencyGroup.objects.filter(key=party.name).first()
        case "agency":
            columns["party_agency"] = Agency.objects.filter(code=party.name).first()
        case "client":
            agency, _, name = party.name.partition("/")
            columns["party_client"] = Client.objects.filter(agency__code=agency, name=name).first()
    if party.kind != "everyone" and columns[f"party_{party.kind}"] is None:
        raise _unknown("party", f"There is no {party.kind} {party.name}.")
    return columns


def access_faults(value: object, field: str, type_: str) -> list[FieldError]:
    """Whether ``value`` is an access in which a field of this type can be shown."""
    try:
        access = Access.parse(value)
    except Invalid as error:
        return [FieldError(field, error.code, f"{error.message} {error.hint}")]
    if not access.fits(cast(FieldType, type_)):
        return [FieldError(field, "access-invalid", f"A field of type {type_} cannot be shown so: {value!r}.")]
    return []


def empty_faults(values: Mapping[str, Any]) -> list[FieldError]:
    """An empty filter is a mistake, never every row: who wants none leaves it out, or says null."""
    said = values.get("filter")
    if isinstance(said, str) and not said.strip():
        return [FieldError("filter", "filter-invalid", "The filter is empty; leave it out where no filter is meant.")]
    return []


def field_types(dataset: Dataset, unknown: frozenset[str] = frozenset()) -> dict[str, FieldType]:
    """The dataset's fields with their types, but for those that are ``unknown`` to who asks."""
    known = dataset.fields.exclude(name__in=unknown).values_list("name", "type")
    return {name: cast(FieldType, type_) for name, type_ in known}


def filter_faults(text: str, types: Mapping[str, FieldType]) -> list[FieldError]:
    """Whether ``text`` is a filter over fields of these types; what is wrong is said with its place in the text."""
    try:
        bind(parse(text), types)
    except FilterError as error:
        return [FieldError("filter", error.code, f"{error.message} {error.hint}".strip())]
    return []


def mode_faults(modes: Any) -> list[FieldError]:
    if not isinstance(modes, list | tuple):
        return [FieldError("modes", "invalid", "modes is a list.")]
    unknown = [mode for mode in modes if mode not in MODES]
    return [FieldError("modes", "invalid", f"{unknown[0]!r} is none of {', '.join(MODES)}.")] if unknown else []


def citation_faults(regime: Regime, restriction: str, basis: Sequence[Any]) -> list[FieldError]:
    """Whether the regime wants a law for this restriction and there is none, or one of a kind that cannot carry it."""
    kinds = regime.citations.get(restriction, ())
    if not basis and regime.needs_citation(restriction):
        message = f"Under the regime {regime.name!r} this needs a legal basis ({restriction}): {', '.join(kinds)}."
        return [FieldError("legal_basis", "citation-required", message)]
    return [
        FieldError(
            f"legal_basis[{index}].kind",
            "citation-invalid",
            f"Under the regime {regime.name!r} this ({restriction}) does not rest on {citation['kind']!r}: "
            f"{', '.join(kinds or regime.kinds_of_law)}.",
        )
        for index, citation in enumerate(basis)
        if isinstance(citation, Mapping)
        and citation.get("kind")
        and citation["kind"] not in (kinds or regime.kinds_of_law)
    ]


def validity_faults(**moments: Any) -> list[FieldError]:
    """Whether each is a moment with its zone, or none, and ``valid_to`` comes after ``valid_from``."""
    errors = [
        FieldError(name, "invalid", f"{name} is a moment with its zone, such as 2027-06-30T00:00:00Z.")
        for name, at in moments.items()
        if at is not None and not (isinstance(at, datetime) and at.tzinfo is not None)
    ]
    valid_from, valid_to = moments.get("valid_from"), moments.get("valid_to")
    if not errors and valid_from is not None and valid_to is not None and valid_to <= valid_from:
        errors.append(FieldError("valid_to", "invalid", "valid_to is later than valid_from."))
    return errors


def refuse(errors: Sequence[FieldError]) -> None:
    """Raise ``Invalid`` if there are any."""
    if errors:
        raise Invalid(errors[0].message, code=errors[0].code, errors=errors)


def _parsed(parse_text: Callable[[str], _T], text: object, field: str) -> _T:
    refuse(text_faults(field, text))
    try:
        return parse_text(cast(str, text))
    except Invalid as error:
        raise Invalid(
            error.message, code=error.code, hint=error.hint, errors=[FieldError(field, error.code, error.message)]
        ) from None


def _unknown(field: str, message: str) -> Invalid:
    return Invalid(message, code="unknown", errors=[FieldError(field, "unknown", message)])
