"""What makes one reader's copy of a dataset equal to what it may see now, as one query over a stretch of keys.

A row that came at version ``a`` and was changed or deleted at version ``b`` stood at all versions from ``a`` to before
``b``: in the change log, or still in the table. So the rows of any earlier version are at hand, and with them what a
reader was given then.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hub.predicates import FieldType
from hub.store.select.gate import PASSED
from hub.store.select.relation import Order, Shown, beyond, conjunction, json_row
from hub.store.select.values import json_text
from hub.store.sql import Sql, join
from hub.store.tables import PHYSICAL_TYPES, VERSION

Key = tuple[str | None, ...]
"""The texts of a row's key, field by field; None for a field without a value."""


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
    """``SELECT`` of the text of a change as ``row`` and of its key ``o0``, ``o1`` …, in its order, up to ``limit``.

    One row for each key for which what the reader has differs from what it sees now. The sides come in the order of
    the key and are put together in it, so that a page need not look further than its last change.
    """
    key = [f"o{i}" for i in range(len(stretch.key))]
    names = ", ".join(f"{_one_text(f'o{i}', field.type)} AS f{i}" for i, field in enumerate(stretch.key))
    sides = join(" UNION ALL ", _sides(stretch, limit, numbers_as_strings))
    told = json_row(stretch.key, numbers_as_strings=numbers_as_strings)
    change = (
        f"""'{{"op":' || CASE WHEN now IS NULL THEN '"delete"' ELSE '"upsert"' END || ',"key":' || {told}"""
        """ || ',"row":' || coalesce(now, 'null') || '}'"""
    )
    position, order = "".join(f", f{i} AS o{i}" for i in range(len(key))), ", ".join(key)
    return (
        f"SELECT {change} AS row{position} FROM ("
        f"SELECT {names}, max(now) AS now FROM ("
        + sides
        + f") u GROUP BY {order} HAVING max(before) IS DISTINCT FROM max(now) ORDER BY {order}"
        + Sql(" LIMIT %s) c", (limit,))
    )


def _one_text(key: str, type_: FieldType) -> str:
    """The key in one form: equal numbers may be written in several, and which one is no change."""
    return {"decimal": f"trim_scale({key})", "number": f"{key} + 0"}.get(type_, key)


def _sides(stretch: Stretch, limit: int, numbers_as_strings: bool) -> list[Sql]:
    """What came since what the reader was given, what of that is gone, and what is only shown otherwise now."""

    def text(seeing: Seeing) -> str:
        return f'({json_row(seeing.fields, numbers_as_strings=numbers_as_strings)}) COLLATE "C"'

    table, given, nothing = Sql(stretch.table), stretch.given, 'NULL::text COLLATE "C"'
    now = text(stretch.seeing)
    if given is None:
        return [_side(stretch, stretch.seeing, nothing, now, table, stretch.seeing.where, limit)]
    came_later, was_there = (Sql(f"{VERSION} {op} %s", (given.version,)) for op in (">", "<="))
    before = given.seeing or stretch.seeing
    gone = _gone(stretch.log, before, given.version)
    sides = [
        _side(stretch, stretch.seeing, nothing, now, table, [came_later, *stretch.seeing.where]),
        _side(stretch, before, text(before), nothing, gone, before.where),
    ]
    if given.seeing is not None:
        was_told = """CASE WHEN NOT is_seen THEN '' COLLATE "C" END"""
        is_told = f"CASE WHEN is_seen THEN {now} END"
        otherwise = [was_there, _shown_otherwise(given.seeing, stretch.seeing, numbers_as_strings)]
        sides.append(_side(stretch, stretch.seeing, was_told, is_told, table, otherwise, limit))
    return sides


def _side(
    stretch: Stretch,
    seeing: Seeing,
    before: str,
    now: str,
    source: Sql,
    conditions: Sequence[Sql],
    limit: int | None = None,
) -> Sql:
    """Keys in their order with ``before`` and ``now``, made of the cells ``f0``, ``f1`` … and of ``is_seen``.

    ``limit`` is for a side whose keys are on no other.
    """
    keys = ", ".join(f"o{i}" for i in range(len(stretch.key)))
    cells = [field.expression + f" AS f{i}" for i, field in enumerate(seeing.fields)]
    cells += [field.expression + f" AS o{i}" for i, field in enumerate(stretch.key)]
    view = "SELECT " + join(", ", [*cells, _is_seen(seeing) + " AS is_seen"]) + " FROM " + source
    view += conjunction([PASSED, *_range(stretch, may_lack=source.text != stretch.table), *conditions])
    view += " ORDER BY " + join(", ", [field.expression for field in stretch.key])
    if limit is not None:
        view += Sql(" LIMIT %s", (limit,))
    return f"SELECT {keys}, {before} AS before, {now} AS now FROM (" + view + ") v"


def _is_seen(seeing: Seeing) -> Sql:
    parts = ["(" + condition + ") IS TRUE" for condition in seeing.where]
    return "(" + join(" AND ", parts) + ")" if parts else Sql("TRUE")


def _shown_otherwise(before: Seeing, now: Seeing, numbers_as_strings: bool) -> Sql:
    """Whether a row that is as it was is seen now and was not, or the other way, or is seen in another form."""

    def text(field: Shown) -> Sql:
        cell = json_text(field.expression.text, field.type, numbers_as_strings=numbers_as_strings)
        return Sql(cell, field.expression.params)

    had, has = _is_seen(before), _is_seen(now)
    otherwise = had + " <> " + has
    if [field.name for field in before.fields] != [field.name for field in now.fields]:
        return otherwise + " OR " + has
    pairs = [(text(one), text(other)) for one, other in zip(before.fields, now.fields)]
    cells = [one + " IS DISTINCT FROM " + other for one, other in pairs if one != other]
    return otherwise + " OR " + has + " AND (" + join(" OR ", cells) + ")" if cells else otherwise


def _gone(log: str, seeing: Seeing, version: int) -> Sql:
    """The rows of ``version`` that were changed or deleted since, with the types that their columns had."""
    columns = ", ".join(f"{column} {PHYSICAL_TYPES[type_]}" for column, type_ in sorted(seeing.columns.items()))
    entries = Sql(
        f"(SELECT before FROM {log} WHERE {VERSION} > %s AND (before->>'{VERSION}')::integer <= %s) l",
        (version, version),
    )
    return entries + f", jsonb_to_record(l.before) AS r({columns})"


def _range(stretch: Stretch, *, may_lack: bool) -> list[Sql]:
    """``may_lack``: rows of the log may lack parts of the key that no row of the table lacks by now."""
    key = [Order(replace(field, never_null=field.never_null and not may_lack)) for field in stretch.key]
    bounds = [] if stretch.after is None else [beyond(key, stretch.after)]
    if stretch.upto is not None:
        bounds.append("(" + beyond(key, stretch.upto) + ") IS NOT TRUE")
    return bounds
