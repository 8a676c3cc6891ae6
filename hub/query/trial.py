"""A rule tried out on the dataset's rows when it is saved: what its author should know before another approves it."""

from collections.abc import Iterator
from typing import Final

from hub.accounts.models import Agency
from hub.predicates import FieldType, bind, parse
from hub.store.connection import serve
from hub.store.queries import Place, place_of
from hub.store.select.conditions import condition
from hub.store.sql import Sql
from policies.models import Rule
from policies.queries import rule_facts

LOOKED_AT: Final = 100_000
"""Rows that a trial looks at, at most."""


def warnings_on(rule: Rule) -> list[str]:
    """What is likely not meant; figures alone, no value of any row."""
    return [*_of_party(rule), *_of_filter(rule), *_of_access(rule)]


def _of_party(rule: Rule) -> Iterator[str]:
    if rule.party_group is not None and not Agency.objects.filter(agency_groups=rule.party_group).exists():
        yield f"The group {rule.party_group.key} has no agency in it."


def _of_filter(rule: Rule) -> Iterator[str]:
    if not rule.filter or rule.target_dataset is None:
        return
    place = place_of(rule.target_dataset)
    types: dict[str, FieldType] = {name: column.type for name, column in place.columns.items()}
    test = condition(bind(parse(rule.filter), types), lambda name: Sql(place.columns[name].column))
    rows, true, unknown = _counted(place, "(" + test + ") IS TRUE", "(" + test + ") IS NULL")
    if rows and not true:
        yield f"The filter is true for none of {rows:,} rows."
    elif rows and true == rows:
        yield f"The filter is true for every one of {rows:,} rows."
    if unknown:
        what = "does not admit" if rule.effect == "permit" else "takes away"
        yield f"In {unknown:,} of {rows:,} rows a value is missing, so that the filter is not decided: it {what} them."


def _of_access(rule: Rule) -> Iterator[str]:
    access = rule_facts(rule).access
    if access is None or access.kind != "round" or rule.target_dataset is None:
        return
    place = place_of(rule.target_dataset)
    column = place.columns[rule.target_field]
    if column.type == "string":
        rows, longer, _ = _counted(place, Sql(f"length({column.column}) > %s", (access.to,)), Sql("FALSE"))
        if rows and not longer:
            yield f"No text in {rule.target_field} is longer than {access.to}: all of them stay whole."


def _counted(place: Place, first: Sql, second: Sql) -> tuple[int, int, int]:
    """How many rows there are, and for how many of them each condition is true."""
    looked_at = Sql(f"SELECT * FROM {place.table} LIMIT %s", (LOOKED_AT,))
    counts = "SELECT count(*), count(*) FILTER (WHERE " + first + "), count(*) FILTER (WHERE " + second + ") FROM ("
    return serve(counts + looked_at + ") v") or (0, 0, 0)
