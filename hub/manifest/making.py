"""Commands that make each kind of thing in a manifest, or bring it to what is declared."""

from collections.abc import Sequence
from typing import Any, Final

from connectors import commands as connectors
from connectors.models import Source, Stream
from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.keys import keyed
from hub.accounts.models import Agency, Client, Team
from hub.catalog import commands as catalog
from hub.catalog.models import Dataset
from hub.errors import FieldError, Invalid
from hub.manifest.things import Values, asked_indexes, dataset_values
from hub.store.indexing.commands import ask_index, drop_index
from policies import commands as policies
from policies.models import Agreement, Rule

APPROVER: Final = "manifest"


def needed(model: type[Any], field: str, **lookup: str) -> Any:
    """The thing that a key refers to; raises ``Invalid`` naming what there is not."""
    found = model.objects.filter(**lookup).first()
    if found is None:
        message = f"There is no {field} {next(iter(lookup.values()))}."
        raise Invalid(message, code="unknown", errors=[FieldError(field, "unknown", message)])
    return found


def make_agency(values: dict[str, Any]) -> None:
    words = {word: values[word] for word in ("code", "name", "name_zh", "limits") if word in values}
    accounts.create_agency(actor=HUB, **words)


def change_agency(thing: Agency, changed: dict[str, Any]) -> None:
    retire = changed.pop("retire", None)
    if changed:
        accounts.edit_agency(actor=HUB, agency=thing, **changed)
    if retire is not None:
        accounts.switch_agency(actor=HUB, agency=thing, is_active=not retire)


def set_group(values: dict[str, Any]) -> None:
    policies.set_group(actor=HUB, key=values["key"], agencies=values["agencies"])


def make_client(values: dict[str, Any]) -> None:
    owner = needed(Agency, "agency", code=values["agency"])
    roles, is_external = values.get("roles", ()), values.get("external", False)
    limits = values.get("limits")
    accounts.create_client(
        actor=HUB, agency=owner, name=values["name"], roles=roles, is_external=is_external, limits=limits
    )


def change_client(thing: Client, changed: dict[str, Any]) -> None:
    retire = changed.pop("retire", None)
    if "external" in changed:
        changed["is_external"] = changed.pop("external")
    if changed:
        accounts.edit_client(actor=HUB, client=thing, **changed)
    if retire is not None:
        accounts.switch_client(actor=HUB, client=thing, is_active=not retire)


def make_team(values: dict[str, Any]) -> None:
    owner = needed(Agency, "agency", code=values.pop("agency"))
    accounts.make_team(actor=HUB, agency=owner, **values)


def change_team(thing: Team, changed: dict[str, Any]) -> None:
    if changed.get("retire"):
        accounts.end_team(actor=HUB, team=thing)
        return
    if "members" in changed:
        accounts.set_team(actor=HUB, team=thing, members=changed["members"])
    if "stewardships" in changed:
        accounts.set_stewardships(actor=HUB, team=thing, stewardships=changed["stewardships"])


def make_source(values: dict[str, Any]) -> None:
    owner = needed(Agency, "agency", code=values["agency"])
    words = {word: values[word] for word in ("key", "kind", "config")}
    connectors.register_source(actor=HUB, agency=owner, secrets=values.get("secrets", {}), **words)


def change_source(thing: Source, changed: dict[str, Any]) -> None:
    _fixed(changed, "agency", "kind")
    if "retire" in changed:
        changed["is_active"] = not changed.pop("retire")
    connectors.edit_source(actor=HUB, source=thing, **changed)


def make_stream(values: dict[str, Any]) -> None:
    dataset = needed(Dataset, "dataset", key=values["dataset"])
    source = keyed(Source.objects.select_related("agency"), values["source"], dataset.agency.code)
    if source is None:
        message = f"There is no source {values['source']}."
        raise Invalid(message, code="unknown", errors=[FieldError("source", "unknown", message)])
    words = ("key", "select", "mode", "cursor", "overlap", "deleted", "schedule", "contract")
    rest = {word: values[word] for word in words if word in values}
    connectors.register_stream(actor=HUB, source=source, dataset=dataset, **rest)


def change_stream(thing: Stream, changed: dict[str, Any]) -> None:
    _fixed(changed, "dataset", "source")
    if "retire" in changed:
        changed["is_active"] = not changed.pop("retire")
    connectors.edit_stream(actor=HUB, stream=thing, **changed)


def make_dataset(values: dict[str, Any], fields: Sequence[Values]) -> None:
    owner = needed(Agency, "agency", code=values["key"].partition(".")[0])
    plain = {key: value for key, value in values.items() if key in ("key", *catalog.DATASET_KEYS)}
    dataset = catalog.register_dataset(actor=HUB, agency=owner, fields=fields, **plain)
    _classify(dataset, values)
    _set_indexes(dataset, values.get("indexes", ()))
    if values.get("publish", True):
        catalog.publish_dataset(actor=HUB, dataset=dataset)


def change_dataset(thing: Dataset, changed: dict[str, Any], values: Values, fields: Sequence[Values]) -> None:
    """``fields`` are those that are new or differ."""
    if fields:
        catalog.set_fields(actor=HUB, dataset=thing, fields=fields)
    if not changed.keys().isdisjoint(_TERMS):  # first: what is marked secret rests on the legal basis
        _classify(thing, {**dataset_values(thing), **values})
    plain = {key: value for key, value in changed.items() if key in catalog.DATASET_KEYS}
    if plain:
        catalog.edit_dataset(actor=HUB, dataset=thing, **plain)
    if "indexes" in changed:
        _set_indexes(thing, changed["indexes"])
    if changed.get("publish"):
        catalog.publish_dataset(actor=HUB, dataset=thing)
    if changed.get("retire"):
        catalog.retire_dataset(actor=HUB, dataset=thing)


def _set_indexes(dataset: Dataset, declared: Sequence[Sequence[str]]) -> None:
    for index in asked_indexes(dataset):
        if index.fields not in declared:
            drop_index(actor=HUB, dataset=dataset, index=index)
    present = [list(index.fields) for index in asked_indexes(dataset)]
    for fields in declared:
        if fields not in present:
            try:
                ask_index(actor=HUB, dataset=dataset, fields=fields)
            except Invalid as error:
                faults = [FieldError("indexes", fault.code, fault.message) for fault in error.errors]
                raise Invalid(error.message, errors=faults) from None


_TERMS: Final = ("class", "conditions", "reason", "legal_basis")


def _classify(dataset: Dataset, values: Values) -> None:
    if any(values.get(term) for term in _TERMS):
        policies.classify_dataset(
            actor=HUB,
            dataset=dataset,
            sharing_class=values.get("class", "unconditional"),
            reason=values.get("reason", ""),
            legal_basis=values.get("legal_basis", ()),
            conditions=values.get("conditions", ""),
        )


def make_rule(values: dict[str, Any]) -> None:
    values = {key: value for key, value in values.items() if key != "retire"}
    policies.approve_rule(actor=HUB, rule=policies.draft_rule(actor=HUB, **values), approver=APPROVER)


def change_rule(thing: Rule, changed: dict[str, Any]) -> None:
    retire = changed.pop("retire", None)
    if retire is False:
        message = f"The rule {thing.key} was retired and stays so."
        raise Invalid(message, hint="Give it a new key.", errors=[FieldError("key", "retired", message)])
    is_declared_in_force = changed.pop("status", "") == Rule.Status.APPROVED
    if changed:
        policies.edit_rule(actor=HUB, rule=thing, **changed)
    if retire:
        policies.retire_rule(actor=HUB, rule=thing)
    elif is_declared_in_force:
        policies.approve_rule(actor=HUB, rule=thing, approver=APPROVER)


def make_agreement(values: dict[str, Any]) -> None:
    dataset = needed(Dataset, "dataset", key=values["dataset"])
    consumer = needed(Agency, "agency", code=values["agency"])
    rest = {key: value for key, value in values.items() if key not in ("dataset", "agency", "retire")}
    policies.make_agreement(actor=HUB, dataset=dataset, agency=consumer, **rest)


def change_agreement(thing: Agreement, changed: dict[str, Any]) -> None:
    _fixed(changed, "dataset", "agency")
    retire = changed.pop("retire", None)
    if retire is False:
        message = f"The agreement {thing.key} has ended and stays so."
        raise Invalid(message, hint="Give it a new key.", errors=[FieldError("key", "ended", message)])
    if changed:
        policies.edit_agreement(actor=HUB, agreement=thing, **changed)
    if retire:
        policies.end_agreement(actor=HUB, agreement=thing)


def _fixed(changed: Values, *keys: str) -> None:
    for key in keys:
        if key in changed:
            message = f"The {key} of a thing that is there cannot change."
            raise Invalid(message, hint="Retire it, and declare another.", errors=[FieldError(key, "fixed", message)])
