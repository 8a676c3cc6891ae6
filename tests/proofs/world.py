"""One case for the policy as plain data: who asks for what, under which rules, and rows to try it on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.accounts.caller import Caller
from policies.facts import DatasetFacts, GrantFacts, Mode, RuleFacts

Row = Mapping[str, object]


@dataclass(frozen=True)
class World:
    """``grant`` is that of the agreement which the request names; ``manages``: the caller administers the dataset."""

    caller: Caller
    dataset: DatasetFacts
    rules: tuple[RuleFacts, ...]
    grant: GrantFacts | None
    agreements: tuple[GrantFacts, ...]
    mode: Mode
    at: datetime
    manages: bool
    rows: tuple[Row, ...]
