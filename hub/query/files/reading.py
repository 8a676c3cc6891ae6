"""The way out for files: one's own decision on the mode ``export``, the file that answers to it, and the event."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import IO, Any, Final
from uuid import UUID, uuid4

from django.conf import settings

from hub.accounts.caller import Caller
from hub.query import wishes
from hub.query.door import NO_PURPOSE, Purpose, Watch, unsettled, views_for
from hub.query.files.building import State, build, file_name
from hub.query.files.kept import Contents, KeptFile, find
from hub.query.formats import Form
from hub.query.params import RowsQuery
from hub.query.views import View, pass_of
from hub.store.connection import serve
from hub.store.select.copied import rows_beyond
from hub.store.select.gate import Reading, gate_sql, opening

_CHUNK: Final = 1 << 20
WHOLE: Final = RowsQuery(limit=None)
"""The query that asks for the whole view."""


class TooLarge(Exception):
    """The view is too large to be made into a file while the caller waits."""


@dataclass(frozen=True, slots=True)
class FileRead:
    """A file on its way out. Its event stands already; ``receipt`` names it."""

    contents: Contents
    receipt: UUID
    file: IO[bytes]
    watch: Watch

    def chunks(self, start: int, length: int) -> "Chunks":
        """``length`` bytes from ``start`` on; broken off where the right to them ends meanwhile."""
        return Chunks(self.file, start, length, self.watch)


class Chunks(Iterator[bytes]):
    """Bytes of an open file, which is closed when it was read or is wanted no more, be it not begun."""

    def __init__(self, file: IO[bytes], start: int, length: int, watch: Watch) -> None:
        self._file, self._left, self._watch = file, length, watch
        file.seek(start)

    def __next__(self) -> bytes:
        self._watch.look_again()
        chunk = self._file.read(min(_CHUNK, self._left)) if self._left else b""
        if not chunk:
            self.close()
            raise StopIteration
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        self._file.close()


def read_file(caller: Caller, key: str, form: Form, purpose: Purpose = NO_PURPOSE, asked: str = "") -> FileRead:
    """The whole view of ``caller`` as a file: the kept one, or one that is made while the caller waits.

    ``asked`` is the part that is wanted, for the event. Raises ``TooLarge`` where it takes an export, and as
    ``read_rows`` does.
    """
    for view in views_for(caller, key, purpose, "export"):
        state = state_of(view)
        if state is None:
            continue
        kept = find(file_name(view, state, WHOLE, form))
        if kept is None:
            if is_large(view, WHOLE, form):
                raise TooLarge
            kept = build(view, state, WHOLE, form)
        read = kept and open_kept(view, kept, WHOLE, purpose, asked)
        if read:
            return read
    raise unsettled()


def state_of(view: View) -> State | None:
    """The state of the dataset while the view's pass holds; None where it is void."""
    gate = serve(gate_sql(pass_of(view)))
    return None if gate is None else (gate[0], gate[1])


def is_large(view: View, query: RowsQuery, form: Form) -> bool:
    """Whether the view has more rows than may be made into this format at once; nothing hidden is counted."""
    found = serve(rows_beyond(wishes.select(view, query), settings.HUB_FILE_ROWS // form.weight))
    return found is not None and bool(found[0])


def open_kept(
    view: View, kept: KeptFile, query: RowsQuery, purpose: Purpose, asked: str, **details: Any
) -> FileRead | None:
    """Write the event of this read and open the file; None where the pass is void or the file is gone by now."""
    try:
        file = kept.path.open("rb")
    except FileNotFoundError:
        return None
    reading = _reading(view, kept.contents, query, purpose, {**({"part": asked[:100]} if asked else {}), **details})
    if os.fstat(file.fileno()).st_size != kept.contents.size or serve(opening(pass_of(view), reading)) is None:
        file.close()
        return None
    return FileRead(kept.contents, reading.id, file, Watch(view))


def _reading(view: View, contents: Contents, query: RowsQuery, purpose: Purpose, more: dict[str, Any]) -> Reading:
    details = wishes.recorded(replace(query, limit=None), purpose.text, view.agreement)
    del details["limit"]
    told = {"format": contents.format, "version": contents.version, "rows": contents.rows, "sha256": contents.sha256}
    return Reading(uuid4(), "file.read", view.caller.agency, view.caller.name, view.key, {**details, **told, **more})
