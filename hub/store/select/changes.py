"""What makes one reader's copy of a dataset equal to what it may see now, as one query over a stretch of keys.

A row that came at version ``a`` and was changed or deleted at version ``b`` stood at all versions from ``a`` to before
``b``: in the change log, or still in the table. So the rows of any earlier version are at hand, and with them what a
reader was given then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.predicates import FieldType
from hub.store.select.gate import PASSED
from hub.store.select.relation import Shown, conjunction, json_row
from hub.store.sql import Sql, join
from hub.store.tables import PHYSICAL_TYPES, VERSION

Key = tuple[str, ...]
"""The texts of a row's key, field by field."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """How rows are shown: the fields, the row filter, and the types of all columns that these and the key use."""

    fields: tuple[Shown, ...]
    where: tuple[Sql, ...]
    columns: Mapping[str, FieldType]


@dataclass(frozen=True, slots=True)
class Given:
    """What the reader has: the rows of ``version`` as they were shown then; ``seeing`` None is as they are now."""

    version: int
    seeing: Seeing | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """The keys after ``after`` up to and with ``upto`` (None: to the end), and what the reader has of them."""

    table: str
    log: str
    key: tuple[Shown, ...]
    seeing: Seeing
    given: Given | None
    after: Key | None = None
    upto: Key | None = None


def changes_sql(stretch: Stretch, limit: int, *, numbers_as_strings: bool = False) -> Sql:
    """``SELECT`` of two columns: the text of a change, and the texts of its key; in the key's order, up to ``limit``.

    One row for each key for which what the reader has differs from what it sees now. The sides are put one after the
    other in the order of the key, so that a page need not look further than its last change.
    """
    key = [f"o{i}" for i in range(len(stretch.key))]
    names, order = ", ".join(f"o{i} AS f{i}" for i in range(len(key))), ", ".join(key)
    sides = join(" UNION ALL ", [*_sides(stretch, numbers_as_strings)])
    told = json_row(stretch.key, numbers_as_strings=numbers_as_strings)
    change = (
        f"""'{{"op":' || CASE WHEN now IS NULL THEN '"delete"' ELSE '"upsert"' END || ',"key":' || {told}"""
        """ || ',"row":' || coalesce(now, 'null') || '}'"""
    )
    position = ", ".join(f"f{i}::text" for i in range(len(key)))
    return (
        f"SELECT {change} AS row, ARRAY[{position}]::text[] AS position FROM ("
        f"SELECT {names}, max(now) AS now FROM ("
        + sides
        + f") u GROUP BY {order} HAVING max(before) IS DISTINCT FROM max(now) ORDER BY {order}"
        + Sql(" LIMIT %s) c", (limit,))
    )


def _sides(stretch: Stretch, numbers_as_strings: bool) -> list[Sql]:
    """What there is now, what of it the reader was given, and what it was given that has changed since."""

    def side(seeing: Seeing, source: Sql, conditions: Sequence[Sql], *, is_now: bool) -> Sql:
        cells = [field.expression + f" AS f{i}" for i, field in enumerate(seeing.fields)]
        cells += [field.expression + f" AS o{i}" for i, field in enumerate(stretch.key)]
        row = f'({json_row(seeing.fields, numbers_as_strings=numbers_as_strings)}) COLLATE "C"'
        other = 'NULL::text COLLATE "C"'
        before, now = (other, row) if is_now else (row, other)
        keys = ", ".join(f"o{i}" for i in range(len(stretch.key)))
        view = "SELECT " + join(", ", cells) + " FROM " + source
        view += conjunction([PASSED, *_range(stretch), *conditions, *seeing.where])
        return f"SELECT {keys}, {before} AS before, {now} AS now FROM (" + view + ") v"

    table, given = Sql(stretch.table), stretch.given
    if given is None:
        return [side(stretch.seeing, table, [], is_now=True)]
    came_later, was_there = (Sql(f"{VERSION} {op} %s", (given.version,)) for op in (">", "<="))
    before = given.seeing or stretch.seeing
    gone = side(before, _gone(stretch.log, before, given.version), [], is_now=False)
    if given.seeing is None:
        return [side(stretch.seeing, table, [came_later], is_now=True), gone]
    return [side(stretch.seeing, table, [], is_now=True), side(before, table, [was_there], is_now=False), gone]


def _gone(log: str, seeing: Seeing, version: int) -> Sql:
    """The rows of ``version`` that were changed or deleted since, with the types that their columns had."""
    columns = ", ".join(f"{column} {PHYSICAL_TYPES[type_]}" for column, type_ in sorted(seeing.columns.items()))
    entries = Sql(
        f"(SELECT before FROM {log} WHERE {VERSION} > %s AND (before->>'{VERSION}')::integer <= %s) l",
        (version, version),
    )
    return entries + f", jsonb_to_record(l.before) AS r({columns})"


def _range(stretch: Stretch) -> list[Sql]:
    bounds = ((">", stretch.after), ("<=", stretch.upto))
    return [_beside(stretch.key, op, values) for op, values in bounds if values is not None]


def _beside(key: Sequence[Shown], op: str, values: Key) -> Sql:
    cells = join(", ", [field.expression for field in key])
    texts = [Sql(f"%s::{PHYSICAL_TYPES[field.type]}", (text,)) for field, text in zip(key, values, strict=True)]
    return "(" + cells + f") {op} (" + join(", ", texts) + ")"
