"""Which indexes the reads of the last days would gain by, and which nobody has read for long."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils.timezone import now

from hub.accounts.caller import HUB
from hub.accounts.commands import bump_epoch
from hub.audit.commands import record
from hub.store.indexing.physical import standing
from hub.store.models import Demand, Index, Relation

DAYS: Final = 7
"""Reads of so many last days count."""
MOST_MEASURED: Final = 5
"""Indexes of a dataset that came by themselves."""
_REMEMBERED: Final = timedelta(days=90)
"""After it was dropped as idle, an index does not come back by itself for so long."""


def want_measured() -> None:
    """Want an index wherever the reads that lack it took ``HUB_INDEX_SECONDS`` in all."""
    first = now().date() - timedelta(days=DAYS - 1)
    Demand.objects.filter(day__lt=first).delete()
    sums = Demand.objects.values("relation", "fields").annotate(count=Sum("reads"), took=Sum("milliseconds"))
    gains = sums.filter(took__gte=1000 * settings.HUB_INDEX_SECONDS).order_by("-took")
    for gain in gains:
        _want(gain)


@transaction.atomic
def _want(gain: Mapping[str, Any]) -> None:
    relation = Relation.objects.select_for_update().select_related("dataset").get(pk=gain["relation"])
    there = Index.objects.filter(dataset=relation.dataset)
    there.filter(status=Index.Status.IDLE, dropped_at__lt=now() - _REMEMBERED).delete()
    measured = there.filter(origin=Index.Origin.MEASURED, status__in=Index.STANDING).count()
    standing = there.filter(status__in=Index.STANDING).values_list("fields", flat=True)
    if measured >= MOST_MEASURED or is_covered(gain["fields"], standing):
        return
    index, is_new = there.get_or_create(
        dataset=relation.dataset, fields=gain["fields"], defaults={"origin": Index.Origin.MEASURED}
    )
    if is_new:
        told = {"reads": gain["count"], "seconds": gain["took"] // 1000}
        record(
            actor=HUB,
            kind="index.measured",
            dataset=relation.dataset.key,
            subject=str(index.pk),
            fields=gain["fields"],
            **told,
        )


def is_covered(fields: Iterable[str], indexes: Iterable[Iterable[str]]) -> bool:
    """Whether one of ``indexes`` begins with ``fields``, and so does what an index on them would."""
    wanted = tuple(fields)
    return any(tuple(index)[: len(wanted)] == wanted for index in indexes)


def note_uses() -> None:
    """Keep what PostgreSQL has counted of each index, want again those whose rows have moved, drop the idle ones."""
    ready = Index.objects.filter(status=Index.Status.READY).select_related("dataset__relation")
    there = {index.name.partition("_i")[0] + index.id.hex: index for index in standing() if index.is_valid}
    for index in ready:
        relation = index.dataset.relation
        stands = there.get(relation.table.removeprefix("data.") + index.pk.hex)
        if stands is None:
            Index.objects.filter(pk=index.pk, status=Index.Status.READY).update(
                status=Index.Status.WANTED, due_at=now()
            )
        elif (stands.size, stands.uses, stands.used_at or index.used_at) != (index.size, index.uses, index.used_at):
            Index.objects.filter(pk=index.pk).update(
                size=stands.size, uses=stands.uses, used_at=stands.used_at or index.used_at
            )
    _drop_idle()


def _drop_idle() -> None:
    """Those that came by themselves and have not been read for long; a worker takes them away."""
    before = now() - timedelta(days=settings.HUB_INDEX_IDLE_DAYS)
    ready = Index.objects.filter(status=Index.Status.READY, origin=Index.Origin.MEASURED, built_at__lt=before)
    for index in ready.exclude(used_at__gte=before).select_related("dataset"):
        with transaction.atomic():
            idle = {"status": Index.Status.IDLE, "dropped_at": now(), "size": None, "generation": None}
            if Index.objects.filter(pk=index.pk, status=Index.Status.READY).update(**idle):
                bump_epoch()
                record(
                    actor=HUB, kind="index.idle", dataset=index.dataset.key, subject=str(index.pk), fields=index.fields
                )
