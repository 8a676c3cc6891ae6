"""Rows that a source marks as gone: told by a cell of their own, which comes with them as far as the load."""

from dataclasses import dataclass

from hub.store.intake.contract import FieldContract
from hub.store.sql import Sql
from hub.store.tables import FLAG, GONE


@dataclass(frozen=True, slots=True)
class Mark:
    """The source's ``column`` and the ``values`` that say that a row is gone; none: whatever is not a no.

    ``needed`` are the fields that such a row needs, held to their contract; its other cells mean nothing.
    """

    column: str
    values: tuple[str, ...]
    needed: frozenset[str]

    @property
    def field(self) -> FieldContract:
        """The cell as it comes in."""
        return FieldContract(self.column, FLAG, "string")

    def definition(self) -> Sql:
        """The two columns of a table of incoming rows."""
        if self.values:
            says = Sql(f"{FLAG} = ANY(%s::text[])", (list(self.values),))
        else:
            says = Sql(f"lower(btrim({FLAG})) NOT IN ('', 'false', 'f', 'no', 'n', '0')")
        column = f'{FLAG} text COLLATE "C", {GONE} boolean GENERATED ALWAYS AS (coalesce('
        return Sql(column) + says + ", false)) STORED"
