"""Each kind of thing that there is, in a manifest's own words."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from connectors.models import Source, Stream
from connectors.secrets import unseal
from hub.accounts.models import Agency, AgencyGroup, Client, Membership, Team
from hub.accounts.stewardship import stewardship_words
from hub.catalog.models import Dataset, Field
from hub.store.models import Index
from policies.granting import TERMS
from policies.models import Agreement, Rule
from policies.queries import rule_words

Values = Mapping[str, Any]


def agency(code: str) -> Agency | None:
    return Agency.objects.select_related("parent").filter(code=code).first()


def agency_values(thing: Agency) -> Values:
    parent = thing.parent.code if thing.parent else ""
    return {
        "name": thing.name,
        "name_zh": thing.name_zh,
        "parent": parent,
        "limits": thing.limits,
        "retire": not thing.is_active,
    }


def group_values(thing: AgencyGroup) -> Values:
    return {"agencies": sorted(thing.agencies.values_list("code", flat=True))}


def client(agency_code: str, name: str) -> Client | None:
    return Client.objects.select_related("agency").filter(agency__code=agency_code, name=name).first()


def client_values(thing: Client) -> Values:
    return {
        "roles": sorted(thing.roles),
        "external": thing.is_external,
        "limits": thing.limits,
        "retire": not thing.is_active,
    }


def member(agency_code: str, email: str) -> Membership | None:
    found = Membership.objects.select_related("agency", "user")
    return found.filter(agency__code=agency_code, user__email=email.strip().lower()).first()


def team(agency_code: str, name: str) -> Team | None:
    return Team.objects.select_related("agency", "group").filter(agency__code=agency_code, name=name).first()


def team_values(thing: Team) -> Values:
    members = sorted(thing.group.user_set.values_list("email", flat=True))
    return {"members": members, "stewardships": stewardship_words(thing), "retire": False}


def source_values(thing: Source) -> Values:
    return {
        "agency": thing.agency.code,
        "kind": thing.kind,
        "config": thing.config,
        "secrets": unseal(thing.secrets, thing.pk),
        "retire": not thing.is_active,
    }


def dataset_values(thing: Dataset) -> Values:
    words = ("title", "title_zh", "description", "description_zh", "keywords", "theme", "licence", "contact")
    return {
        **{word: getattr(thing, word) for word in words},
        "update_frequency": thing.update_frequency,
        "primary_key": thing.primary_key,
        "sensitivity": thing.sensitivity,
        "discover": thing.is_discovered,
        "secret": thing.is_secret,
        "class": thing.sharing_class,
        "conditions": thing.conditions,
        "reason": thing.reason,
        "legal_basis": thing.legal_basis,
        "indexes": sorted(list(index.fields) for index in asked_indexes(thing)),
        "publish": thing.status == Dataset.Status.PUBLISHED,
        "retire": thing.status == Dataset.Status.RETIRED,
    }


def field_values(thing: Field) -> Values:
    words = ("name", "type", "title", "title_zh", "description", "description_zh", "unit", "sensitivity", "link")
    return {
        **{word: getattr(thing, word) for word in words},
        "secret": thing.is_secret,
        "legal_basis": thing.legal_basis,
        "required": thing.is_required,
        "min": thing.minimum,
        "max": thing.maximum,
        "pattern": thing.pattern,
        "codes": thing.codes,
    }


def stream_values(thing: Stream) -> Values:
    return {
        "source": thing.source.key,
        "dataset": thing.dataset.key,
        "select": thing.select,
        "mode": thing.mode,
        "cursor": thing.cursor,
        "overlap": thing.overlap,
        "deleted": thing.deleted,
        "schedule": thing.schedule,
        "contract": thing.contract,
        "retire": not thing.is_active,
    }


def rule_values(thing: Rule) -> Values:
    return {**rule_words(thing), "status": thing.status, "retire": thing.status == Rule.Status.RETIRED}


def agreement_values(thing: Agreement) -> Values:
    return {
        **{word: getattr(thing, word) for word in TERMS},
        "clients": sorted(str(client) for client in thing.clients.select_related("agency")),
        "dataset": thing.dataset.key,
        "agency": thing.agency.code,
        "retire": thing.ended_at is not None,
    }


def asked_indexes(thing: Dataset) -> QuerySet[Index]:
    """The indexes that somebody asked for; those that came by themselves are not the manifest's."""
    return thing.indexes.filter(origin=Index.Origin.ASKED)
