"""Pages sorted by any field behind any access are together the whole view, each row once and in order."""

from collections.abc import Callable, Mapping
from functools import cmp_to_key
from typing import Any

import pytest

from hub.accounts.caller import Caller
from hub.accounts.queries import current_epoch
from hub.audit.models import Event
from hub.catalog.models import Dataset, Field
from hub.errors import Invalid
from hub.predicates import FIELD_TYPES, FieldType
from hub.query.door import RowsPage, read_row
from hub.store.intake.load import Outcome
from hub.store.select.relation import SORTABLE
from policies.access import CLEAR, Access, seen_type
from tests.totality import oracle
from tests.totality.conftest import KEY
from tests.totality.extremes import ACCESSES, FEW, IS_LONG, MEGABYTE, fitting, named, rows

pytestmark = pytest.mark.django_db(transaction=True)

Mask = Callable[[Mapping[str, Access]], None]
Read = Callable[..., RowsPage]
Stream = Callable[..., str]
KEY_ACCESSES = (Access("hash"), Access("partial", 0, 1), Access("round", to=1000), Access("null"))


@pytest.mark.parametrize("access", ACCESSES if IS_LONG else FEW, ids=named)
def test_pages_are_the_whole_view_once_and_in_order(
    extremes: Dataset, mask: Mask, read: Read, stream: Stream, access: Access
) -> None:
    accesses = fitting(access)
    mask(accesses)
    types: dict[str, FieldType] = {t: seen_type(accesses.get(t, CLEAR), t) for t in FIELD_TYPES}
    shown = oracle.table(stream(f="csv"))

    for n, name in enumerate(name for name in accesses if types[name] in SORTABLE):
        for sign in ("", "-"):
            limits = ("1", "3") if IS_LONG else ("1" if types[name] == name and n % 2 == len(sign) else "3",)
            expected = _sorted(shown, name, types[name], is_descending=sign == "-")
            for limit in limits:
                assert _walk(read, sortby=f"{sign}{name}", limit=limit) == expected, (sign, name, limit)


@pytest.mark.parametrize(
    "access", [Access("hash"), Access("partial", 0, 1), Access("round", to=1000), Access("null")], ids=named
)
def test_pages_without_a_clear_key_are_the_whole_view_once(
    extremes: Dataset, mask: Mask, read: Read, stream: Stream, access: Access
) -> None:
    mask({"id": access, **fitting(access)})
    whole = sorted(stream(f="ndjson").rstrip("\n").split("\n"))

    for sortby in ("-id", "number", "string,-decimal"):
        pages = _pages(read, sortby=sortby, limit="1", count="exact")

        assert {page.count for page in pages} == {len(rows())}
        assert sorted(page.rows for page in pages) == whole


@pytest.mark.parametrize("access", FEW if IS_LONG else FEW[:3], ids=named)
def test_every_way_of_counting_counts_what_is_found(extremes: Dataset, mask: Mask, read: Read, access: Access) -> None:
    mask(fitting(access))

    for type_ in FIELD_TYPES:
        missing = read(filter=f'"{type_}" IS NULL', properties="id", count="exact")
        present = read(filter=f'"{type_}" IS NOT NULL', properties="id", count="estimate", limit="1")

        assert missing.count == len(oracle.exact(f"[{missing.rows}]"))
        assert present.count == len(rows()) - missing.count


def test_page_too_large_is_refused_by_what_the_reader_sees_alone(
    dataset: Dataset, load: Callable[..., Outcome], mask: Mask, read: Read, stream: Stream
) -> None:
    load([{"id": str(n), "string": MEGABYTE} for n in range(70)])

    with pytest.raises(Invalid) as refused:
        read()

    assert (refused.value.status, refused.value.code) == (400, "page-too-large")
    assert Event.objects.get(kind="rows.read").details["rows"] == 0
    assert len(oracle.exact(f"[{read(limit='60').rows}]")) == 60
    assert len(oracle.exact(f"[{read(properties='id').rows}]")) == 70
    assert stream(f="ndjson").count("\n") == 70
    for access in (Access("null"), Access("hidden"), Access("hash"), Access("round", to=2)):
        mask({"string": access})
        assert len(oracle.exact(f"[{read().rows}]")) == 70


def test_row_too_large_for_a_page_is_refused_by_its_key(
    dataset: Dataset, load: Callable[..., Outcome], read: Read, stream: Stream
) -> None:
    for number in range(20, 26):
        Field.objects.create(dataset=dataset, number=number, name=f"s{number}", type="string", sensitivity="public")
    long = "x" * (12 << 20)
    load([{"id": "1", **{f"s{number}": long for number in range(20, 26)}}])

    with pytest.raises(Invalid, match="larger than 64 MiB"):
        read_row(Caller("ops", epoch=current_epoch()), KEY, ("1",))
    assert len(stream(f="csv")) > 6 * len(long)


def _walk(read: Read, **params: str) -> list[str]:
    pages = _pages(read, **params, properties="id", count="exact")
    assert {page.count for page in pages} == {len(rows())}
    return [str(row["id"]) for page in pages for row in oracle.exact(f"[{page.rows}]")]


def _pages(read: Read, **params: str) -> list[RowsPage]:
    pages = [read(**params)]
    while pages[-1].next:
        assert len(pages) <= len(rows())
        pages.append(read(**params, cursor=pages[-1].next))
    return pages


def _sorted(shown: list[dict[str, Any]], name: str, type_: FieldType, *, is_descending: bool) -> list[str]:
    """The keys of the rows in order: nulls last either way, equal values by the key."""

    def compare(a: tuple[Any, int], b: tuple[Any, int]) -> int:
        if a[0] == b[0]:
            return a[1] - b[1]
        if a[0] is None or b[0] is None:
            return 1 if a[0] is None else -1
        return 1 if (a[0] > b[0]) != is_descending else -1

    cells = [(None if row[name] is None else oracle.typed(type_, row[name]), int(row["id"])) for row in shown]
    return [str(key) for _, key in sorted(cells, key=cmp_to_key(compare))]
