"""Reading other people's PostgreSQL, from a real one."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from connectors.base import CannotResume, Extract
from connectors.kinds.postgres import Postgres
from connectors.testing import ConnectorContract, rows_of
from hub.errors import SourceDown, SourceMissing, SourceRefused

Execute = Callable[[str], None]
SIXTY = "数据共享交换平台" * 7 + "字段名称"


@pytest.fixture
def config(server_settings: dict[str, str], database: str) -> dict[str, Any]:
    return {
        "host": server_settings["host"],
        "port": int(server_settings["port"]),
        "database": database,
        "user": server_settings["user"],
        "allow_loopback": True,
    }


@pytest.fixture
def secrets(server_settings: dict[str, str]) -> dict[str, str]:
    return {"password": server_settings["password"]}


@pytest.fixture
def postgres(config: dict[str, Any], secrets: dict[str, str]) -> Postgres:
    return Postgres(config, secrets)


class TestContract(ConnectorContract):
    @pytest.fixture
    def connector(self, postgres: Postgres, execute: Execute) -> Postgres:
        execute(
            "CREATE TABLE flights (flight integer PRIMARY KEY, carrier text, delay numeric, at timestamptz);"
            "INSERT INTO flights SELECT i, 'UA', i + 0.5, '2013-01-01 00:00Z' FROM generate_series(1, 10) i"
        )
        return postgres

    @pytest.fixture
    def unreachable(self, config: dict[str, Any], secrets: dict[str, str]) -> Postgres:
        return Postgres({**config, "host": "127.0.0.1", "port": 1}, secrets)

    @pytest.fixture
    def select(self) -> Mapping[str, Any]:
        return {"table": "flights"}


def test_values_come_as_the_hub_writes_them(postgres: Postgres, execute: Execute) -> None:
    execute("""
        CREATE TABLE things (i bigint, f float8, n numeric(10,2), b boolean, d date, at timestamp, tz timestamptz,
                             t time, j jsonb, list int[], s text);
        INSERT INTO things VALUES (9223372036854775807, 0.1, 1.50, true, '2013-01-01', '2013-01-01 05:00',
            '2013-01-01 00:00-05', '08:30', '{"a": 1.10}', '{1,2}', E'tab\\there\\\\ \\n end');
        INSERT INTO things DEFAULT VALUES
    """)

    (batch,) = postgres.read(Extract({"table": "things"}))

    assert batch.count == 2
    assert batch.copy.decode().split("\n") == [
        "9223372036854775807\t0.1\t1.50\ttrue\t2013-01-01\t2013-01-01 05:00:00\t2013-01-01 05:00:00+00\t08:30:00"
        '\t{"a": 1.10}\t[1,2]\ttab\\there\\\\ \\n end',
        "\t".join(["\\N"] * 11),
        "",
    ]
    assert [column.type for column in postgres.describe({"table": "things"}).columns] == [
        "integer", "number", "decimal", "boolean", "date", "datetime", "datetime", "time", "json", "json", "string"
    ]  # fmt: skip


def test_incremental_read_takes_the_ties_along_and_sorts(postgres: Postgres, execute: Execute) -> None:
    execute(
        "CREATE TABLE log (id int, at timestamptz);"
        "INSERT INTO log VALUES (3, '2020-01-03Z'), (1, '2020-01-01Z'), (2, '2020-01-02Z'), (4, '2020-01-02Z')"
    )

    extract = Extract({"table": "log"}, columns=("id",), cursor="at", since="2020-01-02T00:00:00Z")

    assert sorted(rows_of(postgres.read(extract))) == [["2"], ["3"], ["4"]]
    assert rows_of(postgres.read(extract))[-1] == ["3"]
    assert len(rows_of(postgres.read(Extract({"table": "log"}, ("id",), cursor="at")))) == 4


def test_names_of_any_script_and_length_are_quoted(postgres: Postgres, execute: Execute) -> None:
    long = "字" * 20  # PostgreSQL itself stops at 63 bytes.
    execute(f'CREATE TABLE "表 ""x""" ("{long}" int, "a; DROP TABLE b" int); INSERT INTO "表 ""x""" VALUES (1, 2)')

    extract = Extract({"table": '表 "x"'}, columns=("a_DROP_TABLE_b", long))

    assert rows_of(postgres.read(extract)) == [["2", "1"]]
    assert [column.title for column in postgres.describe(extract.select).columns] == ["", "a; DROP TABLE b"]


def test_query_is_read_and_cannot_write(postgres: Postgres, execute: Execute) -> None:
    execute("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2)")

    assert rows_of(postgres.read(Extract({"query": "SELECT sum(a) AS total FROM t -- all of it"}))) == [["3"]]
    for query in (
        "DELETE FROM t RETURNING a",
        "SELECT 1) x) TO PROGRAM 'true' --",
        "SELECT FROM WHERE",
        "SELECT 1; SELECT 2",
    ):
        with pytest.raises(SourceMissing) as caught:
            list(postgres.read(Extract({"query": query})))
        assert caught.value.code == "source-bad-query"
    assert rows_of(postgres.read(Extract({"table": "t"}))) == [["1"], ["2"]]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"database": "no_such_database"}, "source-no-database"),
        ({"user": "nobody_we_know"}, "source-refused"),
        ({"host": "127.0.0.1", "port": 1}, "source-down"),
        ({"host": "no-such-host.invalid"}, "source-unknown-host"),
        ({"allow_loopback": False}, "source-address-refused"),
    ],
)
def test_failed_connection_says_which_setting(
    config: dict[str, Any], secrets: dict[str, str], changed: dict[str, Any], code: str
) -> None:
    with pytest.raises((SourceDown, SourceMissing, SourceRefused)) as caught:
        Postgres({**config, **changed}, secrets).test()

    assert caught.value.code == code


def test_wrong_password_is_refused_and_not_repeated(config: dict[str, Any]) -> None:
    with pytest.raises(SourceRefused) as caught:
        Postgres(config, {"password": "not-the-password"}).test()

    assert caught.value.code == "source-refused"
    assert "not-the-password" not in caught.value.message + caught.value.hint


def test_missing_table_and_column_are_named(postgres: Postgres, execute: Execute) -> None:
    execute("CREATE TABLE t (a int)")

    with pytest.raises(SourceMissing, match=r"public\.flights does not exist") as table:
        list(postgres.read(Extract({"table": "flights"})))
    with pytest.raises(SourceMissing, match=r"public\.t has no column 'b'") as column:
        list(postgres.read(Extract({"table": "t"}, ("a", "b"))))

    assert (table.value.code, column.value.code) == ("source-no-table", "source-no-column")


def test_forbidden_table_is_refused(
    postgres: Postgres, execute: Execute, config: dict[str, Any], server_settings: dict[str, str]
) -> None:
    execute("CREATE TABLE secret_t (a int); CREATE TABLE open_t (a int)")
    execute("CREATE ROLE kinds_reader LOGIN PASSWORD 'reader'; GRANT SELECT ON open_t TO kinds_reader")
    execute("GRANT USAGE ON SCHEMA public TO kinds_reader")
    try:
        reader = Postgres({**config, "user": "kinds_reader"}, {"password": "reader"})

        assert rows_of(reader.read(Extract({"table": "open_t"}))) == []
        with pytest.raises(SourceRefused, match=r"may not read public\.secret_t"):
            list(reader.read(Extract({"table": "secret_t"})))
        assert [found.name for found in reader.discover()] == ["public.open_t"]
    finally:
        execute("DROP OWNED BY kinds_reader; DROP ROLE kinds_reader")


_STILL_RUNNING = """
SELECT count(*) AS n FROM pg_stat_activity
WHERE query LIKE '%100000000) AS i%' AND state = 'active' AND pid <> pg_backend_pid()
"""


def _becomes(look: Callable[[], object], wanted: object) -> bool:
    """Whether ``look`` gives what is wanted within two seconds."""
    deadline = time.monotonic() + 2
    while look() != wanted:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_closing_early_ends_the_statement_at_the_source(postgres: Postgres, execute: Execute) -> None:
    query = "SELECT generate_series(1, 100000000) AS i, repeat('x', 1000) AS x"
    batches = postgres.read(Extract({"query": query}))
    list(islice(batches, 2))

    batches.close()  # type: ignore[attr-defined]

    assert _becomes(lambda: rows_of(postgres.read(Extract({"query": _STILL_RUNNING}))), [["0"]])


def test_failure_in_the_middle_is_raised_where_it_is_read(postgres: Postgres) -> None:
    query = "SELECT 1 / (300000 - i) AS x, repeat('x', 100) AS pad FROM generate_series(1, 400000) i"

    with pytest.raises(Exception, match="could not compute") as caught:
        list(postgres.read(Extract({"query": query})))

    assert caught.value.code == "source-bad-query"  # type: ignore[attr-defined]


def test_discover_finds_types_keys_and_hints(postgres: Postgres, execute: Execute) -> None:
    execute(
        "CREATE TABLE people (b int, a int, phone text NOT NULL, PRIMARY KEY (a, b));"
        "INSERT INTO people VALUES (1, 2, '13800138000'); CREATE VIEW shown AS SELECT a FROM people"
    )

    people, shown = postgres.discover()

    assert (people.name, people.primary_key, people.samples) == (
        "public.people",
        ("a", "b"),
        (("1", "2", "13800138000"),),
    )
    assert [(c.name, c.type, c.required, c.hint) for c in people.columns] == [
        ("b", "integer", True, ""),
        ("a", "integer", True, ""),
        ("phone", "string", True, "phone"),
    ]
    assert (shown.name, shown.primary_key) == ("public.shown", ())


@pytest.mark.parametrize("since", [None, "3"])
@pytest.mark.parametrize("most", [1, 2, 3, 7, 0])
def test_reading_by_cursor_goes_on_behind_any_value_all_rows_of_which_are_read(
    postgres: Postgres, execute: Execute, since: str | None, most: int
) -> None:
    execute(
        "CREATE TABLE things AS SELECT i AS id, CASE WHEN i < 18 THEN i / 4 END AS step FROM generate_series(1, 20) i"
    )
    extract = Extract({"table": "things"}, ("id", "step"), cursor="step", since=since, most=most)

    found = list(postgres.read(extract))
    rows = sorted(rows_of(found))

    marked = [number for number, batch in enumerate(found, start=1) if batch.checkpoint is not None]
    assert len(rows) == (20 if since is None else 6)
    assert bool(marked)
    for number in marked:
        rest = postgres.read(replace(extract, resume=found[number - 1].checkpoint))
        assert sorted(rows_of(found[:number]) + rows_of(rest)) == rows


def test_cursor_whose_equal_values_have_several_texts_has_no_checkpoint(postgres: Postgres, execute: Execute) -> None:
    execute("CREATE TABLE things AS SELECT i AS id, i::numeric AS step FROM generate_series(1, 20) i")
    extract = Extract({"table": "things"}, ("id", "step"), cursor="step", most=1)

    assert {batch.checkpoint for batch in postgres.read(extract)} == {None}
    with pytest.raises(CannotResume):
        next(postgres.read(replace(extract, resume={"after": "3"})))
