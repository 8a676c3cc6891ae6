"""Records that were no rows: set aside as they came while a run reads, and written down when its rows are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from connectors.base import Reject
from connectors.batches import MISSING
from connectors.formats.csv import written
from connectors.models import Run
from hub.store.intake.quarantine import MAX_KEPT, Broken, keep_broken
from hub.store.intake.records import MAX_RECORD

MAX_TEXTS: Final = 8 << 20
"""Characters of all records between two times of writing; of those that come after it, place and rule alone are kept.

A worker's memory is bounded by it."""
_NUL_SHOWN: Final = "\N{SYMBOL FOR NULL}"


@dataclass
class Aside:
    """What one attempt of ``run`` has set aside and not written down."""

    run: Run
    broken: list[Broken] = field(default_factory=list)
    size: int = 0

    def take(self, rejects: Iterable[Reject], written_down: int) -> None:
        """Set some aside, as far as there is room beside those that are ``written_down``."""
        for reject in rejects:
            if written_down + len(self.broken) >= MAX_KEPT:
                return
            text = _text_of(reject.cells)
            if text is not None and (len(text) > MAX_RECORD or self.size + len(text) > MAX_TEXTS):
                text = None
            self.size += len(text or "")
            self.broken.append(Broken(reject.position, reject.code, reject.message, text))

    def write_down(self) -> int:
        """Put them into the quarantine, once; answers how many."""
        count = len(self.broken)
        keep_broken(self.run.stream.dataset, self.run.pk, self.broken)
        self.clear()
        return count

    def clear(self) -> None:
        """Forget them."""
        self.broken, self.size = [], 0


def _text_of(cells: tuple[str, ...]) -> str | None:
    """The record as one text: what stands alone as it is, several cells as CSV."""
    if not cells:
        return None
    text = cells[0] if len(cells) == 1 else written(None if cell == MISSING else cell for cell in cells)
    return text.replace("\0", _NUL_SHOWN).encode(errors="replace").decode()
