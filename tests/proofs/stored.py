"""A generated hub as rows of the hub's own tables: the tables are made once, then filled anew for each hub."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from django.db import connection

from hub.accounts.models import Agency, AgencyGroup, Client
from hub.catalog.models import Dataset, Field
from hub.query.kept import Kept
from hub.store.tables import ensure_relation
from policies.facts import GrantFacts, RuleFacts
from policies.models import Agreement, Rule
from tests.proofs import values
from tests.proofs.generated import CLIENTS, GROUPS, KEYS, Hub
from tests.proofs.world import Row

NUMBERS = {name: number for number, name in enumerate(values.TYPES, start=1)}
LATER = "later"
"""A word that this release does not know, where the tables hold what the next one wrote."""


def build(count: int) -> tuple[Row, ...]:
    """Agencies, clients, groups and datasets, and ``count`` rows in each dataset's table."""
    agencies = {code: Agency.objects.create(code=code, name=code) for code in ("aa", "bb", "cc")}
    for client in CLIENTS:
        agency, _, name = client.partition("/")
        Client.objects.create(agency=agencies[agency], name=name, is_external=client == "aa/web")
    AgencyGroup.objects.bulk_create(AgencyGroup(key=key) for key in GROUPS)
    random = Random(count)
    rows = tuple(values.row(random, number) for number in range(count))
    for key in KEYS:
        dataset = Dataset.objects.create(agency=agencies[key[:2]], key=key, title=key, primary_key=["id"])
        Field.objects.bulk_create(_field(dataset, name) for name in values.TYPES)
        _fill(ensure_relation(dataset).table, rows)
    return rows


def put(hub: Hub) -> None:
    """These datasets' facts, rules and agreements, and no others."""
    Rule.objects.all().delete()
    Agreement.objects.all().delete()
    Field.objects.all().delete()
    datasets = {dataset.key: dataset for dataset in Dataset.objects.all()}
    for facts in hub.datasets:
        dataset = datasets[facts.key]
        dataset.sharing_class, dataset.status, dataset.is_secret = facts.sharing_class, facts.status, facts.is_secret
        dataset.reason = facts.reason
        known = {field.name: {"sensitivity": field.sensitivity, "is_secret": field.is_secret} for field in facts.fields}
        links = {field.name: field.link for field in facts.fields}
        Field.objects.bulk_create(_field(dataset, name, link=links[name], **told) for name, told in known.items())
    Dataset.objects.bulk_update(datasets.values(), ["sharing_class", "status", "is_secret", "reason"])
    agencies = {agency.code: agency for agency in Agency.objects.all()}
    groups = {group.key: group for group in AgencyGroup.objects.all()}
    clients = {str(client): client for client in Client.objects.select_related("agency")}
    Rule.objects.bulk_create(_rule(rule, datasets, agencies, groups, clients) for rule in hub.rules)
    for grant in hub.agreements:
        agreement = _agreement(grant, datasets, agencies)
        agreement.save()
        agreement.clients.set(clients[name] for name in grant.clients)
    Kept.forget()


def storable(hub: Hub) -> Hub:
    """The same as far as tables can hold it: no filter is an empty text, and every agreement begins and ends."""
    return replace(
        hub,
        rules=tuple(replace(rule, filter=rule.filter or None) for rule in hub.rules),
        agreements=tuple(
            replace(
                grant,
                filter=grant.filter or None,
                valid_from=grant.valid_from or hub.at - dt.timedelta(days=20),
                valid_to=grant.valid_to or hub.at + dt.timedelta(days=20),
            )
            for grant in hub.agreements
        ),
    )


def _field(dataset: Dataset, name: str, **told: object) -> Field:
    return Field(dataset=dataset, number=NUMBERS[name], name=name, type=values.TYPES[name], **told)


def _fill(table: str, rows: Sequence[Row]) -> None:
    columns = ", ".join(f"c{NUMBERS[name]}" for name in values.TYPES)
    places = ", ".join("%s" for _ in values.TYPES)
    stored = [[_stored(row[name], type_) for name, type_ in values.TYPES.items()] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", stored)


def _stored(value: object, type_: str) -> object:
    if value is not None and type_ in ("json", "geometry"):
        return json.dumps(value)
    return value.replace(tzinfo=None) if isinstance(value, dt.datetime) else value


def _rule(
    rule: RuleFacts,
    datasets: dict[str, Dataset],
    agencies: dict[str, Agency],
    groups: dict[str, AgencyGroup],
    clients: dict[str, Client],
) -> Rule:
    target, party = rule.target, rule.party
    return Rule(
        key=rule.key,
        status=Rule.Status.APPROVED,
        target_agency=agencies[target.agency] if target.agency and not target.dataset else None,
        target_dataset=datasets[target.dataset] if target.dataset else None,
        target_field=target.field,
        party_group=groups[party.name] if party.kind == "group" else None,
        party_agency=agencies[party.name] if party.kind == "agency" else None,
        party_client=clients[party.name] if party.kind == "client" else None,
        effect="" if target.field else rule.effect or LATER,
        access=(rule.access.as_json() if rule.access else LATER) if target.field else None,
        filter=rule.filter or "",
        is_firm=rule.is_firm,
        modes=sorted(rule.modes),
        reason=rule.reason,
        valid_from=rule.valid_from,
        valid_to=rule.valid_to,
        author="author@aa.example",
        approver="approver@aa.example",
    )


def _agreement(grant: GrantFacts, datasets: dict[str, Dataset], agencies: dict[str, Agency]) -> Agreement:
    return Agreement(
        key=grant.key,
        owner=datasets[grant.dataset].agency,
        dataset=datasets[grant.dataset],
        agency=agencies[grant.agency],
        fields={name: access.as_json() for name, access in grant.fields.items()},
        filter=grant.filter or "",
        modes=sorted(grant.modes),
        purpose=grant.reason,
        valid_from=grant.valid_from,
        valid_to=grant.valid_to,
        agreed_by="head@bb.example",
    )
