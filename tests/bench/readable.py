"""The hub's part of ``tests.bench.reading``: what is to be read, made in a process of its own, answered as JSON."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

import django


def prepare(rows: int, large: int) -> dict[str, Any]:
    """Two datasets with one field hidden and one hashed, a token, and each read's statement with its values."""
    from hub.accounts.caller import HUB
    from hub.accounts.queries import caller_for_token
    from policies.commands import approve_rule, draft_rule
    from tests.bench.files import fill
    from tests.bench.seeding import token

    table = fill("dot.big", rows)
    fill("dot.huge", large)
    for key in ("big", "huge"):
        for field, access in (("string8", "hidden"), ("string6", "hash")):
            words = {"access": access, "reason": "A person could be found by it", "legal_basis": [{"title": "An act"}]}
            target = f"dot.{key}#{field}"
            rule = draft_rule(actor=HUB, key=f"{key}-{field}", target=target, party="everyone", **words)
            approve_rule(actor=HUB, rule=rule)
    secret = token("ops")
    caller = caller_for_token(secret)
    lookup, page = _final(caller, {"id": ["4711"], "limit": ["1"]}), _final(caller, {})
    return {
        "token": secret,
        "table": table,
        "lookup": f"\\set id random(1, {rows})\n{re.sub(r'4711', ':id', lookup)}",
        "page": page,
        "copy": _copy(caller),
        "aggregate": f"SELECT c12, count(*), sum(c10) FROM {table} GROUP BY c12 ORDER BY c12",
    }


def _copy(caller: Any) -> str:
    """The statement of a stream of CSV with its values in place."""
    from django.db import connections

    from hub.query import wishes
    from hub.query.params import parse_rows_query
    from hub.query.views import open_view
    from hub.store.select.copied import csv_copy

    query = parse_rows_query({"f": ["csv"], "limit": ["all"]})
    statement = csv_copy(wishes.select(open_view(caller, "dot.big"), query))
    with connections["serving"].cursor() as cursor:
        text: str = cursor.mogrify(statement.text, statement.params).decode()
        return text


def _final(caller: Any, params: dict[str, Sequence[str]]) -> str:
    """The statement of one read with its values in place; each execution of it makes an event of its own."""
    from django.db import connections
    from django.test import override_settings

    from hub.query.door import read_rows
    from hub.query.params import parse_rows_query

    taken: list[tuple[str, Any]] = []

    def take(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
        taken.append((text, params))
        return execute(text, params, many, context)

    serving = connections["serving"]
    with override_settings(HUB_PREPARED_STATEMENTS=False), serving.execute_wrapper(take):
        receipt = str(read_rows(caller, "dot.big", parse_rows_query(params)).receipt)
    with serving.cursor() as cursor:
        text: str = cursor.mogrify(*taken[-1]).decode()
    assert f"'{receipt}'" in text
    return text.replace(f"'{receipt}'", "gen_random_uuid()")


if __name__ == "__main__":
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    django.setup()
    print(json.dumps(prepare(*map(int, sys.argv[1:]))))
