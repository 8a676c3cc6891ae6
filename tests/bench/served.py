"""The rows as files, and as JSON in pages, from a server in a process of its own; written with Arrow, unlike all else.

``python -m tests.bench.served FOLDER`` serves what is there.
"""

import functools
import http.server
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as parquet
import xlsxwriter

from tests.bench.rows import FIELDS, PAGE, PSQL, SOURCE, shell

XLSX_ROWS = 100_000


@contextmanager
def served(folder: Path, rows: int) -> Iterator[str]:
    """The rows as ``things.csv``, and ``rows`` of them as JSON in pages, from a server in a process of its own."""
    folder.mkdir()
    shell(f"{PSQL} -d {SOURCE} -c 'COPY things TO STDOUT (FORMAT csv, HEADER)' > {folder}/things.csv")
    some = f"things t WHERE id <= {rows} GROUP BY (id - 1) / {PAGE} ORDER BY min(id)"
    page = f"SELECT json_agg(t ORDER BY id) AS j FROM {some}"
    shell(f"{PSQL} -d {SOURCE} -c \"SELECT replace(j::text, E'\\n', '') FROM ({page}) q\" > {folder}/pages")
    written(folder)
    argv = [sys.executable, "-m", "tests.bench.served", str(folder)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


def written(folder: Path) -> None:
    """The rows of ``things.csv`` by gzip and as Parquet too, and the first of them as a workbook."""
    shell(f"gzip -k {folder}/things.csv")
    kinds = {"integer": pa.int64(), "decimal": pa.float64(), "date": pa.date32(), "boolean": pa.bool_()}
    types = {name: kinds.get(type_, pa.string()) for name, type_ in FIELDS.items()}
    types |= {"count": pa.int32(), "at": pa.timestamp("us", "UTC"), "changed": pa.timestamp("us")}
    options = csv.ConvertOptions(
        column_types=types, null_values=[""], strings_can_be_null=True, true_values=["t"], false_values=["f"]
    )
    table = csv.read_csv(folder / "things.csv", convert_options=options)
    places = {name: place for place, name in enumerate(FIELDS)}
    for name, scale in (("amount", 2), ("rate", 3)):
        table = table.set_column(places[name], name, table[name].cast(pa.decimal128(18, scale), safe=False))
    parquet.write_table(table, folder / "things.parquet")
    with xlsxwriter.Workbook(folder / "things.xlsx", {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, list(FIELDS))
        for number, row in enumerate(table.slice(0, XLSX_ROWS).to_pylist(), start=1):
            sheet.write_row(number, 0, ["" if cell is None else str(cell) for cell in row.values()])


def serve(folder: Path) -> None:
    """Answer at once: a file as it is, and page after page of JSON."""
    pages = (folder / "pages").read_bytes().splitlines()

    class Handler(http.server.SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path != "/things":
                return super().do_GET()
            number = int(parse_qs(parts.query)["page"][0])
            body = pages[number - 1] if number <= len(pages) else b"[]"
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder)))
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
