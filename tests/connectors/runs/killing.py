"""Runs whose worker is killed at a statement that is told, and what a run leaves behind, to be compared."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, connections

from connectors.models import Checkpoint, Run, Stream
from connectors.runs.runner import carry_out
from hub.store.intake.lines import Lines
from hub.store.models import Rejected, Relation

HEAD = "id,name,at\n"
BEFORE = HEAD + "".join(f"{n},n{n},2020-01-01T00:00:{n:02}Z\n" for n in range(1, 21))
AFTER = (
    HEAD
    + "".join(f"{n},n{n},2020-01-01T00:00:{n:02}Z\n" for n in range(4, 15))
    + "".join(f"{n},changed,2020-01-01T00:00:{n:02}Z\n" for n in range(15, 21))
    + "".join(f"{n},new,2020-01-01T00:00:{n:02}Z\n" for n in range(21, 31))
    + "x,bad,2020-01-01T00:00:31Z\n"
)
NEW = HEAD + "".join(f"{n},new,2020-01-01T00:00:{n:02}Z\n" for n in range(21, 31)) + "x,bad,2020-01-01T00:00:31Z\n"
CASES = {
    "first load": ({"mode": "replace"}, ["id"], None, BEFORE),
    "replace": ({"mode": "replace"}, ["id"], BEFORE, AFTER),
    "replace without key": ({"mode": "replace"}, [], BEFORE, AFTER),
    "merge": ({"mode": "merge", "cursor": "at"}, ["id"], BEFORE, AFTER),
    "append": ({"mode": "append"}, ["id"], BEFORE, NEW),
    "append without key": ({"mode": "append"}, [], BEFORE, NEW),
}


@dataclass(frozen=True)
class State:
    """All that a run leaves behind, but for its times."""

    rows: tuple[Any, ...]
    log: tuple[Any, ...]
    version: int
    count: int
    cursor: str
    run: tuple[Any, ...]
    rejected: tuple[Any, ...]


class Statements:
    """Counts the statements, commits and chunks of a COPY that this process sends, and dies at one of them.

    ``telling`` are the points that leave another state than the one before, and the ends of transactions: whoever dies
    within one dies before it, and one who has only read has changed nothing. ``saved`` are those that write down how
    far a run is; the one after next finds that committed.
    """

    def __init__(self, dies_at: int = 0) -> None:
        self.count = 0
        self.telling: list[int] = []
        self.saved: list[int] = []
        self._dies_at = dies_at
        self._is_kept = True

    def step(self, *, is_kept: bool = False, is_end: bool = False) -> None:
        """One more; ``is_kept`` where what it does is there for good, at the latest with the ``is_end``."""
        self.count += 1
        if self.count == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._is_kept or is_end:
            self.telling.append(self.count)
        self._is_kept = is_kept or is_end

    @contextmanager
    def watched(self) -> Iterator[None]:
        read, own = Lines.read, connections["default"]
        commit = own._commit

        def reading(lines: Lines, size: int) -> bytes:
            self.step()
            return read(lines, size)

        def executing(execute: Any, sql: str, *rest: Any) -> Any:
            self.step(is_kept=not own.in_atomic_block and not sql.startswith("SELECT"))
            if sql.startswith(("INSERT", "UPDATE")) and Checkpoint._meta.db_table in sql:
                self.saved.append(self.count)
            return execute(sql, *rest)

        def committing() -> None:
            self.step(is_end=True)
            commit()

        Lines.read = reading  # type: ignore[method-assign]
        own._commit = committing
        try:
            with own.execute_wrapper(executing):
                yield
        finally:
            Lines.read = read  # type: ignore[method-assign]
            del own._commit


def carried_out(stream: Stream) -> Run:
    run = Run.objects.create(stream=stream)
    carry_out(run.pk)
    run.refresh_from_db()
    return run


def killed_at(stream: Stream, point: int) -> Run:
    """A run whose worker, a process of its own, is killed before its statement number ``point``."""
    run = Run.objects.create(stream=stream)
    child = os.fork()
    if child == 0:
        try:
            for each in connections.all():
                each.connection = None  # the parent's sockets are not this process's to close
            with Statements(point).watched():
                carry_out(run.pk)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFEXITED(status) or os.WTERMSIG(status) == signal.SIGKILL
    run.refresh_from_db()
    return run


def state_of(stream: Stream, run: Run) -> State:
    relation = Relation.objects.get(dataset=stream.dataset)
    stream.refresh_from_db()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT c1, c2, c3, _v FROM {relation.table} ORDER BY 1, 2, 3")
        rows = tuple(cursor.fetchall())
        cursor.execute(f"SELECT _v, op, before - '_r' FROM {relation.change_log} ORDER BY 1, 2, 3")
        log = tuple((version, op, str(before)) for version, op, before in cursor.fetchall())
    counters = ("status", "rows_read", "inserted", "updated", "deleted", "unchanged", "rejected", "bytes", "version")
    told = ("position", "field", "rule", "value")
    return State(
        rows=rows,
        log=log,
        version=relation.version,
        count=relation.rows,
        cursor=stream.cursor_value,
        run=tuple(getattr(run, name) for name in counters),
        rejected=tuple(Rejected.objects.filter(run=run.pk).order_by(*told).values_list(*told)),
    )
