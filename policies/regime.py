"""The law as data: sharing classes, what a jurisdiction asks to be cited, and its clocks."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from pathlib import Path

from hub.errors import HubError

_FOLDER = Path(__file__).parent / "regimes"


@dataclass(frozen=True, slots=True)
class Regime:
    """``citations`` has for each kind of restriction the kinds of law that it may rest on; none where it needs none.

    ``working_days`` are the clocks; ``supplement_restarts`` says whether a completed application starts its clock anew.
    """

    name: str
    title: str
    sharing_classes: Mapping[str, str]
    citations: Mapping[str, tuple[str, ...]]
    working_days: Mapping[str, int]
    review_after: timedelta
    use_records_kept: timedelta
    supplement_restarts: bool

    def needs_citation(self, restriction: str) -> bool:
        """What the file does not speak of needs one."""
        return bool(self.citations.get(restriction, ("law",)))

    @property
    def kinds_of_law(self) -> tuple[str, ...]:
        """Every kind of law that the file knows."""
        return tuple(dict.fromkeys(kind for kinds in self.citations.values() for kind in kinds))

    def answer_days(self, sharing_class: str) -> int | None:
        """Working days in which an application for data of this class is answered; None where nothing is said."""
        return self.working_days.get(f"answer_{sharing_class}")


@lru_cache(maxsize=8)
def regime_named(name: str) -> Regime:
    """The regime of ``policies/regimes/<name>.toml``; raises ``HubError`` where there is none."""
    known = sorted(file.stem for file in _FOLDER.glob("*.toml"))
    if name not in known:
        raise HubError(f"There is no regime {name!r}.", code="regime-unknown", hint=f"HUB_REGIME: {', '.join(known)}.")
    table = tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    return Regime(
        name=name,
        title=table["title"],
        sharing_classes=table["sharing_classes"],
        citations={restriction: tuple(kinds) for restriction, kinds in table["citations"].items()},
        working_days=table["working_days"],
        review_after=timedelta(days=table["review_after_days"]),
        use_records_kept=timedelta(days=table["use_records_kept_days"]),
        supplement_restarts=table["supplement_restarts"],
    )
