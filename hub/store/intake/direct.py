"""Which cells may go straight into typed columns, their meaning kept, and what can still be wrong with them there.

A cell may where the column that takes it gives the very value that the checks of text and ``FieldContract.typed`` would
give, and gives back the very text that came. Everything else stands in staging as text first.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hub.predicates import FieldType
from hub.store.intake.contract import MAX_CELL, ORDERED, FieldContract
from hub.store.sql import Sql

_WHOLE: Final = frozenset({"int2", "int4", "int8"})
_VOUCHED: Final[Mapping[FieldType, frozenset[str]]] = {
    "integer": _WHOLE | {"oid"},
    "number": frozenset({"int2", "int4", "float8"}),
    "decimal": _WHOLE | {"numeric"},
    "boolean": frozenset({"bool"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"timestamp", "timestamptz"}),
    "time": frozenset({"time"}),
}
"""For a type of fields, the types of PostgreSQL whose every text its column takes and gives back, but for a zone."""

_YEAR: Final = "(?!0000)[0-9]{4}"
_DATE: Final = (
    f"{_YEAR}-(?>(?>0[1-9]|1[0-2])-(?>0[1-9]|1[0-9]|2[0-8])|(?>0[13-9]|1[0-2])-(?>29|30)|(?>0[13578]|1[02])-31)"
    "|(?>[0-9]{2}(?>0[48]|[2468][048]|[13579][26])|(?>0[48]|[2468][048]|[13579][26])00)-02-29"
)
_CLOCK: Final = "(?>[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
_FRACTION: Final = "(?>[.][0-9]{0,5}[1-9])?+"
_LOCAL: Final = f"(?>{_DATE})[T ]{_CLOCK}(?>[.][0-9]{{1,6}})?+"
_UTC: Final = "(?>Z|[+]00(?>:?00)?+)"
_ZONED: Final = f"{_LOCAL}{_UTC}"
_DECIMAL: Final = "(?>[1-9][0-9]{0,99}|0)(?>[.][0-9]{1,99})?+"
_FORMS: Final[Mapping[FieldType, str]] = {
    "string": f"[^\t\n]{{0,{MAX_CELL}}}+",
    "integer": "0|-?[1-9][0-9]{0,17}",
    "number": "-?+[0-9]{1,30}+(?>[.][0-9]{1,30})?+(?>[eE][+-]?[0-9]{1,2})?+",
    "decimal": f"{_DECIMAL}|-(?=[0.]*[1-9]){_DECIMAL}",
    "boolean": "true|false|[tf01]",
    "date": _DATE,
    "datetime": f"{_LOCAL}{_UTC}?+",
    "time": f"{_CLOCK}{_FRACTION}",
}
"""Forms of text that the checks of a type find good, and that its column takes as the same value.

All but those of ``_CHANGED`` are also what the column gives back.
"""
_CHANGED: Final = frozenset({"boolean", "datetime", "number"})


def is_vouched(fields: Sequence[FieldContract], types: Sequence[str]) -> bool:
    """Whether every cell can go straight in, as the source's columns have these types of PostgreSQL."""
    return len(types) == len(fields) and all(
        field.type == "string" or type_ in _VOUCHED.get(field.type, ()) for field, type_ in zip(fields, types)
    )


def line_form(fields: Sequence[FieldContract], *, positioned: bool) -> re.Pattern[bytes] | None:
    """What matches as many whole lines of COPY text as can go straight in, perhaps none; None where none ever can."""
    if not all(_has_form(field) for field in fields):
        return None
    forms = [_ZONED if field.timezone and field.type == "datetime" else _FORMS[field.type] for field in fields]
    cells = "\t".join(
        form if field.type == "string" else rf"(?>{form}|\\N)" for field, form in zip(fields, forms, strict=True)
    )
    place = "[0-9]++\t" if positioned else ""
    return re.compile(f"(?>{place}{cells}\n)*+".encode())


def suspicion(field: FieldContract, *, has_form: bool) -> Iterator[Sql]:
    """The conditions under which a typed cell is one that the field's contract does not allow.

    One that ``has_form`` came as text of a sure form, which is of no value that is none to the hub.
    """
    cell = field.column
    if field.is_required:
        yield Sql(f"{cell} IS NULL")
    if field.type in _FOUND and not has_form:
        yield Sql(_FOUND[field.type].format(cell=cell))
    if field.minimum and field.type in ORDERED:
        yield Sql(f"{cell} < ") + field.limit(field.minimum)
    if field.maximum and field.type in ORDERED:
        yield Sql(f"{cell} > ") + field.limit(field.maximum)
    if field.pattern:
        yield Sql(f"{cell}::text !~ %s", (field.whole_pattern,))
    if field.codes:
        yield Sql(f"NOT {cell}::text = ANY(%s)", (list(field.codes),))


def as_text(field: FieldContract, type_: str) -> str:
    """The typed cell as the text that came; ``type_`` is what the source calls it, empty where that is not known."""
    if field.type == "datetime" and field.timezone:
        return f"({field.column}::text || 'Z')"
    if type_ == "timestamptz":
        return f"({field.column} AT TIME ZONE 'UTC')::text"
    return f"{field.column}::text"


_FOUND: Final[Mapping[FieldType, str]] = {
    "number": "{cell} IN ('NaN', 'Infinity', '-Infinity')",
    "decimal": "({cell} NOT BETWEEN -1e50 AND 1e50 OR scale({cell}) > 40)"
    " AND ({cell} IN ('NaN', 'Infinity', '-Infinity') OR length({cell}::text) > 1000)",
    "date": "{cell} NOT BETWEEN '0001-01-01' AND '9999-12-31'",
    "datetime": "{cell} NOT BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'",
    "time": "{cell} = '24:00'",
    "string": f"octet_length({{cell}}) > {MAX_CELL}",
}
"""Values of a type that are none to the hub; a look at size comes before a long text is made."""


def _has_form(field: FieldContract) -> bool:
    """Whether cells can be told good by their form, and a bad one shown as it came."""
    is_compared = bool(field.pattern or field.codes or field.minimum or field.maximum)
    return field.type in _FORMS and not (is_compared and field.type in _CHANGED)
