"""What a dataset asks of each incoming cell, as SQL over text that raises nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from hub.catalog.models import Dataset
from hub.predicates import FieldType
from hub.store.sql import Sql, join
from hub.store.tables import PHYSICAL_TYPES

_DIGITS = r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_SAFE_INTEGER = "^[+-]?[0-9]{1,18}$"
_WORDS: Mapping[FieldType, str] = {
    "integer": "^[+-]?[0-9]{1,30}$",
    "number": f"^{_DIGITS}$",
    "decimal": f"^{_DIGITS}$",
    "boolean": "^(true|false|t|f|1|0)$",
    "date": f"^{_DAY}$",
    "datetime": f"^{_DAY}[T ]{_CLOCK}(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)?$",
    "time": f"^{_CLOCK}$",
}
"""Which texts are values of a type at all: PostgreSQL alone would also take ``today``, ``0x1F``, ``NaN`` and more."""
_INPUTS: Mapping[FieldType, str] = {"datetime": "timestamptz", "number": "float8", "json": "jsonb", "geometry": "jsonb"}
_ORDERED = frozenset({"integer", "number", "decimal", "date", "datetime", "time"})
_MAX_CELL = 16 << 20


@dataclass(frozen=True, slots=True)
class FieldContract:
    """One field as intake sees it; ``column`` names its cell in staging and in the dataset's table alike."""

    name: str
    column: str
    type: FieldType
    is_required: bool = False
    minimum: str = ""
    maximum: str = ""
    pattern: str = ""
    codes: tuple[str, ...] = ()

    def typed(self) -> str:
        """The cell as a value of the field's physical type; only for cells that ``fault`` finds nothing wrong with."""
        if self.type == "string":
            return self.column
        if self.type == "datetime":
            return f"({self.column}::timestamptz AT TIME ZONE 'UTC')"
        return f"{self.column}::{PHYSICAL_TYPES[self.type]}"

    def fault(self) -> Sql:
        """The rule that the cell breaks first, as text; null for a good cell."""
        cases = [when + Sql(f" THEN '{rule}'") for rule, when in self._rules()]
        null = "'required'" if self.is_required else "NULL"
        head = f"CASE WHEN {self.column} IS NULL THEN {null}"
        return Sql(head) + join("", [" WHEN " + case for case in cases]) + " END"

    def messages(self) -> str:
        """What to say for each rule, as a JSON object."""
        said = {
            "required": "The value is missing, and the field needs one.",
            "type": f"The value is not of type {self.type}.",
            "min": f"The value is below {self.minimum}.",
            "max": f"The value is above {self.maximum}.",
            "pattern": "The value does not have the form that the field asks for.",
            "codes": "The value is none of the field's codes.",
        }
        return json.dumps(said, ensure_ascii=False)

    @property
    def is_checked(self) -> bool:
        """Whether there is anything at all that a cell can break."""
        return self.is_required or any(True for _ in self._rules())

    def _rules(self) -> Iterator[tuple[str, Sql]]:
        cell = self.column
        if self.type != "string":
            yield "type", Sql(f"NOT ({self._is_of_type()})")
        if self.minimum and self.type in _ORDERED:
            yield "min", Sql(f"{self.typed()} < ") + self._limit(self.minimum)
        if self.maximum and self.type in _ORDERED:
            yield "max", Sql(f"{self.typed()} > ") + self._limit(self.maximum)
        if self.pattern:
            yield "pattern", Sql(f"{cell} !~ %s", (f"^(?:{self.pattern})$",))
        if self.codes:
            yield "codes", Sql(f"NOT {cell} = ANY(%s)", (list(self.codes),))

    def _is_of_type(self) -> str:
        cell = self.column
        parses = f"pg_input_is_valid({cell}, '{_INPUTS.get(self.type, self.type)}')"
        match self.type:
            case "integer":
                parses = f"pg_input_is_valid({cell}, 'bigint')"
                return f"{cell} ~ '{_SAFE_INTEGER}' OR ({cell} ~ '{_WORDS['integer']}' AND {parses})"
            case "boolean":
                return f"lower({cell}) ~ '{_WORDS['boolean']}'"
            case "decimal":
                return f"length({cell}) <= 1000 AND {cell} ~ '{_WORDS['decimal']}'"
            case "json":
                return f"length({cell}) <= {_MAX_CELL} AND {parses}"
            case "geometry":
                shape = f"jsonb_typeof({cell}::jsonb -> 'type') = 'string'"
                return (
                    f"length({cell}) <= {_MAX_CELL} AND CASE WHEN {parses} THEN coalesce({shape}, false) ELSE false END"
                )
        return f"{cell} ~ '{_WORDS[self.type]}' AND {parses}"

    def _limit(self, text: str) -> Sql:
        if self.type == "datetime":
            return Sql("(%s::timestamptz AT TIME ZONE 'UTC')", (text,))
        return Sql(f"%s::{PHYSICAL_TYPES[self.type]}", (text,))


def contract_of(dataset: Dataset) -> tuple[FieldContract, ...]:
    """The contract of every field, in the dataset's order; a field of the primary key always needs a value."""
    return tuple(
        FieldContract(
            name=field.name,
            column=field.column,
            type=cast(FieldType, field.type),
            is_required=field.is_required or field.name in dataset.primary_key,
            minimum=field.minimum,
            maximum=field.maximum,
            pattern=field.pattern,
            codes=tuple(map(str, field.codes)),
        )
        for field in dataset.fields.all()
    )
