"""Pages of a view are together the whole view once and in order, and a row's text holds each cell by its name."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cmp_to_key
from typing import Any

import pytest

from hub.predicates import FieldType
from hub.store.select.relation import SORTABLE, Order, Selection, Shown, count_sql, json_row, rows_sql
from hub.store.select.values import Masked, seen
from hub.store.sql import Sql
from tests.store.select.conftest import ROWS, Ask, placed, plain_row

N = Shown("n", "integer", Sql("n"), is_plain=True, never_null=True)
"""Tells the rows apart, as a primary key does."""


def plain(type_: FieldType) -> Shown:
    return Shown(type_, type_, Sql(f'"{type_}"'), is_plain=True)


def test_a_row_holds_each_cell_by_its_name(ask: Ask, cells: str) -> None:
    fields = (N, Shown('it\'s "名" 100%', "string", Sql("%s::text", ("x,y",))), plain("decimal"))
    view = Selection(cells, fields, order=(Order(N),), limit=2)

    found = [text for text, *_ in ask(rows_sql(view, json_row(fields)))]
    exact = [text for text, *_ in ask(rows_sql(view, json_row(fields, numbers_as_strings=True)))]

    assert found[1] == '{"n":1,"it\'s \\"名\\" 100%":"x,y","decimal":0.10}'
    assert exact[1] == '{"n":"1","it\'s \\"名\\" 100%":"x,y","decimal":"0.10"}'


def test_a_row_without_fields_is_empty(ask: Ask, cells: str) -> None:
    view = Selection(cells, (), limit=1)

    assert [text for text, *_ in ask(rows_sql(view, json_row(())))] == ["{}"]


def test_every_condition_must_hold(ask: Ask, cells: str) -> None:
    view = Selection(cells, (N,), where=(Sql("n > %s OR n = 0", (9,)), Sql("n < %s", (12,))), order=(Order(N),))

    def found(*gate: Sql) -> list[str]:
        return [text for text, *_ in ask(rows_sql(view, plain_row(view.fields), *gate))]

    assert found() == ["0", "10", "11"]
    assert found(Sql("%s OR false", (True,))) == ["0", "10", "11"]
    assert found(Sql("true"), Sql("%s OR false", (False,))) == []


def test_rows_are_counted_as_far_as_asked(ask: Ask, cells: str) -> None:
    view = Selection(cells, (N,), where=(Sql("n >= %s OR n = 0", (10,)), Sql("n < 14")))

    assert ask(count_sql(Selection(cells, (N,)), None)) == [(len(ROWS),)]
    assert ask(count_sql(view, None)) == [(5,)]
    assert ask(count_sql(view, 3)) == [(3,)]
    assert ask(count_sql(view, 9)) == [(5,)]


def test_a_position_is_the_texts_of_the_sort_terms(ask: Ask, cells: str) -> None:
    order = (Order(plain("decimal"), descending=True), Order(plain("boolean")), Order(N))
    view = Selection(cells, (), where=(Sql("n = 1"),), order=order)

    assert ask(placed(rows_sql(view, "'row'"), 3)) == [("row", ["0.10", "false", "1"])]
    assert ask(placed(rows_sql(Selection(cells, (), where=view.where), "'row'"), 0)) == [("row", [])]


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("type_", sorted(SORTABLE))
def test_pages_are_the_whole_view_once_and_in_order(ask: Ask, cells: str, type_: FieldType, descending: bool) -> None:
    other = plain("boolean")
    for order in (
        (Order(plain(type_), descending), Order(N)),
        (Order(other), Order(plain(type_), descending), Order(N, descending=True)),
        (Order(other, descending=True), Order(plain(type_), descending), Order(N)),
    ):
        expected = [str(n) for n, _ in sorted(enumerate(ROWS), key=cmp_to_key(_before(order)))]
        for limit in (1, 4, 100):
            assert list(_walk(ask, Selection(cells, (N,), order=order, limit=limit))) == expected, (order, limit)


def test_pages_by_the_key_alone_go_either_way(ask: Ask, cells: str) -> None:
    numbers = [str(n) for n in range(len(ROWS))]

    assert list(_walk(ask, Selection(cells, (N,), order=(Order(N),), limit=4))) == numbers
    assert list(_walk(ask, Selection(cells, (N,), order=(Order(N, True),), limit=4))) == numbers[::-1]


def test_pages_by_several_keys_compare_them_one_after_the_other(ask: Ask, cells: str) -> None:
    tens = Shown("tens", "integer", Sql("n / %s", (4,)), never_null=True)
    view = Selection(cells, (N,), order=(Order(tens), Order(N)), limit=3)

    assert list(_walk(ask, view)) == [str(n) for n in range(len(ROWS))]


def test_pages_by_a_key_and_what_an_index_cannot_follow_are_the_whole_view_in_order(ask: Ask, cells: str) -> None:
    tens = Shown("tens", "integer", Sql("n / %s", (4,)), never_null=True)
    view = Selection(cells, (N,), order=(Order(tens), Order(N, descending=True)), limit=3)

    assert list(_walk(ask, view)) == [str(n) for n in sorted(range(len(ROWS)), key=lambda n: (n // 4, -n))]


def test_groups_are_paged_and_counted_as_rows_are(ask: Ask, cells: str) -> None:
    tens, odd = Shown("tens", "integer", Sql("n / 4"), never_null=True), Shown("odd", "integer", Sql("mod(n, 2)"))
    groups = (tens.expression, odd.expression)
    view = Selection(cells, (tens, odd), order=(Order(tens), Order(odd)), groups=groups, limit=2)
    expected = sorted({(n // 4, n % 2) for n in range(len(ROWS))})

    assert list(_walk(ask, view)) == [f"{ten},{odd}" for ten, odd in expected]
    assert ask(count_sql(view, None)) == [(len(expected),)]


def test_all_rows_together_are_one_group(ask: Ask, cells: str) -> None:
    view = Selection(cells, (Shown("count", "integer", Sql("count(*)")),), groups=(), limit=2)

    assert ask(rows_sql(view, plain_row(view.fields))) == [(str(len(ROWS)),)]
    assert ask(count_sql(view, None)) == [(1,)]


def test_pages_go_by_what_is_shown_beyond_what_the_column_can_hold(ask: Ask, cells: str) -> None:
    """Rounded, the largest integer is one more than the column could hold."""
    rounded = Shown("integer", "integer", seen('"integer"', "integer", Masked("round", to=10)))
    view = Selection(cells, (N,), order=(Order(rounded), Order(N)), limit=1)

    assert sorted(_walk(ask, view), key=int) == [str(n) for n in range(len(ROWS))]


def test_behind_the_last_null_there_is_nothing(ask: Ask, cells: str) -> None:
    view = Selection(cells, (N,), order=(Order(plain("time")),), after=(None,))

    assert ask(rows_sql(view, plain_row(view.fields))) == []


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("after", [("3",), ("3", "4", "5")])
def test_a_position_of_another_order_is_no_position(after: tuple[str, ...], descending: bool) -> None:
    with pytest.raises(ValueError, match="zip"):
        rows_sql(Selection("cells", (N,), order=(Order(N), Order(N, descending)), after=after), "''")


def test_a_page_goes_on_within_what_the_reader_may_see(ask: Ask, cells: str) -> None:
    """The conditions hold on every page, however the position is told."""
    nullable = Order(plain("boolean"))
    for order, after in (((Order(N),), ("3",)), ((nullable, Order(N)), ("false", "3"))):
        view = Selection(cells, (N,), where=(Sql("n < 8"),), order=order, after=after)
        assert {int(text) for text, *_ in ask(rows_sql(view, plain_row(view.fields)))} <= set(range(8))


def test_an_index_on_the_column_finds_the_next_page(ask: Ask, cells: str) -> None:
    """A clear integer is compared as one, and keys in order as one row."""
    ask(f'CREATE INDEX ON {cells} (n, "integer")')
    ask("SET LOCAL enable_seqscan = off")
    ask("SET LOCAL enable_bitmapscan = off")
    key = Shown("integer", "integer", Sql('"integer"'), is_plain=True, never_null=True)
    view = Selection(cells, (N,), order=(Order(N), Order(key)), limit=1, after=("3", "5"))

    plan = "\n".join(line for (line,) in ask("EXPLAIN " + rows_sql(view, plain_row(view.fields))))

    assert "Index Cond: (ROW(n, \"integer\") > ROW('3'::bigint, '5'::bigint))" in plan


def test_an_index_finds_the_next_page_as_far_as_it_can_follow_the_order(ask: Ask, cells: str) -> None:
    ask(f"CREATE INDEX ON {cells} (n)")
    ask("SET LOCAL enable_seqscan = off")
    ask("SET LOCAL enable_bitmapscan = off")
    view = Selection(cells, (N,), order=(Order(N), Order(plain("boolean"))), limit=1, after=("3", "false"))

    plan = "\n".join(line for (line,) in ask("EXPLAIN " + rows_sql(view, plain_row(view.fields))))

    assert "Index Cond: (n >= '3'::bigint)" in plan


def _walk(ask: Ask, view: Selection) -> Iterator[str]:
    after: tuple[str | None, ...] = ()
    for _ in range(len(ROWS) + 1):
        page = replace(view, after=after)
        found = ask(placed(rows_sql(page, plain_row(view.fields)), len(view.order)))
        yield from (text for text, _ in found)
        if not found:
            return
        after = tuple(found[-1][1])
    raise AssertionError("The pages have no end.")


def _before(order: tuple[Order, ...]) -> Any:
    """Nulls last in either direction; texts by code point."""

    def compare(one: tuple[int, Any], other: tuple[int, Any]) -> int:
        for term in order:
            a, b = (n if term.field is N else row[term.field.type] for n, row in (one, other))
            if a is None or b is None:
                if a is not b:
                    return 1 if a is None else -1
            elif a != b:
                return 1 if (a > b) != term.descending else -1
        return 0

    return compare
