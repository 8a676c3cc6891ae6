"""Decisions for the callers of this process: made once, and kept while neither epoch nor clock changes them."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.timezone import now

from hub.accounts.caller import Caller
from hub.catalog.models import Dataset
from hub.errors import NotFound
from hub.query.kept import Kept
from policies import queries
from policies.decision import Decision
from policies.facts import Mode
from policies.pdp import decide

_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision at one epoch, whether the caller administers the dataset, and until when all of it holds.

    ``until`` is the next moment at which anything begins or ends that has to do with it: from then on the reasons
    may differ, though what is seen stays the same.
    """

    decision: Decision
    is_managed: bool
    until: datetime | None


_decided: Kept[Decided] = Kept(_KEPT)


def decision_for(caller: Caller, key: str, mode: Mode = "rows", agreement: str = "") -> Decision:
    """The decision alone, a denial included; raises ``NotFound`` where the dataset is not there for this caller."""
    return decided(caller, key, mode, agreement).decision


def secret_fields(caller: Caller, key: str) -> frozenset[str]:
    """The fields of the dataset that are secret to the caller: for it, they do not exist."""
    return frozenset(field.name for field in decision_for(caller, key).fields if field.is_secret)


def decided(caller: Caller, key: str, mode: Mode = "rows", agreement: str = "") -> Decided:
    """The decision with what belongs to it; raises ``NotFound`` as above."""
    name = (caller, key, mode, agreement or caller.agreement)
    kept = _decided.get(name)
    if kept is None or (kept.until is not None and kept.until <= now()):
        kept = decided_anew(*name)[1]
    return kept


def decided_anew(caller: Caller, key: str, mode: Mode, agreement: str) -> tuple[Dataset, Decided]:
    """The same from the facts as they are now, with the dataset; kept for those who ask next."""
    dataset = Dataset.objects.select_related("agency").filter(key=key).first()
    if dataset is None:
        raise _unknown(key)
    facts, at = queries.facts_for(dataset, caller, agreement), now()
    is_managed = queries.manages(caller, dataset)
    decision = decide(
        caller, facts.dataset, facts.rules, facts.grant, mode, at, agreements=facts.agreements, manages=is_managed
    )
    if not decision.exists:
        raise _unknown(key)
    fresh = Decided(decision, is_managed, facts.next_moment(at))
    _decided.put((caller, key, mode, agreement), fresh)
    return dataset, fresh


def _unknown(key: str) -> NotFound:
    return NotFound(f"There is no dataset {key}.", hint="GET /api/v1/datasets lists those that there are for you.")
