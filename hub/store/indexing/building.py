"""Builds the indexes that are wanted, one at a time, and drops what nobody wants; a lease says who is at it."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from threading import Event, Thread
from typing import Final

from django.db import DatabaseError, IntegrityError, connection, connections, transaction
from django.db.models import F
from django.utils.timezone import now
from psycopg2 import errors

from hub.accounts.caller import HUB
from hub.accounts.commands import bump_epoch
from hub.audit.commands import record
from hub.store.connection import canceller
from hub.store.indexing.physical import NoSuchField, TooLong, columns_for, drop_beside, is_valid, name_of, standing
from hub.store.models import Index, Relation
from hub.store.tables import put_out_builders

LEASE: Final = timedelta(seconds=60)
MAX_ATTEMPTS: Final = 8
_RENEWED_EVERY: Final = 5.0
"""Seconds; the lease is several times as long."""
log = logging.getLogger(__name__)


def has_work() -> bool:
    """Whether something waits for a builder: an index, or what is left of one."""
    waits = Index.objects.filter(status=Index.Status.WANTED, due_at__lte=now(), dataset__relation__isnull=False)
    silent = Index.objects.filter(status=Index.Status.BUILDING, lease_until__lt=now())
    return waits.exists() or silent.exists() or bool(_unwanted())


def keep_indexes() -> None:
    """Drop what nobody wants and build what is wanted, as long as no other builder is at it; outside transactions."""
    for name in _unwanted():
        with suppress(DatabaseError):  # a reader holds it: at the next tick
            drop_beside(name)
    while (index := claim()) is not None:
        build(index)


def _unwanted() -> list[str]:
    wanted = set(Index.objects.filter(status__in=Index.STANDING).values_list("pk", flat=True))
    return [index.name for index in standing() if index.id not in wanted]


def claim() -> Index | None:
    """The index that has waited longest, held under a new fence; None where nothing waits or somebody builds.

    That there is one builder is the database's own rule.
    """
    silent = Index.objects.filter(status=Index.Status.BUILDING, lease_until__lt=now())
    silent.update(status=Index.Status.WANTED, fence=F("fence") + 1, lease_until=None)
    due = Index.objects.filter(status=Index.Status.WANTED, due_at__lte=now(), dataset__relation__isnull=False)
    with suppress(IntegrityError), transaction.atomic():
        waiting = due.select_for_update(of=("self",), skip_locked=True).order_by("due_at", "created_at").first()
        if waiting is not None:
            Index.objects.filter(pk=waiting.pk).update(
                status=Index.Status.BUILDING,
                fence=F("fence") + 1,
                attempts=F("attempts") + 1,
                lease_until=now() + LEASE,
            )
            return Index.objects.select_related("dataset").get(pk=waiting.pk)
    return None


def build(index: Index) -> None:
    """Make the index beside readers and loads; whatever happens, its row says how it ended, unless another has it."""
    relation = Relation.objects.get(dataset=index.dataset_id)
    try:
        with _Hold(index, canceller()):
            _make(index, relation.table)
    except (NoSuchField, TooLong) as error:
        told = "A value is too long for an index." if isinstance(error, TooLong) else "It names a field there is not."
        _end(index, status=Index.Status.FAILED, error=told)
    except DatabaseError as error:
        _fail(index, error)
    else:
        _stand(index, relation)


def _make(index: Index, table: str) -> None:
    """What an earlier builder has left is ended, taken over where it is whole, else made anew."""
    put_out_builders(table)
    name = name_of(index, table)
    there = is_valid(name)
    if there:
        return
    if there is not None:
        drop_beside(name)
    columns = columns_for(index, index.dataset, table)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX CONCURRENTLY {name} ON {table} ({columns})")


@transaction.atomic
def _stand(index: Index, relation: Relation) -> None:
    """It serves from now on; where the rows have moved meanwhile it is wanted again, on their new table."""
    present = Relation.objects.select_for_update().get(pk=relation.pk)
    if present.generation != relation.generation:
        _end(index, status=Index.Status.WANTED, attempts=0)
        return
    told = {"generation": relation.generation, "built_at": now(), "attempts": 0, "error": ""}
    if _end(index, status=Index.Status.READY, **told):
        bump_epoch()
        record(actor=HUB, kind="index.built", dataset=index.dataset.key, subject=str(index.pk), fields=index.fields)


def _fail(index: Index, error: DatabaseError) -> None:
    """Try again, ever later; what cannot come right is told."""
    if not connection.is_usable():
        connection.close()
    if isinstance(error.__cause__, errors.UndefinedTable):
        _end(index, status=Index.Status.WANTED, attempts=0)
        return
    is_hopeless = isinstance(error.__cause__, errors.ProgramLimitExceeded) or index.attempts >= MAX_ATTEMPTS
    log.warning("the index on %s of %s was not built", index, index.dataset.key, exc_info=error)
    _end(
        index,
        status=Index.Status.FAILED if is_hopeless else Index.Status.WANTED,
        due_at=now() + timedelta(seconds=15 * 2**index.attempts),
        error=f"PostgreSQL answered with {type(error.__cause__ or error).__name__}.",
    )


def _end(index: Index, **values: object) -> bool:
    """Write the end down, unless the index is another builder's by now, or is wanted no more."""
    mine = Index.objects.filter(pk=index.pk, fence=index.fence, status=Index.Status.BUILDING)
    return bool(mine.update(lease_until=None, **values))


class _Hold:
    """Renews the lease while this builder lives, on a connection of its own; cancels the work where it is lost."""

    def __init__(self, index: Index, cancel: Callable[[], None]) -> None:
        self._index, self._cancel = index, cancel
        self._over = Event()
        self._thread = Thread(target=self._run, name=f"hold {index.pk}", daemon=True)

    def __enter__(self) -> "_Hold":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._over.wait(_RENEWED_EVERY):
                if not self._renewed():
                    self._cancel()
        finally:
            connections.close_all()

    def _renewed(self) -> bool:
        mine = Index.objects.filter(pk=self._index.pk, fence=self._index.fence, status=Index.Status.BUILDING)
        try:
            return bool(mine.update(lease_until=now() + LEASE))
        except DatabaseError:
            connections.close_all()
            return True
