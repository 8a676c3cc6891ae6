"""What one hub keeps from the caller: names, values and numbers of things that carry a mark of their own."""

import random
import re
import string
from dataclasses import dataclass, field

MARKS = ("zqa", "zqb")
"""Every hidden name and text begins with the mark of its hub, and no other word anywhere holds one."""

CANARY = re.compile(r"zq[ab]\w*|7770\d{5}", re.IGNORECASE)
"""A hidden name, text or number, wherever it turns up."""

TYPES = ("string", "integer", "decimal")
Cell = str | int | float | None


@dataclass
class Hidden:
    """Draws what is hidden; two with other marks or seeds share nothing but their kind."""

    mark: str
    seed: int
    draw: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.draw = random.Random(f"{self.mark} {self.seed}")

    def name(self, of: str) -> str:
        """The name of a hidden thing, the same in every hub with this mark."""
        return f"{self.mark}{of}"

    def text(self, length: int = 0) -> str:
        """``length`` characters, or between ten and thirty."""
        length = length or self.draw.randint(10, 30)
        return self.mark + "".join(self.draw.choices(string.ascii_lowercase, k=length - len(self.mark)))

    def number(self) -> int:
        return 777_000_000 + self.draw.randrange(100_000)

    def type(self) -> str:
        return self.draw.choice(TYPES)

    def cell(self, type_: str) -> Cell:
        """A value of one of ``TYPES``, now and then none."""
        if self.draw.random() < 0.2:
            return None
        return self.text() if type_ == "string" else self.number()

    def some(self, least: int, most: int) -> range:
        return range(self.draw.randint(least, most))


def literal(value: Cell) -> str:
    """The value as a filter writes it."""
    return f"'{value}'" if isinstance(value, str) else str(value)
