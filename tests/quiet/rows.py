"""The rows of a hub's datasets: what the caller sees of them is drawn once for both hubs, the rest by each."""

import csv
import random
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

from tests.quiet.hidden import Cell, Hidden
from tests.quiet.manifest import Shape

Row = dict[str, Cell]

VISIBLE = 37
"""So many rows of each dataset are seen; their ids are the multiples of three."""
_UNSEEN_IDS = [number for number in range(1, 3 * VISIBLE + 40) if number % 3]


def write_rows(folder: Path, shape: Shape, hidden: Hidden, seed: int) -> None:
    """One CSV file for each dataset. ``hidden`` draws the cells: another one gives other hidden cells and rows."""
    makers: dict[str, Callable[[random.Random, Shape, Hidden], Iterator[Row]]] = {
        "ops.own": _own,
        "dot.flights": _flights,
        "dot.permits": _permits,
        "dot.cases": _cases,
        "dot.archive": _archive,
        "dot.people": _people,
        "dot.posts": _posts,
        "dot.logs": _logs,
        "dot.traps": _traps,
        "met.air": _vault,
        f"dot.{hidden.name('vault')}": _vault,
    }
    for key, rows in makers.items():
        _write(folder / f"{key}.csv", list(rows(random.Random(f"{key} {seed}"), shape, hidden)), hidden)


def _write(path: Path, rows: list[Row], hidden: Hidden) -> None:
    """In an order of the owner's own, which is nobody else's to see."""
    if not path.name.startswith("ops."):
        hidden.draw.shuffle(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def _label(number: int) -> str:
    return f"row {number:03}"


def _own(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(1, 6):
        yield {"id": number, "label": _label(number)}


def _flights(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(3, 3 * VISIBLE + 1, 3):
        yield {
            "id": number,
            "label": _label(number),
            "carrier": seen.choice(["AA", "DL", "UA", "达美"]),
            "delay": seen.choice([None, "0.50", "12", "-3.25", "100"]),
            "tail": seen.choice([None, "N101", "N102", "N103"]),
            **_masked(hidden, seen),
            **_unseen_cells(shape, hidden, is_taken=False),
        }
    for number in hidden.draw.sample(_UNSEEN_IDS, hidden.draw.randint(3, 30)):
        yield {
            "id": number,
            "label": hidden.text(),
            "carrier": hidden.text(),
            "delay": hidden.number(),
            "tail": hidden.text(),
            **_masked(hidden, hidden.draw),
            **_extreme(hidden),
            **_unseen_cells(shape, hidden, is_taken=True),
        }
    for _ in hidden.some(0, 3):
        yield {"id": hidden.text(), "label": hidden.text(), **_unseen_cells(shape, hidden, is_taken=False)}


def _masked(hidden: Hidden, seen: random.Random) -> Row:
    """Cells of which a part is seen: that part comes from ``seen``."""
    year, thousands = seen.randint(1950, 1999), seen.randint(-9, 9) * 1000
    zone, digits = seen.choice("NESW"), seen.randint(10, 99)
    return {
        "fuel": hidden.cell("integer"),
        "phone": f"1{digits}{hidden.text(6)}{digits}",
        "cost": thousands + hidden.draw.randint(-499, 499),
        "born": date(year, hidden.draw.randint(1, 12), hidden.draw.randint(1, 28)).isoformat(),
        "zone": zone + hidden.text(),
        "speed": seen.randint(-9, 9) / 2 + hidden.draw.uniform(-0.24, 0.24),
        "seen_at": f"{year}-{hidden.draw.randint(10, 12)}-{hidden.draw.randint(10, 28)}T10:00:00Z",
    }


def _extreme(hidden: Hidden) -> Row:
    """Now and then what a mask or a filter could stumble over, in a row that the caller does not see."""
    cells: Row = {
        "delay": "9" * 900,
        "cost": hidden.draw.choice([2**63 - 1, -(2**63)]),
        "born": hidden.draw.choice(["0001-01-01", "9999-12-31"]),
        "speed": hidden.draw.choice(["1.7976931348623157e308", "-1.7976931348623157e308", "5e-324"]),
        "seen_at": "9999-12-31T23:59:59.999999Z",
        "phone": "1",
    }
    return {name: cells[name] for name in hidden.draw.sample(list(cells), hidden.draw.randint(0, 3))}


def _unseen_cells(shape: Shape, hidden: Hidden, *, is_taken: bool) -> Row:
    """Cells of the hidden fields; ``is_taken`` makes one of the prohibits take the row."""
    types = shape.types
    risk, secret = shape.taken["risk"], shape.taken_by_secret
    cells = {"pilot": hidden.cell(types["pilot"]), "note": hidden.cell(types["note"])}
    cells["risk"] = _other(hidden, types["risk"], risk)
    if shape.secret:
        cells[shape.secret] = _other(hidden, shape.secret_type, secret)
    if is_taken:
        ways = [("risk", risk), ("risk", None)]
        ways += [(shape.secret, secret), (shape.secret, None)] if shape.secret else []
        name, value = hidden.draw.choice(ways)
        cells[name] = value
    return cells


def _other(hidden: Hidden, type_: str, than: Cell) -> Cell:
    """A value of the type that is neither null nor ``than``."""
    while True:
        value: Cell = hidden.text() if type_ == "string" else hidden.number()
        if value != than:
            return value


def _permits(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(3, 3 * VISIBLE + 1, 3):
        yield {"id": number, "label": _label(number), "region": "north", **_secret_cell(shape, hidden)}
    for number in hidden.draw.sample(_UNSEEN_IDS, hidden.draw.randint(2, 20)):
        yield {"id": number, "label": hidden.text(), "region": hidden.draw.choice([None, hidden.text()])}


def _secret_cell(shape: Shape, hidden: Hidden) -> Row:
    return {shape.secret: hidden.cell(shape.secret_type)} if shape.secret else {}


def _cases(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    type_, taken = shape.types["grade"], shape.taken["grade"]
    for number in range(3, 3 * VISIBLE + 1, 3):
        amount, name = seen.randint(1, 99) * 100 + hidden.draw.randint(-49, 49), seen.choice("ABC") + hidden.text(12)
        yield {"id": number, "label": _label(number), "amount": amount, "name": name, "grade": taken}
    for number in hidden.draw.sample(_UNSEEN_IDS, hidden.draw.randint(2, 20)):
        grade = hidden.draw.choice([None, _other(hidden, type_, taken)])
        yield {"id": number, "label": hidden.text(), "amount": hidden.number(), "name": hidden.text(), "grade": grade}


def _archive(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(hidden.draw.randint(1, 9)):
        cells = {name: hidden.cell(shape.types[name]) for name in ("sum", "who")}
        yield {"id": number, **cells, **_secret_cell(shape, hidden)}


def _people(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(VISIBLE):
        remark = hidden.cell(shape.types["remark"])
        yield {"ssn": f"{seen.randint(100, 999)}-{number}", "label": _label(number), "remark": remark}


def _posts(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    """The codes depend on the mark alone: a row is itself by its key, also for those who do not see it."""
    for number in range(VISIBLE):
        is_text = shape.types["code"] == "string"
        code: Cell = hidden.name(f"code{number}") if is_text else 777_000_100 + number
        yield {"code": code, "label": _label(number), "remark": hidden.cell(shape.types["remark"])}


def _traps(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(VISIBLE):
        yield {hidden.name("key"): hidden.name(f"trap{number}"), "label": _label(number)}


def _logs(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(VISIBLE):
        yield {"label": _label(number), "level": seen.choice(["info", "warning"])}
    for _ in hidden.some(1, 9):
        yield {"label": hidden.text(), "level": hidden.draw.choice([None, "debug"])}


def _vault(seen: random.Random, shape: Shape, hidden: Hidden) -> Iterator[Row]:
    for number in range(hidden.draw.randint(1, 9)):
        yield {"id": number, "label": hidden.text()}
