"""The decision: may this caller read this dataset, which rows, which fields in which form, until when and why."""

from collections.abc import Iterable
from datetime import datetime

from hub.accounts.caller import Caller
from policies.access import seen_type
from policies.case import Case, may_read
from policies.changes import next_changes
from policies.decision import Decision
from policies.facts import DatasetFacts, GrantFacts, Mode, RuleFacts

__all__ = ["decide", "may_read", "seen_type"]


def decide(
    caller: Caller,
    dataset: DatasetFacts,
    rules: Iterable[RuleFacts],
    grant: GrantFacts | None,
    mode: Mode,
    at: datetime,
    *,
    agreements: Iterable[GrantFacts] = (),
    manages: bool = False,
) -> Decision:
    """What ``caller`` gets of ``dataset`` in ``mode`` at the moment ``at``.

    ``rules`` are the approved ones that are not retired; ``grant`` is that of the agreement which the request names,
    None for none and ``NO_SUCH_GRANT`` for one that does not exist; ``agreements`` are all that the caller's agency
    has, to say which would serve. Order does not matter, and what is about others is passed over. ``manages``: the
    caller is steward of the dataset.
    """
    case = Case.of(caller, dataset, rules, grant, agreements, mode, manages=manages)
    entry = case.enter(at)
    fields = case.fields(entry, at)
    until, told_until = (None, None) if entry.is_own else next_changes(case, entry, fields, at)
    return Decision(
        caller=caller,
        dataset=dataset,
        mode=mode,
        exists=entry.code != "not-found",
        permit=entry.permit,
        code=entry.code,
        rows=entry.rows,
        fields=fields,
        because=entry.because,
        own=entry.is_own,
        grant=entry.grant,
        agreements=entry.agreements,
        until=until,
        told_until=told_until,
    )
