"""Files of a million rows of thirteen columns: how long, and in how much memory, beside what does nothing but that."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROWS = int(os.environ.get("BENCH_ROWS", "1_000_000"))


def bench() -> None:
    """In a process of its own, on engines of its own."""
    import tests.engines as engines

    engines.pytest_load_initial_conftests()
    try:
        subprocess.run([sys.executable, "-m", "tests.bench.files"], check=True)
    finally:
        engines.pytest_unconfigure()


def _measure() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    django.setup()
    from django.core.management import call_command

    from hub.store.roles import ensure_serving_role

    call_command("migrate", interactive=False, verbosity=0)
    ensure_serving_role()
    fill("dot.big", ROWS)
    for format in ("csv", "ndjson", "parquet", "arrow"):
        _in_own_process(format)


def _in_own_process(format: str) -> None:
    subprocess.run([sys.executable, "-m", "tests.bench.files", format], check=True)


def fill(key: str, rows: int) -> str:
    """A published dataset of thirteen columns and so many rows; answers its table."""
    from django.db import connection

    from hub.accounts.models import Agency
    from hub.catalog.models import Dataset, Field
    from hub.store.tables import ensure_relation

    owner, _ = Agency.objects.get_or_create(code="dot", defaults={"name": "Transport"})
    Agency.objects.get_or_create(code="ops", defaults={"name": "Operations"})
    made = Dataset.objects.create(agency=owner, key=key, title="Big", status="published", primary_key=["id"])
    types = ["integer"] * 5 + ["string"] * 3 + ["datetime", "decimal", "number", "boolean", "date"]
    for number, type_ in enumerate(types, start=1):
        name = "id" if number == 1 else f"{type_}{number}"
        Field.objects.create(dataset=made, number=number, name=name, type=type_, sensitivity="public")
    relation = ensure_relation(made)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1,c2,c3,c4,c5,c6,c7,c8,c9,c10,c11,c12,c13)"
            " SELECT g, 2013, g %% 12, g %% 31, g %% 1440, 'N' || g %% 4000, (ARRAY['EWR','JFK','LGA'])[1 + g %% 3],"
            " 'destination ' || g %% 100, timestamp '2013-01-01' + g * interval '1 minute', (g %% 10000) / 100.0,"
            " g / 7.0, g %% 2 = 0, date '2013-01-01' + (g %% 365)"
            " FROM generate_series(1, %s) g",
            [rows],
        )
        cursor.execute(f"VACUUM ANALYZE {relation.table}")
    relation.version, relation.rows = 1, rows
    relation.save()
    return relation.table


def _one(format: str) -> None:
    import django

    django.setup()
    from hub.accounts.caller import Caller
    from hub.accounts.queries import current_epoch
    from hub.query.files.reading import WHOLE, read_file
    from hub.query.formats import form_of
    from hub.query.views import open_view

    caller = Caller(agency="ops", email="reader@ops.example", epoch=current_epoch())
    view = open_view(caller, "dot.big", mode="export")
    from django.conf import settings

    settings.HUB_FILE_ROWS = 10 * ROWS
    before = _peak()
    built, read = _timed(lambda: read_file(caller, "dot.big", form_of(format)))
    size, memory = read.contents.size, _peak()
    read.file.close()
    again, read = _timed(lambda: read_file(caller, "dot.big", form_of(format)))
    sent, _ = _timed(lambda: sum(map(len, read.chunks(0, size))))
    plain, _ = _timed(lambda: _read_plainly(Path(read.file.name)))
    name, reference = _reference(format, view, WHOLE)
    print(
        f"{format:8} {size / 1e6:6.1f} MB  built {built:5.2f} s"
        f"  ({built / reference:4.2f} x {name} {reference:.2f} s)  kept: {again * 1e3:.1f} ms + {sent * 1e3:.0f} ms"
        f" (a plain read {plain * 1e3:.0f} ms)  peak {memory} MB, {before} MB before"
    )


def _reference(format: str, view: object, query: object) -> tuple[str, float]:
    from django.db import connections

    from hub.query import wishes
    from hub.store.select.copied import cells_copy, csv_copy, json_copy

    selection = wishes.select(view, query)  # type: ignore[arg-type]
    serving = connections["serving"]
    serving.ensure_connection()
    copy = {"csv": csv_copy, "ndjson": json_copy}.get(format, cells_copy)(selection)
    with serving.connection.cursor() as cursor:
        text = cursor.mogrify(copy.text, copy.params).decode()
    if format in ("csv", "ndjson"):
        with tempfile.TemporaryFile() as out, serving.connection.cursor() as cursor:
            return "COPY", _timed(lambda: cursor.copy_expert(text, out))[0]
    return "ADBC into Parquet", _timed(lambda: _adbc(text.removeprefix("COPY (").rpartition(") TO STDOUT")[0]))[0]


def _adbc(query: str) -> None:
    import adbc_driver_postgresql.dbapi as adbc
    import pyarrow.parquet as parquet
    from django.conf import settings

    account = settings.DATABASES["serving"]
    address = (
        f"host='{account['HOST']}' dbname='{account['NAME']}' user='{account['USER']}' password='{account['PASSWORD']}'"
    )
    with adbc.connect(address) as connection, connection.cursor() as cursor, tempfile.TemporaryFile() as out:
        cursor.execute(query.replace("%%", "%"))
        reader = cursor.fetch_record_batch()
        with parquet.ParquetWriter(out, reader.schema, compression="zstd", compression_level=1) as writer:
            for batch in reader:
                writer.write_batch(batch)


def _read_plainly(path: Path) -> int:
    buffer, count = bytearray(1 << 20), 0
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(buffer):
            count += read
    return count


def _timed(act: Callable[[], object]) -> tuple[float, object]:
    began = time.perf_counter()
    done = act()
    return time.perf_counter() - began, done


def _peak() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10


if __name__ == "__main__":
    _one(sys.argv[1]) if sys.argv[1:] else _measure()
