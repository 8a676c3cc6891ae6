"""Filters asked of the hub and answered by Python on the same rows, as they are shown."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from hub.predicates import FieldType, FilterError, bind, evaluate, parse
from hub.query.door import RowsPage
from tests.totality import oracle

_MAX_EVALUATED = 1000
"""Characters of a text on which the Python side works within a test's patience."""


def compare(
    read: Callable[..., RowsPage], stream: Callable[..., str], types: Mapping[str, FieldType], asked: Iterable[str]
) -> dict[str, set[int]]:
    """The filters that find other rows than their own evaluation does, each with the ids of the rows that differ."""
    shown = [_row(row, types) for row in oracle.table(stream(f="csv"))]
    whole = {row["id"] for row in shown if len(str(row["string"])) <= _MAX_EVALUATED}
    wrong = {}
    for text in asked:
        try:
            tree = bind(parse(text), types)
        except FilterError as error:
            assert "beyond what the field can hold" in str(error), text  # noqa: PT017
            continue
        found = {row["id"] for row in oracle.exact(f"[{read(filter=text, properties='id').rows}]")}
        expected = {row["id"] for row in shown if row["id"] in whole and evaluate(tree, row)}
        if found & whole != expected:
            wrong[text[:200]] = (found & whole) ^ expected
    return wrong


def _row(row: Mapping[str, str | None], types: Mapping[str, FieldType]) -> dict[str, Any]:
    """The row as a filter's evaluation takes it."""
    return {"id": int(str(row["id"])), **{name: _cell(type_, row[name]) for name, type_ in types.items()}}


def _cell(type_: FieldType, text: str | None) -> Any:
    if text is None or type_ in ("json", "geometry"):
        return text
    return Decimal(text) if type_ in ("integer", "decimal") else oracle.typed(type_, text)
