"""What goes beyond a stream's contract: a run that would do it fails, or waits for a person with the difference."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connectors.models import Run
from connectors.runs.drift import Drift, Retyped
from connectors.runs.terms import Terms
from hub.errors import HubError


class Held(HubError):
    """The run would change more than the contract allows. ``difference`` says how much, in plain words and numbers."""

    status = 409

    def __init__(self, message: str, *, code: str, difference: Mapping[str, Any], hint: str) -> None:
        super().__init__(message, code=code, hint=hint)
        self.difference = dict(difference)


class Broken(HubError):
    """The contract wants a run to fail over what came."""

    status = 409


@dataclass(frozen=True, slots=True)
class Bounds:
    """A stream's terms for one run, widened by what a person has accepted of it."""

    terms: Terms
    accepted: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, run: Run) -> "Bounds":
        return cls(Terms.parse(run.stream.contract), run.accepted)

    def check_rejects(self, rejected: int, of_wrong_type: int, read: int, retyped: Retyped = ()) -> None:
        """Raises ``Broken`` where the contract suffers none, ``Held`` where there are too many.

        ``retyped`` are columns whose type the source has changed, which may be why.
        """
        why = f" {_told(retyped)}" if retyped and of_wrong_type else ""
        if of_wrong_type and self.terms.types == "fail":
            raise Broken(
                f"{of_wrong_type} values are not of their field's type.",
                code="type-changed",
                hint=f"Nothing was changed. {_LOOK}, or set the contract's types to quarantine.",
            )
        if rejected and self.terms.rows == "fail":
            raise Broken(
                f"{rejected} of {read} rows break the dataset's contract.",
                code="rows-rejected",
                hint=f"Nothing was changed. {_LOOK}, or set the contract's rows to quarantine.",
            )
        share = self._widened("too-many-rejects", "rejected", "read", self.terms.max_rejects)
        if rejected > share * read:
            raise Held(
                f"{rejected} of {read} rows break the dataset's contract, more than {self.terms.max_rejects:.1%}."
                + why,
                code="too-many-rejects",
                difference={"rejected": rejected, "read": read},
                hint=f"Nothing was changed. {_LOOK}, and sync again; or let the run go on (release it), and the good "
                "rows come in.",
            )

    @property
    def lets_columns_change(self) -> bool:
        """Whether the contract, or a person by now, has something come in that was not there."""
        return self.terms.columns == "evolve" or "columns-changed" in self.accepted

    def check_columns(self, drift: Drift) -> None:
        """Raises ``Broken`` or ``Held`` where the source's columns are not to change without a word."""
        if drift.retyped and self.terms.types == "fail":
            raise Broken(
                _told(drift.retyped),
                code="type-changed",
                hint=f"{_AGAIN}, or set the contract's types to quarantine.",
            )
        if not drift or self.terms.columns == "evolve" or drift.is_within(self.accepted.get("columns-changed")):
            return
        message = "The source's columns have changed: " + "; ".join(
            f"{words} {', '.join(names)}"
            for words, names in (("new are", drift.added), ("gone are", drift.gone))
            if names
        )
        if self.terms.columns == "fail":
            hint = f"{_AGAIN}, or set the contract's columns to hold or evolve."
            raise Broken(f"{message}.", code="columns-changed", hint=hint)
        raise Held(
            f"{message}.",
            code="columns-changed",
            difference=drift.difference(),
            hint=f"{_AGAIN} and sync again; or let the run go on (release it): what is new comes in, hidden until "
            "somebody classifies it, and what is gone has no values.",
        )

    def check_ends(self, unended: Sequence[str]) -> None:
        """Raises ``Held`` for text files whose last line has no end, where all that came before them had one."""
        seen = self.accepted.get("perhaps-truncated")
        if unended and not (seen and set(unended) <= set(seen["files"])):
            raise Held(
                f"The last line has no end, as it had in all files before: {', '.join(unended)}.",
                code="perhaps-truncated",
                difference={"files": list(unended)},
                hint="Nothing was changed. The file may have been cut short within its last value: look at its end. If "
                "it is whole, let the run go on (release it), and nobody is asked again; else have it written again "
                "and sync again.",
            )

    def check_shrinkage(self, before: int, after: int) -> None:
        """Raises ``Held`` where a refresh would leave too few of the rows that there were."""
        share = self._widened("shrinks-too-much", "gone", "before", self.terms.max_shrink)
        if before - after > share * before:
            raise Held(
                f"The dataset would go from {before} rows to {after}.",
                code="shrinks-too-much",
                difference={"before": before, "after": after, "gone": before - after},
                hint="Nothing was changed. If the source is right, let the run go on (release it); else correct it and "
                "sync again.",
            )

    def _widened(self, code: str, part: str, whole: str, share: Decimal) -> Decimal:
        """The share that the contract allows, or the greater one that a person saw and accepted."""
        seen = self.accepted.get(code)
        return max(share, Decimal(seen[part]) / Decimal(seen[whole])) if seen and seen[whole] else share


def _told(retyped: Retyped) -> str:
    changes = ", ".join(f"{name} was {was} and is {is_now}" for name, was, is_now in retyped)
    return f"The source's columns have other types: {changes}."


_AGAIN = "Nothing was changed. Have the source give them as before"
_LOOK = "Look at the run's rejects: correct the source or the field's contract"
