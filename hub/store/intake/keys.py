"""Which rows have the same key, where a field of it may be without a value: told so that an index or a hash finds them.

PostgreSQL finds nothing by ``IS NOT DISTINCT FROM``. So rows are taken apart by which fields of their key have no
value; of rows that agree in that, those with the same key are found by ``=``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection


@dataclass(frozen=True, slots=True)
class KeyPart:
    """Rows with values in the columns ``filled`` and ``always`` of the key, and none in those of ``empty``."""

    always: tuple[str, ...]
    filled: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()

    def same(self, one: str, other: str) -> str:
        """That the rows of two aliases are of this part and have one key."""
        equal = [f"{one}.{column} = {other}.{column}" for column in (*self.always, *self.filled)]
        return " AND ".join(equal + [f"{side}.{column} IS NULL" for column in self.empty for side in (one, other)])

    def has(self, alias: str) -> str:
        """That the row is of this part."""
        tests = [f"{alias}.{column} IS NOT NULL" for column in self.filled]
        tests += [f"{alias}.{column} IS NULL" for column in self.empty]
        return " AND ".join(tests) or "true"


def parts_of(table: str, key: Sequence[str], nullable: Sequence[str]) -> dict[KeyPart, int]:
    """The parts of a table's rows with their numbers; ``nullable`` are the columns of the key that may lack values."""
    always = tuple(column for column in key if column not in nullable)
    tests = [f"{column} IS NULL" for column in nullable]
    grouping = f" GROUP BY {', '.join(tests)}" if tests else ""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([*tests, 'count(*)'])} FROM {table}{grouping}")
        return {
            KeyPart(
                always,
                tuple(column for column, is_empty in zip(nullable, row) if not is_empty),
                tuple(column for column, is_empty in zip(nullable, row) if is_empty),
            ): int(row[-1])
            for row in cursor.fetchall()
        }
