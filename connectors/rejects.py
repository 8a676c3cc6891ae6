"""What a run kept out as a file: every record whole, with the rules it breaks, to be corrected and brought again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from connectors.formats.csv import written
from connectors.models import Run
from connectors.uploads import REASONS
from hub.accounts.caller import Caller
from hub.errors import Forbidden
from hub.store.models import Quarantined, Rejected

_AT_ONCE: Final = 500
_HEAD: Final = ("_line", "_field", "_rule", "_message", "_record")
assert set(_HEAD) == REASONS


def owns_records(caller: Caller, run: Run) -> bool:
    """Whether raw cells of what the run kept out may be shown to ``caller``."""
    return run.stream.dataset.agency.code == caller.agency and not caller.is_external


def rejects_csv(caller: Caller, run: Run) -> Iterator[bytes]:
    """Lines of CSV, RFC 4180, UTF-8: why each record stayed out, and its texts by field as they came.

    One that was no row stands as a text of its own in
    ``_record``; one that is not kept whole has its reasons alone. Raises ``Forbidden`` for all but the dataset's owner.
    """
    if not owns_records(caller, run):
        raise Forbidden("Records that stayed out are shown to their owner alone.", hint="Ask for f=json: the rules.")
    return _lines(run, tuple(run.stream.dataset.fields.values_list("name", flat=True)))


def _lines(run: Run, names: tuple[str, ...]) -> Iterator[bytes]:
    yield _line([*_HEAD, *names])
    dataset = run.stream.dataset
    records = Quarantined.objects.filter(run=run.pk, dataset=dataset).order_by("number").iterator(chunk_size=_AT_ONCE)
    while some := list(islice(records, _AT_ONCE)):
        reasons = defaultdict(list)
        for rejected in Rejected.objects.filter(run=run.pk, number__in=[record.number for record in some]).order_by(
            "id"
        ):
            reasons[rejected.number].append(rejected)
        for record in some:
            cells: dict[str, str | None] = record.cells or {}
            yield _line([*_why(record.position, reasons[record.number]), *(cells.get(name) for name in names)])
    for rejected in Rejected.objects.filter(run=run.pk, dataset=dataset, number=None).order_by("id").iterator():
        yield _line([*_why(rejected.position, [rejected], rejected.value), *(None for _ in names)])


def _why(position: int | None, reasons: Iterable[Rejected], text: str | None = None) -> list[str | None]:
    reasons = list(reasons)
    told = ("; ".join(getattr(reason, part) for reason in reasons) for part in ("field", "rule", "message"))
    return [None if position is None else str(position), *told, text]


def _line(cells: Iterable[str | None]) -> bytes:
    return (written(cells) + "\r\n").encode()
