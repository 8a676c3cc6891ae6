"""A whole view by ``COPY``: PostgreSQL writes the rows down in the form in which a file takes them."""

from collections.abc import Sequence

from hub.store.select.relation import Selection, Shown, count_sql, json_row, view_sql
from hub.store.select.values import csv_cell
from hub.store.sql import Sql


def csv_copy(selection: Selection, *, safe: bool = False) -> Sql:
    r"""The exact text of the CSV, but that lines end in ``\n``; ``safe`` keeps spreadsheets from running a text."""
    cells = [csv_cell(f"f{i}", field.type, safe=safe) for i, field in enumerate(selection.fields)]
    return _copied(cells, selection, "csv")


def cells_copy(selection: Selection) -> Sql:
    """Every cell in PostgreSQL's own text, as CSV: an empty text in quotes, null as nothing."""
    return _copied([f"f{i}" for i in range(len(selection.fields))], selection, "csv")


def json_copy(selection: Selection, *, numbers_as_strings: bool = False) -> Sql:
    """A JSON object a line, its backslashes doubled."""
    return _copied([json_row(selection.fields, numbers_as_strings=numbers_as_strings)], selection, "text")


def extents_sql(selection: Selection) -> Sql | None:
    """How large exact numbers become, as the view shows them; None where it shows none.

    Answers two texts for each field of ``measured``: the largest amount, and the most digits behind the point.
    """
    measured_fields = [f"f{i}" for i in measured(selection.fields)]
    if not measured_fields:
        return None
    sizes = ", ".join(f"max(abs({cell}::numeric))::text, max(scale({cell}::numeric))::text" for cell in measured_fields)
    unordered = Selection(selection.table, selection.fields, selection.where)
    return f"SELECT {sizes} FROM (" + view_sql(unordered) + ") v"


def measured(fields: Sequence[Shown]) -> list[int]:
    """The places of fields whose type does not say how large their numbers are; rounded integers may pass 64 bits."""
    return [i for i, f in enumerate(fields) if f.type == "decimal" or (f.type == "integer" and not f.is_plain)]


def rows_beyond(selection: Selection, most: int) -> Sql:
    """Whether the view has more than ``most`` rows."""
    return Sql("SELECT %s < (", (most,)) + count_sql(selection, most + 1) + ")"


def _copied(cells: Sequence[str], selection: Selection, form: str) -> Sql:
    return f"COPY (SELECT {', '.join(cells)} FROM (" + view_sql(selection) + f") v) TO STDOUT (FORMAT {form})"
