"""The law as data: what a jurisdiction asks to be cited, and its clocks."""

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
    """``citations`` says for each kind of restriction whether a legal basis must be named; clocks are working days."""

    name: str
    title: str
    review_after: timedelta
    citations: Mapping[str, bool]
    working_days: Mapping[str, int]

    def needs_citation(self, restriction: str) -> bool:
        """What the file does not speak of needs one."""
        return self.citations.get(restriction, True)


@lru_cache(maxsize=8)
def regime_named(name: str) -> Regime:
    """The regime of ``policies/regimes/<name>.toml``; raises ``HubError`` where there is none."""
    path = _FOLDER / f"{name}.toml"
    known = sorted(file.stem for file in _FOLDER.glob("*.toml"))
    if name not in known:
        raise HubError(f"There is no regime {name!r}.", code="regime-unknown", hint=f"HUB_REGIME: {', '.join(known)}.")
    table = tomllib.loads(path.read_text())
    return Regime(
        name=name,
        title=table["title"],
        review_after=timedelta(days=table["review_after_days"]),
        citations=table["citations"],
        working_days=table["working_days"],
    )
