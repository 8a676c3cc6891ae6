"""What a rule, a grant or a sharing class may say, checked before it is kept."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

from hub.accounts.models import Agency, AgencyGroup, Client
from hub.catalog.models import Dataset
from hub.errors import FieldError, Invalid
from hub.predicates import FieldType, FilterError, bind, parse
from policies.access import Access
from policies.facts import Party, Target
from policies.regime import Regime

MODES: Final = ("rows", "aggregate", "export", "changes")


def target_columns(text: str) -> dict[str, Any]:
    """A rule's target as its columns; raises ``Invalid`` naming what there is not."""
    target = _parsed(Target.parse, text, "target")
    agency = dataset = None
    if target.dataset:
        dataset = Dataset.objects.filter(key=target.dataset).first()
        if dataset is None:
            raise _unknown("target", f"There is no dataset {target.dataset}.")
        if target.field and not dataset.fields.filter(name=target.field).exists():
            raise _unknown("target", f"{target.dataset} has no field {target.field}.")
    elif target.agency:
        agency = Agency.objects.filter(code=target.agency).first()
        if agency is None:
            raise _unknown("target", f"There is no agency {target.agency}.")
    return {"target_agency": agency, "target_dataset": dataset, "target_field": target.field}


def party_columns(text: str) -> dict[str, Any]:
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


def filter_faults(text: str, dataset: Dataset) -> list[FieldError]:
    """Whether ``text`` is a filter over the dataset's fields."""
    try:
        bind(parse(text), {name: cast(FieldType, type_) for name, type_ in dataset.fields.values_list("name", "type")})
    except FilterError as error:
        return [FieldError("filter", error.code, f"{error.message} {error.hint}".strip())]
    return []


def mode_faults(modes: Iterable[str]) -> list[FieldError]:
    unknown = [mode for mode in modes if mode not in MODES]
    return [FieldError("modes", "invalid", f"{unknown[0]!r} is none of {', '.join(MODES)}.")] if unknown else []


def basis_faults(basis: Sequence[Any]) -> list[FieldError]:
    """A citation has a title, and may have an article and an address."""
    errors = []
    for index, citation in enumerate(basis):
        place = f"legal_basis[{index}]"
        if not isinstance(citation, Mapping) or not str(citation.get("title", "")).strip():
            errors.append(FieldError(place, "invalid", "A legal basis names the law: { title, article, url }."))
        elif set(citation) - {"title", "article", "url"}:
            errors.append(FieldError(place, "invalid", "A legal basis has title, article and url."))
    return errors


def citation_faults(regime: Regime, restriction: str, basis: Sequence[Any]) -> list[FieldError]:
    """Whether the regime wants a law for this restriction, and there is none."""
    if basis or not regime.needs_citation(restriction):
        return []
    message = f"Under the regime {regime.name!r} this needs a legal basis ({restriction})."
    return [FieldError("legal_basis", "citation-required", message)]


def reason_faults(reason: str, what: str) -> list[FieldError]:
    return [] if reason.strip() else [FieldError("reason", "required", f"{what} has a reason.")]


def validity_faults(valid_from: datetime | None, valid_to: datetime | None) -> list[FieldError]:
    if valid_from is not None and valid_to is not None and valid_to <= valid_from:
        return [FieldError("valid_to", "invalid", "valid_to is later than valid_from.")]
    naive = [
        name
        for name, at in (("valid_from", valid_from), ("valid_to", valid_to))
        if at is not None and at.tzinfo is None
    ]
    return [FieldError(name, "invalid", f"{name} needs a zone, such as a Z at its end.") for name in naive]


def refuse(errors: Sequence[FieldError]) -> None:
    """Raise ``Invalid`` if there are any."""
    if errors:
        raise Invalid(errors[0].message, code=errors[0].code, errors=errors)


def _parsed(parse_text: Any, text: str, field: str) -> Any:
    try:
        return parse_text(text)
    except Invalid as error:
        raise Invalid(
            error.message, code=error.code, hint=error.hint, errors=[FieldError(field, error.code, error.message)]
        ) from None


def _unknown(field: str, message: str) -> Invalid:
    return Invalid(message, code="unknown", errors=[FieldError(field, "unknown", message)])
