"""What COPY writes of a view: CSV as RFC 4180 has it, and JSON that says what a page says."""

import json
import re

import pytest

from hub.predicates import FIELD_TYPES, FieldType
from hub.store.select.copied import csv_copy, json_copy
from hub.store.select.relation import Order, Selection, Shown, json_row, rows_sql
from hub.store.sql import Sql
from tests.proofs.cells import text as plain
from tests.store.select.conftest import ROWS, Ask, Copied

N = Shown("n", "integer", Sql("n"), is_plain=True, never_null=True)


@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_csv_writes_each_type_as_rfc_4180_has_it(copied: Copied, cells: str, type_: FieldType) -> None:
    view = Selection(cells, (Shown("x", type_, Sql(f'"{type_}"')), N), order=(Order(N),))

    found = copied(csv_copy(view))

    values = [None if row[type_] is None else plain(row[type_], type_) for row in ROWS]
    assert found == "".join(f"{_csv(value)},{n}\n" for n, value in enumerate(values))


@pytest.mark.parametrize(
    "value", ["=1", "+1", "-1", "@x", "\tx", "\rx", "a=1", "", " =1", None, "-", 'x"', "a,b", "a\nb"]
)
@pytest.mark.parametrize("type_", ["string", "json", "geometry", "integer"])
def test_a_text_that_a_spreadsheet_would_run_begins_with_an_apostrophe_where_asked(
    copied: Copied, cells: str, value: str | None, type_: FieldType
) -> None:
    fields = (Shown("x", type_, Sql("%s::text", (value,))), N)
    view = Selection(cells, fields, where=(Sql("n = 0"),))

    is_run = type_ != "integer" and re.match(r"[=+@\t\r-]", value or "") is not None
    defused = f"'{value}" if is_run else value
    assert copied(csv_copy(view, safe=True)) == f"{_csv(defused)},0\n"
    assert copied(csv_copy(view)) == f"{_csv(value)},0\n"


@pytest.mark.parametrize("as_strings", [False, True])
def test_json_says_what_a_page_says(ask: Ask, copied: Copied, cells: str, as_strings: bool) -> None:
    view = Selection(cells, (N, *(Shown(t, t, Sql(f'"{t}"')) for t in FIELD_TYPES)), order=(Order(N),))

    lines = copied(json_copy(view, numbers_as_strings=as_strings)).replace("\\\\", "\\").splitlines()

    paged = ask(rows_sql(view, json_row(view.fields, numbers_as_strings=as_strings)))
    assert lines == [text for text, _ in paged]
    assert [json.loads(line)["n"] for line in lines] == [str(n) if as_strings else n for n in range(len(ROWS))]


def _csv(value: str | None) -> str:
    if value is None:
        return ""
    is_quoted = value == "" or not {'"', ",", "\r", "\n"}.isdisjoint(value)
    return '"' + value.replace('"', '""') + '"' if is_quoted else value
