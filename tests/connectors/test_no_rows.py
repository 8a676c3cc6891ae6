"""Records that were no rows are kept as they came, for their owner alone."""

import io
from pathlib import Path

import pytest
from openpyxl import Workbook

from connectors.base import Reject
from connectors.commands import edit_stream
from connectors.models import Run, Stream
from connectors.rejects import rejects_csv
from connectors.runs.aside import MAX_TEXTS, Aside
from hub.accounts.caller import HUB
from hub.store.intake.records import MAX_RECORD
from hub.store.models import Rejected
from tests.cast import member, refusal
from tests.connectors.conftest import RunOf
from tests.connectors.test_rejects import listed

AT = "2020-01-01T00:00:00Z"


def sheet() -> bytes:
    book = Workbook()
    for row in (("id", "name", "at"), (1, "one", AT), (2, "a, b", AT, "more")):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def objects(*others: str) -> bytes:
    return "\n".join([f'{{"id": 1, "name": "one", "at": "{AT}"}}', *others, ""]).encode()


@pytest.mark.parametrize(
    ("name", "content", "rule", "record"),
    [
        ("things.csv", f'id,name,at\n1,one,{AT}\n2,"a, ""b""","",x\n'.encode(), "cells", '2,"a, ""b""","",x'),
        ("things.csv", f"id,name,at\n1,one,{AT}\n2,a\0b,{AT}\n".encode(), "nul", f"2,a\N{SYMBOL FOR NULL}b,{AT}"),
        ("things.xlsx", sheet(), "cells", f'2,"a, b",{AT},more'),
        ("things.ndjson", objects('{"id": 2,'), "not-json", '{"id": 2,'),
        ("things.ndjson", objects('[2, 1.50, "b"]'), "not-an-object", '[2,1.50,"b"]'),
        ("things.ndjson", objects('{"id": 2, "name": "a\\ud83d"}'), "surrogate", "2,a?,"),
    ],
)
def test_record_is_kept_as_it_came(
    stream: Stream, folder: Path, run_of: RunOf, name: str, content: bytes, rule: str, record: str
) -> None:
    run = brought(stream, folder, run_of, name, content)

    assert (run.status, run.inserted, run.rejected) == ("partial", 1, 1), run.error_message
    (told,) = listed(run)
    assert (told["_rule"], told["_record"], told["id"]) == (rule, record, "")
    assert refusal(rejects_csv, caller=member("dot", "publisher"), run=run) == "forbidden"


def brought(stream: Stream, folder: Path, run_of: RunOf, name: str, content: bytes) -> Run:
    edit_stream(actor=HUB, stream=stream, select={"path": name}, contract={"max_rejects": "100%"})
    (folder / name).write_bytes(content)
    return run_of(stream)


def test_texts_have_a_bound_and_reasons_do_not(stream: Stream) -> None:
    aside = Aside(Run.objects.create(stream=stream))
    longest = MAX_TEXTS // MAX_RECORD
    aside.take([Reject(1, "cells", "No.", ("x" * (MAX_RECORD + 1),))], 0)
    aside.take([Reject(n, "cells", "No.", ("x" * MAX_RECORD,)) for n in range(2, longest + 3)], 0)

    assert aside.write_down() == longest + 2
    kept = list(Rejected.objects.order_by("position").values_list("value", flat=True))
    assert kept == [None, *["x" * MAX_RECORD] * longest, None]
    aside.take([Reject(1, "cells", "No.", ("fresh",))], 0)
    assert [broken.text for broken in aside.broken] == ["fresh"]
