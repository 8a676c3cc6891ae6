"""What a dataset asks of each incoming cell, as SQL over text that raises nothing."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from hub.catalog.models import Dataset
from hub.predicates import FieldType
from hub.store.sql import Sql, join, literal
from hub.store.tables import PHYSICAL_TYPES

_NUMBER = "^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,3})?$"
_CLOCK = "[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
_ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2})?)"
_MOMENT = f"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}[T ]{_CLOCK}{_ZONE}?$"
_USUAL_MOMENTS = ("____-__-__T__:__:__Z", "____-__-__ __:__:__+00", "____-__-__ __:__:__")
_INPUTS: Mapping[FieldType, str] = {
    "integer": "bigint",
    "decimal": "numeric",
    "datetime": "timestamptz",
    "number": "float8",
}
_OVERFLOWS: Mapping[FieldType, str] = {
    "datetime": "({cell} LIKE '0001-01-01%%' OR {cell} LIKE '9999-12-31%%')"
    " AND {typed} NOT BETWEEN '0001-01-01' AND '9999-12-31 23:59:59.999999'",
    "time": "{typed} = '24:00'",
}
"""What a good text comes to in UTC or by rounding, and no standard can write: years 0 and 10000, a time of 24:00."""
ORDERED = frozenset({"integer", "number", "decimal", "date", "datetime", "time"})
_DOCUMENTS = frozenset({"json", "geometry"})
MAX_CELL = 16 << 20
"""Bytes of a text; ``store_json_fault`` holds JSON to the same, with its numbers written out."""


@dataclass(frozen=True, slots=True)
class FieldContract:
    """One field as intake sees it; ``column`` names its cell in staging and in the dataset's table alike.

    ``timezone`` is that of times that name none; UTC where it is empty.
    """

    name: str
    column: str
    type: FieldType
    is_required: bool = False
    minimum: str = ""
    maximum: str = ""
    pattern: str = ""
    codes: tuple[str, ...] = ()
    timezone: str = ""

    def typed(self) -> str:
        """The cell as a value of the field's physical type; only for cells that ``fault`` finds nothing wrong with."""
        if self.type == "string":
            return self.column
        if self.type == "datetime":
            return f"({self._moment()} AT TIME ZONE 'UTC')"
        if self.type == "json":
            return f"nullif({self.column}::jsonb, 'null')"  # JSON's null is a missing value, as in a JSON source
        return f"{self.column}::{PHYSICAL_TYPES[self.type]}"

    def _moment(self) -> str:
        moment = f"{self.column}::timestamptz"
        if not self.timezone:
            return moment  # without a zone it is in that of the session, which is UTC
        local = f"{self.column}::timestamp AT TIME ZONE {literal(self.timezone)}"
        return f"CASE WHEN {self.column} ~ '{_ZONE}$' THEN {moment} ELSE {local} END"

    def fault(self) -> Sql:
        """The rule that the cell breaks first, as text; null for a good cell."""
        cases = [when + Sql(f" THEN '{rule}'") for rule, when in self._rules()]
        null = "'required'" if self.is_required else "NULL"
        head = f"CASE WHEN {self.column} IS NULL THEN {null}"
        if self.type in _DOCUMENTS:
            fault = f"store_json_fault({self.column})"
            head += f" WHEN {fault} IS NOT NULL THEN {fault}"
        return Sql(head) + join("", [" WHEN " + case for case in cases]) + " END"

    def messages(self) -> str:
        """What to say for each rule, as a JSON object."""
        said = {
            "required": "The value is missing, and the field needs one.",
            "size": f"The value is longer than {MAX_CELL >> 20} MiB, or would be with its numbers written out.",
            "depth": "The value is nested more than 500 levels deep.",
            "type": f"The value is not of type {self.type}.",
            "min": f"The value is below {self.minimum}.",
            "max": f"The value is above {self.maximum}.",
            "pattern": "The value does not have the form that the field asks for.",
            "codes": "The value is none of the field's codes.",
        }
        return json.dumps(said, ensure_ascii=False)

    @property
    def whole_pattern(self) -> str:
        """The pattern, to match the whole cell."""
        return f"^(?:{self.pattern})$"

    def _rules(self) -> Iterator[tuple[str, Sql]]:
        cell = self.column
        if self.type == "string":
            yield "size", Sql(f"octet_length({cell}) > {MAX_CELL}")
        elif self.type == "json":
            if self.is_required:
                yield "required", Sql(f"{self.typed()} IS NULL")
        else:
            yield "type", Sql(f"NOT ({self._is_of_type()})")
        if self.type in _OVERFLOWS:
            yield "type", Sql(_OVERFLOWS[self.type].format(cell=cell, typed=self.typed()))
        if self.minimum and self.type in ORDERED:
            yield "min", Sql(f"{self.typed()} < ") + self.limit(self.minimum)
        if self.maximum and self.type in ORDERED:
            yield "max", Sql(f"{self.typed()} > ") + self.limit(self.maximum)
        if self.pattern:
            yield "pattern", Sql(f"{cell} !~ %s", (self.whole_pattern,))
        if self.codes:
            yield "codes", Sql(f"NOT {cell} = ANY(%s)", (list(self.codes),))

    def _is_of_type(self) -> str:
        """Whether the text is a value of the type: it parses, and holds nothing but what ought to be there.

        PostgreSQL alone would also take ``today``, ``0x1F``, ``NaN``, spaces. Looking for a character that ought not
        to be there costs a quarter of matching a whole pattern, so patterns are left for what is unusual.
        """
        cell = self.column
        parses = f"pg_input_is_valid({cell}, '{_INPUTS.get(self.type, self.type)}')"
        match self.type:
            case "integer":
                return f"{cell} !~ '[^0-9+-]' AND {parses}"
            case "number":
                return f"{cell} !~ '[^0-9.eE+-]' AND {parses}"
            case "decimal":
                return f"length({cell}) <= 1000 AND ({cell} !~ '[^0-9.+-]' OR {cell} ~ '{_NUMBER}') AND {parses}"
            case "boolean":
                return f"lower({cell}) IN ('true', 'false', 't', 'f', '1', '0')"
            case "date":
                return f"{cell} LIKE '____-__-__' AND {cell} !~ '[^0-9-]' AND {parses}"
            case "datetime":
                usual = " OR ".join(f"{cell} LIKE '{form}'" for form in _USUAL_MOMENTS)
                return f"(({usual}) AND {cell} !~ '[^0-9TZ:+ -]' OR {cell} ~ '{_MOMENT}') AND {parses}"
            case "time":
                return f"{cell} ~ '^{_CLOCK}$' AND {parses}"
            case "geometry":
                return f"coalesce(jsonb_typeof({cell}::jsonb -> 'type') = 'string', false)"
        raise ValueError(f"no form tells a {self.type}")

    def limit(self, text: str | None) -> Sql:
        """The least or greatest value as one of the field's physical type; null for None."""
        if self.type == "datetime":
            return Sql("(%s::timestamptz AT TIME ZONE 'UTC')", (text,))
        return Sql(f"%s::{PHYSICAL_TYPES[self.type]}", (text,))


def contract_of(dataset: Dataset, timezone: str = "") -> tuple[FieldContract, ...]:
    """The contract of every field, in the dataset's order; times that name no zone are in ``timezone``, else UTC."""
    return tuple(
        FieldContract(
            name=field.name,
            column=field.column,
            type=cast(FieldType, field.type),
            is_required=field.is_required,
            minimum=field.minimum,
            maximum=field.maximum,
            pattern=field.pattern,
            codes=tuple(map(str, field.codes)),
            timezone=timezone,
        )
        for field in dataset.fields.all()
    )
