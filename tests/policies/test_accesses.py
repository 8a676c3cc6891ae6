"""Of several accesses to one field the strictest holds, whatever their order."""

import pytest

from hub.predicates import FieldType
from policies.access import CLEAR, HIDDEN, NULL, Access, seen_type, strictest

STRICTEST: tuple[tuple[FieldType, list[Access], Access], ...] = (
    ("string", [Access("round", to=3), Access("round", to=2), Access("round", to=4)], Access("round", to=2)),
    ("string", [Access("round", to=3), Access("partial", 4, 2)], Access("partial", 3, 0)),
    ("string", [Access("round", to=5), Access("partial", 4, 2)], Access("partial", 4, 0)),
    ("string", [Access("partial", 1, 5), Access("partial", 4, 2)], Access("partial", 1, 2)),
    ("string", [Access("round", to=20_000)], HIDDEN),
    ("boolean", [Access("round", to=1)], HIDDEN),
    ("boolean", [Access("round", to=1), CLEAR], HIDDEN),
    (
        "date",
        [Access("round", to="day"), Access("round", to="year"), Access("round", to="month")],
        Access("round", to="year"),
    ),
    ("datetime", [Access("round", to="month"), Access("round", to="day")], Access("round", to="month")),
    ("integer", [Access("round", to=10)], Access("round", to=10)),
    ("date", [Access("round", to="month"), Access("round", to="month")], Access("round", to="month")),
    ("integer", [Access("round", to=10), Access("round", to=5)], Access("round", to=10)),
    ("integer", [Access("round", to=10), Access("round", to=4)], NULL),
    ("integer", [Access("round", to=2), Access("round", to=4), Access("round", to=6)], NULL),
    ("integer", [Access("round", to=10), Access("partial", 1, 1)], Access("partial", 1, 1)),
    ("integer", [Access("round", to=10), Access("round", to=4), HIDDEN], HIDDEN),
    ("integer", [CLEAR, Access("round", to=10)], Access("round", to=10)),
    ("string", [CLEAR, Access("hash"), Access("partial", 1, 1), Access("redact")], Access("redact")),
)


@pytest.mark.parametrize(("type_", "accesses", "expected"), STRICTEST)
def test_of_several_accesses_the_strictest_holds(type_: FieldType, accesses: list[Access], expected: Access) -> None:
    assert strictest(accesses, type_) == strictest(accesses[::-1], type_) == expected
    assert seen_type(Access("clear"), type_) == type_
