"""Keeps a copy of a dataset in DuckDB: HUB_TOKEN=hub_… python keep_a_copy.py http://127.0.0.1:8000 KEY FILE"""

import json
import os
import sys
import time
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import duckdb

TABLES = """
CREATE TABLE IF NOT EXISTS copy (key VARCHAR PRIMARY KEY, row JSON);
CREATE TABLE IF NOT EXISTS position (since VARCHAR);
"""
CHANGES = (
    "SELECT c->>'op' AS op, c->>'key' AS key, c->'row' AS row FROM (SELECT unnest(($1::JSON->'data')::JSON[]) AS c)"
)
UPSERT = f"INSERT OR REPLACE INTO copy SELECT key, row FROM ({CHANGES}) WHERE op = 'upsert'"
DELETE = f"DELETE FROM copy WHERE key IN (SELECT key FROM ({CHANGES}) WHERE op = 'delete')"
TYPES = {"integer": "BIGINT", "number": "DOUBLE", "boolean": "BOOLEAN", "object": "JSON"}
TYPES |= {"date": "DATE", "date-time": "TIMESTAMPTZ", "time": "TIME"}


def ask(address: str, **params: object) -> str:
    """What the hub answers there, after as many waits as it asks for."""
    headers = {"Authorization": f"Bearer {os.environ['HUB_TOKEN']}"}
    while True:
        try:
            with urlopen(Request(f"{address}?{urlencode(params)}", headers=headers), timeout=60) as answer:
                return str(answer.read().decode())
        except HTTPError as error:
            if error.code not in (429, 503):
                raise
            time.sleep(int(error.headers["Retry-After"]))


def follow(dataset: str, copy: duckdb.DuckDBPyConnection) -> None:
    """Take page after page until one is empty; what a page says and the position after it are one transaction."""
    while True:
        since = copy.execute("SELECT since FROM position").fetchall()
        page = ask(f"{dataset}/changes", limit=10_000, numbers="string", **({"since": since[0][0]} if since else {}))
        answer = json.loads(page)
        copy.execute("BEGIN")
        copy.execute(UPSERT, [page])
        copy.execute(DELETE, [page])
        copy.execute("DELETE FROM position")
        copy.execute("INSERT INTO position VALUES ($1)", [answer["page"]["next"]])
        copy.execute("COMMIT")
        if not answer["data"]:
            return


def show(dataset: str, copy: duckdb.DuckDBPyConnection) -> None:
    """The copy as a table with the columns that there are for you now: the view ``rows``."""
    columns = []
    for name, field in json.loads(ask(f"{dataset}/schema"))["properties"].items():
        kinds = field.get("type", "object")
        kind = field.get("format", kinds if isinstance(kinds, str) else kinds[0])
        type_ = TYPES.get(kind, "VARCHAR")
        columns.append(f"""(row->>'{name}')::{type_} AS "{name}\"""")
    copy.execute(f"CREATE OR REPLACE VIEW rows AS SELECT {', '.join(columns)} FROM copy")


def main(hub: str, key: str, path: str) -> None:
    dataset = f"{hub}/api/v1/datasets/{key}"
    with duckdb.connect(path) as copy:
        copy.execute(TABLES)
        try:
            follow(dataset, copy)
        except HTTPError as error:
            if error.code != 410:
                raise SystemExit(error.read().decode()) from None
            copy.execute("BEGIN; DELETE FROM copy; DELETE FROM position; COMMIT")  # begin again
            follow(dataset, copy)
        show(dataset, copy)


if __name__ == "__main__":
    main(*sys.argv[1:])
