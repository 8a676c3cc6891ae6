"""The columns a source has now beside those it had when its stream last came through: what came, what went."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Columns = Mapping[str, str | None]
"""By the name of the field that each would become, the source's type, empty where it knows none; None has gone."""

Retyped = tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """Names of fields in the source's order; ``retyped`` has name, type before and type now."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    retyped: Retyped = ()

    @classmethod
    def of(cls, seen: Columns, offered: Mapping[str, str], absent: Sequence[str] = ()) -> "Drift":
        """From the columns seen and those offered; ``absent`` are fields that were looked for and are not there.

        A source of records leaves out what has no value, so that only what is looked for and absent has gone.
        """
        present = {name: type_ for name, type_ in seen.items() if type_ is not None}
        return cls(
            added=tuple(name for name in offered if name not in present),
            gone=tuple(name for name in absent if name in present),
            retyped=tuple(
                (name, present[name], type_)
                for name, type_ in offered.items()
                if present.get(name) and type_ and type_ != present[name]
            ),
        )

    def __bool__(self) -> bool:
        return bool(self.added or self.gone)

    def difference(self) -> dict[str, Any]:
        """As a person is shown it; one that went while another came may have been renamed."""
        told: dict[str, Any] = {"added": list(self.added), "gone": list(self.gone)}
        if len(self.added) == len(self.gone) == 1:
            told["renamed"] = [self.gone[0], self.added[0]]
        return told

    def is_within(self, accepted: Mapping[str, Any] | None) -> bool:
        """Whether a person has seen and accepted all of it."""
        if accepted is None:
            return False
        return set(self.added) <= set(accepted["added"]) and set(self.gone) <= set(accepted["gone"])


def after(seen: Columns, offered: Mapping[str, str], drift: Drift) -> dict[str, str | None]:
    """The columns to hold the next run against."""
    return {**seen, **offered, **dict.fromkeys(drift.gone)}
