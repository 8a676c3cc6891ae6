"""Makes the file of a view: one snapshot, one format, one digest; the rights are looked at all the while."""

import hashlib
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from typing import IO, Any

from hub.errors import Invalid
from hub.query import wishes
from hub.query.door import Watch
from hub.query.files.kept import Contents, KeptFile, find, keep, making, name_of
from hub.query.formats import Column, Form, writer
from hub.query.params import RowsQuery
from hub.query.views import View, pass_of
from hub.store.copying import Snapshot, TableGone, serve_snapshot
from hub.store.select.copied import cells_copy, csv_copy, extents_sql, json_copy, measured
from hub.store.select.gate import gate_sql
from hub.store.select.relation import Selection

State = tuple[int, datetime | None]
"""A dataset's version and the moment it came: after a restore a version may come again with other rows."""
Progress = Callable[[int], None]
"""Told how many rows are written so far; may raise to end the work."""
_COPIES = {"csv": csv_copy, "cells": cells_copy, "json": json_copy}


def file_name(view: View, state: State, query: RowsQuery, form: Form) -> str:
    """The same for all who see the same rows in the same form and order."""
    return name_of(
        form.name,
        relation=view.place.relation,
        state=(state[0], str(state[1])),
        decision=view.decision.digest(),
        order=view.primary_key if view.key_is_clear else (),
        asked=(query.equals, query.filter, query.properties, query.sortby),
    )


def build(view: View, state: State, query: RowsQuery, form: Form, progress: Progress | None = None) -> KeptFile | None:
    """The file of what ``view`` gives to ``query`` at ``state``, made or found.

    None where the view's pass is void or the dataset has moved on. Raises ``Invalid`` where the format does not hold
    the rows, and ``Forbidden`` or ``Unauthenticated`` where the right to them ends before the file is whole.
    """
    name, selection = file_name(view, state, query, form), wishes.select(view, query)
    with making(name) as out:
        if out is None:
            return find(name)
        try:
            with serve_snapshot() as snapshot:
                if snapshot.row(gate_sql(pass_of(view))) != state:
                    return None
                made = _Made(form, out)
                made.write(snapshot, selection, Watch(view), progress)
        except TableGone:
            return None
        return keep(out, name, Contents(view.key, state[0], form.name, made.rows, made.size, made.digest()))


class _Made:
    """One file as it is written."""

    def __init__(self, form: Form, out: IO[bytes]) -> None:
        self._form, self._out = form, _Digested(out)
        self.rows = 0

    def write(self, snapshot: Snapshot, selection: Selection, watch: Watch, progress: Progress | None) -> None:
        columns = _columns(snapshot, selection, self._form)
        chunks = snapshot.copied(_COPIES[self._form.feed](selection))
        with closing(writer(self._form, columns, self._out)) as into, closing(chunks):  # type: ignore[arg-type]
            for rows in chunks:
                watch.look_again()
                self.rows += len(rows)
                if self._form.most_rows is not None and self.rows > self._form.most_rows:
                    raise too_many(self._form)
                into.add(rows)
                if progress is not None:
                    progress(self.rows)

    @property
    def size(self) -> int:
        return self._out.size

    def digest(self) -> str:
        return self._out.sha256.hexdigest()


def too_many(form: Form) -> Invalid:
    """The error of a view that has more rows than the format holds."""
    return Invalid(
        f"A file of the format {form.name} holds {form.most_rows} rows, and the view has more.",
        code="too-many-rows",
        hint="Take another format (parquet, csv, ndjson, arrow), or an export with a filter.",
    )


class _Digested:
    """A file that is only ever written at its end, and its digest."""

    closed = False

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self.size, self.sha256 = 0, hashlib.sha256()

    def write(self, data: Any) -> int:
        self.sha256.update(data)
        count = self._out.write(data)
        self.size += count
        return count

    def flush(self) -> None:
        self._out.flush()

    def tell(self) -> int:
        return self.size

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False


def _columns(snapshot: Snapshot, selection: Selection, form: Form) -> list[Column]:
    """The fields, with how large their numbers become where the format asks for it."""
    sizes: dict[int, tuple[int, int]] = {}
    statement = extents_sql(selection) if form.feed == "cells" else None
    if statement is not None:
        found = snapshot.row(statement) or ()
        for place, (largest, scale) in zip(measured(selection.fields), _pairs(found), strict=True):
            sizes[place] = (len((largest or "0").partition(".")[0].lstrip("0")), int(scale or 0))
    return [Column(f.name, f.type, *sizes.get(i, (0, 0))) for i, f in enumerate(selection.fields)]


def _pairs(flat: tuple[str | None, ...]) -> list[tuple[str | None, str | None]]:
    return list(zip(flat[::2], flat[1::2], strict=True))
