"""Why somebody sees what they see: for the caller itself, and for any party to those who administer the dataset."""

from dataclasses import replace
from typing import Any

from django.conf import settings
from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.accounts.models import Agency, AgencyGroup, Client
from hub.accounts.queries import current_epoch
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.errors import FieldError, Forbidden, Invalid, NotFound
from hub.query.decisions import decided, decision_for
from policies import queries
from policies.decision import Decision
from policies.explain import explanation
from policies.facts import Party
from policies.models import Agreement
from policies.pdp import decide
from policies.regime import regime_named


def explained(caller: Caller, key: str, agreement: str = "") -> dict[str, Any]:
    """What ``caller`` gets of the dataset and why; raises ``NotFound`` where it is not there for the caller."""
    found = decided(caller, key, agreement=agreement)
    return _told(found.decision, full=found.is_managed)


def explained_as(actor: Caller, dataset: Dataset, party: Party, agreement: str = "") -> dict[str, Any]:
    """What ``party`` would get of ``dataset``, for those who administer it.

    An event that the named agency sees, unless it would tell of a dataset that does not exist for it.
    """
    if not queries.manages(actor, dataset):
        raise Forbidden(f"Only who administers {dataset.key} may ask for others.", hint="Leave out the parameter as.")
    caller = _stand_in(party)
    facts = queries.facts_for(dataset, caller, agreement)
    decision = decide(caller, facts.dataset, facts.rules, facts.grant, "rows", now(), agreements=facts.agreements)
    about = caller.agency if decision.exists else ""
    record(actor=actor, kind="access.explained", dataset=dataset.key, subject=str(party), about=about)
    return _told(decision, full=True)


def is_filter_told(caller: Caller, agreement: Agreement) -> bool:
    """Whether ``caller`` sees in clear every field that the row filter of its own ``agreement`` uses.

    False where the agreement gives it nothing, as one that has ended.
    """
    try:
        decision = decision_for(caller, agreement.dataset.key, agreement=agreement.key)
    except NotFound:
        return False
    told = explanation(decision)["because"]
    return any(item.get("key") == agreement.key and "filter" in item for item in told)


def _told(decision: Decision, *, full: bool) -> dict[str, Any]:
    days = regime_named(settings.HUB_REGIME).answer_days(decision.dataset.sharing_class)
    return explanation(decision, full=full, answer_days=days)


def _stand_in(party: Party) -> Caller:
    """A caller whom exactly the rules of this party, and of those that it belongs to, match."""
    nobody = Caller(agency="", epoch=current_epoch())
    match party.kind:
        case "everyone":
            return nobody
        case "group":
            if not AgencyGroup.objects.filter(key=party.name).exists():
                raise _unknown(party)
            return replace(nobody, groups=frozenset({party.name}))
        case "client":
            code, _, name = party.name.partition("/")
            client = Client.objects.filter(agency__code=code, name=name).first()
            if client is None:
                raise _unknown(party)
            return replace(_of_agency(party, code), client=party.name, is_external=client.is_external)
    return _of_agency(party, party.name)


def _of_agency(party: Party, code: str) -> Caller:
    agency = Agency.objects.filter(code=code).first()
    if agency is None:
        raise _unknown(party)
    groups = agency.agency_groups.values_list("key", flat=True)
    return Caller(agency=code, groups=frozenset(groups), epoch=current_epoch())


def _unknown(party: Party) -> Invalid:
    message = f"There is no {party.kind} {party.name}."
    return Invalid(message, errors=[FieldError("as", "unknown", message)])
