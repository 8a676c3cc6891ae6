"""Where a reader of a feed stands: what it has, stretch by stretch of the keys, and how far its walk has come."""

import json
from dataclasses import dataclass
from uuid import UUID

from hub.store.select.changes import Key

MOST_STRETCHES = 500
"""How many versions may pass while a reader walks through a dataset once."""


@dataclass(frozen=True, slots=True)
class Stand:
    """The rows of ``version`` as the sight ``sight`` shows them."""

    version: int
    sight: UUID


@dataclass(frozen=True, slots=True)
class Held:
    """What a reader has of the keys from the stretch before up to and with ``upto``; None: to the end, or nothing."""

    upto: Key | None
    stand: Stand | None


@dataclass(frozen=True, slots=True)
class Position:
    """A reader walks through the keys, again and again; ``behind`` it is newer than ``ahead``, where it goes on."""

    ahead: tuple[Held, ...] = (Held(None, None),)
    behind: tuple[Held, ...] = ()

    @property
    def place(self) -> Key | None:
        """The key that the walk has come to; None at its start."""
        return self.behind[-1].upto if self.behind else None

    @property
    def is_long(self) -> bool:
        return len(self.ahead) + len(self.behind) > MOST_STRETCHES

    def gone_on(self, stand: Stand, upto: Key | None) -> "Position":
        """After a page that leaves the reader at ``stand``, up to ``upto``; None: to the end of the stretch.

        Behind the last stretch the next walk begins.
        """
        ahead = self.ahead if upto is not None else self.ahead[1:]
        walked = Held(upto if upto is not None else self.ahead[0].upto, stand)
        behind = self.behind[:-1] if self.behind and self.behind[-1].stand == stand else self.behind
        return Position(ahead, (*behind, walked)) if ahead else Position((*behind, walked))

    def text(self) -> str:
        sights = sorted({str(held.stand.sight) for held in (*self.ahead, *self.behind) if held.stand})

        def told(held: Held) -> list[object]:
            return [held.upto, held.stand and [held.stand.version, sights.index(str(held.stand.sight))]]

        return json.dumps([sights, [*map(told, self.ahead)], [*map(told, self.behind)]], ensure_ascii=False)

    @classmethod
    def of(cls, text: str) -> "Position":
        """From ``text()``."""
        sights, *sides = json.loads(text)

        def held(upto: list[str] | None, stand: list[int] | None) -> Held:
            where = Stand(stand[0], UUID(sights[stand[1]])) if stand else None
            return Held(None if upto is None else tuple(upto), where)

        ahead, behind = (tuple(held(*told) for told in side) for side in sides)
        return cls(ahead, behind)
