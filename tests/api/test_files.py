"""A view as a file: at its address for whoever may see it, whole or in parts, and written down each time."""

import base64
import hashlib
import io
from collections.abc import Callable
from typing import Any

import pyarrow.parquet as parquet
import pytest
from django.conf import settings as hub_settings
from django.http import HttpResponse

from hub.accounts.caller import HUB
from hub.audit.models import Event
from hub.catalog import commands as catalog
from hub.catalog.models import Dataset
from hub.query.files.kept import folder
from hub.store.models import Relation
from policies import commands as policies
from tests.api.conftest import ROWS, Api

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "datasets/dot.flights/file.csv"


@pytest.fixture(autouse=True)
def data(tmp_path: Any, settings: Any) -> None:
    """A folder of files for each test."""
    settings.HUB_DATA = tmp_path


def body(response: HttpResponse) -> bytes:
    return response.said  # type: ignore[attr-defined]


def fetch(api: Api, path: str, params: dict[str, str] | None = None, *, method: str = "get", **headers: str) -> Any:
    """The answer, read to its end into ``said``."""
    response = api._sent(method, path, params or {}, headers)
    response.said = b"".join(response) if response.streaming else response.content
    return response


def rule(target: str, **words: Any) -> None:
    drafted = policies.draft_rule(actor=HUB, key="one", target=target, **{"party": "everyone", "reason": "x", **words})
    policies.approve_rule(actor=HUB, rule=drafted)


def kept_files() -> list[str]:
    return sorted(path.name for path in folder().iterdir() if path.suffix != ".json")


def test_whole_view_comes_with_digests_and_receipt(flights: Dataset, reader: Api) -> None:
    response = fetch(reader, PATH)

    content = body(response)
    digest = hashlib.sha256(content)
    assert response.status_code == 200
    assert content.startswith("id,名字,delay,at\r\n1,名1,1.50,2020-01-01T00:01:00Z\r\n".encode())
    assert content.count(b"\r\n") == ROWS + 1
    assert response["ETag"] == f'"{digest.hexdigest()}"'
    assert response["Repr-Digest"] == response["Content-Digest"]
    assert response["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert (response["Hub-Version"], response["Hub-Rows"], response["Accept-Ranges"]) == ("3", "20", "bytes")
    event = Event.objects.get(pk=response["Hub-Receipt"])
    assert (event.kind, event.agency, event.dataset) == ("file.read", "ops", "dot.flights")
    assert event.details == {"format": "csv", "version": 3, "rows": ROWS, "sha256": digest.hexdigest()}


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=5-", 5, None), ("bytes=-7", -7, None), ("bytes=3-99999", 3, None)],
)
def test_part_is_given(flights: Dataset, reader: Api, asked: str, start: int, end: int | None) -> None:
    whole = body(fetch(reader, PATH))

    response = fetch(reader, PATH, Range=asked)

    part = whole[start:end]
    begin = start if start >= 0 else len(whole) + start
    assert (response.status_code, body(response)) == (206, part)
    assert response["Content-Range"] == f"bytes {begin}-{begin + len(part) - 1}/{len(whole)}"
    assert response["Content-Length"] == str(len(part))
    assert Event.objects.get(pk=response["Hub-Receipt"]).details["part"] == asked


@pytest.mark.parametrize("asked", ["bytes=0-1,3-4", "rows=0-1", "bytes=9-3", "bytes=-", "bytes=a-b"])
def test_what_is_no_part_is_the_whole(flights: Dataset, reader: Api, asked: str) -> None:
    response = fetch(reader, PATH, Range=asked)

    assert (response.status_code, len(body(response))) == (200, int(response["Content-Length"]))


def test_part_behind_the_end_is_none(flights: Dataset, reader: Api) -> None:
    size = len(body(fetch(reader, PATH)))

    response = fetch(reader, PATH, Range=f"bytes={size}-")

    assert (response.status_code, response.json()["code"]) == (416, "range-not-satisfiable")
    assert response["Content-Range"] == f"bytes */{size}"


def test_part_of_other_bytes_is_the_whole(flights: Dataset, reader: Api) -> None:
    tag = fetch(reader, PATH)["ETag"]

    assert fetch(reader, PATH, Range="bytes=0-4", If_Range=tag).status_code == 206
    assert fetch(reader, PATH, Range="bytes=0-4", If_Range='"other"').status_code == 200


def test_caller_who_has_it_is_told_so(flights: Dataset, reader: Api) -> None:
    tag = fetch(reader, PATH)["ETag"]

    response = fetch(reader, PATH, If_None_Match=f'"x", {tag}')

    assert (response.status_code, response.content, response["ETag"]) == (304, b"", tag)
    assert Event.objects.filter(pk=response["Hub-Receipt"], kind="file.read").exists()
    assert fetch(reader, PATH, If_None_Match='"x"').status_code == 200


def test_head_says_what_there_is_and_is_a_read(flights: Dataset, reader: Api) -> None:
    response = fetch(reader, PATH, method="head")

    assert (response.status_code, body(response)) == (200, b"")
    assert int(response["Content-Length"]) == len(body(fetch(reader, PATH)))
    assert Event.objects.get(pk=response["Hub-Receipt"]).details["part"] == "HEAD"


@pytest.mark.parametrize("format", ["csv", "ndjson", "xlsx", "parquet", "arrow"])
def test_file_is_made_once_for_all_who_see_the_same(
    flights: Dataset, as_agency: Callable[..., Api], format: str
) -> None:
    path = f"datasets/dot.flights/file.{format}"
    first = fetch(as_agency("ops"), path)
    inode = [(folder() / name).stat().st_ino for name in kept_files()]

    second = fetch(as_agency("met"), path)

    assert body(first) == body(second)
    assert [(folder() / name).stat().st_ino for name in kept_files()] == inode
    assert len(inode) == 1
    assert {event.agency for event in Event.objects.filter(kind="file.read")} == {"ops", "met"}


def test_owner_and_reader_never_share_a_file(flights: Dataset, owner: Api, reader: Api) -> None:
    own, seen = body(fetch(owner, PATH)), body(fetch(reader, PATH))

    assert b"secret-1" in own
    assert b"secret" not in seen
    assert len(kept_files()) == 2


def test_pseudonyms_of_one_agency_are_not_given_to_another(flights: Dataset, as_agency: Callable[..., Api]) -> None:
    rule("dot.flights#名字", access="hash")

    assert body(fetch(as_agency("ops"), PATH)) != body(fetch(as_agency("met"), PATH))
    assert len(kept_files()) == 2


def test_file_is_out_of_reach_as_soon_as_the_rules_change(flights: Dataset, reader: Api) -> None:
    tag = fetch(reader, PATH)["ETag"]
    rule("dot.flights", effect="prohibit")

    for headers in ({}, {"If_None_Match": tag}, {"Range": "bytes=0-1"}):
        response = fetch(reader, PATH, **headers)
        assert (response.status_code, response.json()["code"]) == (403, "denied")
    assert Event.objects.filter(kind="file.read").count() == 1


def test_field_that_is_hidden_later_is_not_in_the_next_file(flights: Dataset, reader: Api) -> None:
    assert "名1".encode() in body(fetch(reader, PATH))

    catalog.set_fields(actor=HUB, dataset=flights, fields=[{"name": "名字", "sensitivity": "personal"}])

    assert "名".encode() not in body(fetch(reader, PATH))


def test_new_version_is_another_file(flights: Dataset, reader: Api) -> None:
    fetch(reader, PATH)
    Relation.objects.filter(dataset=flights).update(version=4)

    assert fetch(reader, PATH)["Hub-Version"] == "4"
    assert len(kept_files()) == 2


def test_permit_for_rows_alone_gives_no_file(flights: Dataset, reader: Api) -> None:
    Dataset.objects.filter(pk=flights.pk).update(sharing_class="conditional", conditions="x", reason="x")
    rule("dot.flights", effect="permit", modes=["rows"], party="agency:ops")

    assert fetch(reader, "datasets/dot.flights/rows").status_code == 200
    assert fetch(reader, PATH).status_code == 403


def test_permit_for_exports_alone_gives_the_file(flights: Dataset, reader: Api) -> None:
    Dataset.objects.filter(pk=flights.pk).update(sharing_class="conditional", conditions="x", reason="x")
    rule("dot.flights", effect="permit", modes=["export"], party="agency:ops")

    assert fetch(reader, "datasets/dot.flights/rows").status_code == 403
    assert fetch(reader, PATH).status_code == 200


def test_secret_dataset_is_one_that_is_not_there(dataset: Callable[..., Dataset], reader: Api) -> None:
    secret = dataset("vault", sharing_class="closed", reason="x", is_secret=True)

    hidden, none = fetch(reader, f"datasets/{secret.key}/file.csv"), fetch(reader, "datasets/dot.none/file.csv")

    assert (hidden.status_code, none.status_code) == (404, 404)
    assert hidden.json()["detail"].replace(secret.key, "dot.none") == none.json()["detail"]


def test_unknown_formats_and_parameters_are_refused(flights: Dataset, reader: Api) -> None:
    assert fetch(reader, "datasets/dot.flights/file.doc").status_code == 404
    assert fetch(reader, PATH, {"filter": "id = 1"}).json()["code"] == "parameter-invalid"
    assert fetch(Api(), PATH).status_code == 401


def test_large_view_is_an_export_and_then_there(flights: Dataset, reader: Api, settings: Any) -> None:
    from hub.exports.making import make
    from hub.exports.models import Export

    settings.HUB_FILE_ROWS = ROWS - 1
    path = "datasets/dot.flights/file.parquet"
    waiting, again = fetch(reader, path), fetch(reader, path)
    assert (waiting.status_code, waiting["Location"]) == (202, again["Location"])
    assert not Event.objects.filter(kind="file.read").exists()

    make(Export.objects.get().pk)

    assert parquet.read_table(io.BytesIO(body(fetch(reader, path)))).num_rows == ROWS


def test_hidden_rows_do_not_make_a_view_large(flights: Dataset, reader: Api, owner: Api, settings: Any) -> None:
    settings.HUB_FILE_ROWS = 5
    rule("dot.flights", effect="prohibit", filter="id > 5", party="agency:ops")

    assert fetch(reader, PATH).status_code == 200
    assert fetch(owner, PATH).status_code == 202


def test_least_used_files_make_room(flights: Dataset, reader: Api, settings: Any) -> None:
    import os
    import time

    fetch(reader, PATH)
    (first,) = kept_files()
    os.utime(folder() / first, (time.time() - 60,) * 2)
    settings.HUB_FILES_BYTES = (folder() / first).stat().st_size + 10

    fetch(reader, "datasets/dot.flights/file.ndjson")

    assert first not in kept_files()
    assert fetch(reader, PATH).status_code == 200
    assert hub_settings.HUB_DATA == settings.HUB_DATA
