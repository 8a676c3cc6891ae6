"""An export is made with its requester's rights of the moment, once, and given to its requester alone."""

import hashlib
import io
import json
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pyarrow.parquet as parquet
import pytest
from django.db import connection, connections
from django.utils.timezone import now

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.models import Token
from hub.audit.models import Event
from hub.catalog import commands as catalog
from hub.catalog.models import Dataset
from hub.exports import commands, dispatch, making
from hub.exports.models import Export
from hub.query.files import kept
from hub.store.models import Relation
from policies import commands as policies
from tests.api.conftest import ROWS, Api

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "datasets/dot.flights/exports"


def asked(api: Api, format: str = "csv", **more: Any) -> Export:
    response = api.post(PATH, {"format": format, **more})
    assert response.status_code == 202, response.content
    assert response["Location"] == f"/api/v1/exports/{response.json()['id']}"
    return Export.objects.get(pk=response.json()["id"])


def told(api: Api, export: Export) -> dict[str, Any]:
    return api.get(f"exports/{export.pk}").json()


def fetch(api: Api, export: Export, **headers: str) -> Any:
    response = api.get(f"exports/{export.pk}/file", **headers)
    response.said = b"".join(response) if response.streaming else response.content
    return response


def prohibit(**words: Any) -> None:
    rule = policies.draft_rule(
        actor=HUB,
        key="no",
        target="dot.flights",
        **{"effect": "prohibit", "reason": "Enough", "party": "agency:ops", **words},
    )
    policies.approve_rule(actor=HUB, rule=rule)


def fill(flights: Dataset, rows: int) -> None:
    relation = Relation.objects.get(dataset=flights)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1, c2) SELECT g, repeat('x', 200) FROM generate_series(100, %s) g",
            [rows + 99],
        )


def test_export_is_made_and_says_what_it_is(flights: Dataset, reader: Api) -> None:
    export = asked(reader, "parquet", filter="id > 5", properties=["id", "名字"])
    assert told(reader, export)["status"] == "queued"
    assert fetch(reader, export).json()["code"] == "export-not-ready"

    making.make(export.pk)

    shown, response = told(reader, export), fetch(reader, export)
    table = parquet.read_table(io.BytesIO(response.said))
    assert table.column_names == ["id", "名字"]
    assert table["id"].to_pylist() == list(range(6, ROWS + 1))
    manifest = shown["manifest"]
    assert (shown["status"], shown["file"]) == ("ready", f"/api/v1/exports/{export.pk}/file")
    assert (manifest["dataset"], manifest["version"], manifest["rows"]) == ("dot.flights", 3, ROWS - 5)
    assert manifest["sha256"] == hashlib.sha256(response.said).hexdigest()
    assert manifest["size"] == len(response.said)
    assert Event.objects.get(pk=manifest["receipt"]).kind == "export.requested"
    event = Event.objects.get(pk=response["Hub-Receipt"])
    assert (event.kind, event.details["export"], event.details["filter"]) == ("file.read", str(export.pk), "id > 5")


def test_second_asker_with_the_same_view_has_it_at_once(flights: Dataset, as_agency: Callable[..., Api]) -> None:
    first = asked(as_agency("ops"), filter="id > 5")
    making.make(first.pk)

    second = asked(as_agency("met"), filter="id > 5")

    assert second.status == "ready"
    assert fetch(as_agency("met"), second).said == fetch(as_agency("ops"), first).said


def test_asker_with_another_view_waits_for_its_own(flights: Dataset, as_agency: Callable[..., Api], owner: Api) -> None:
    making.make(asked(as_agency("ops")).pk)

    own = asked(owner)
    assert own.status == "queued"
    making.make(own.pk)

    assert b"secret-1" in fetch(owner, own).said


def test_same_wish_twice_is_one_export(flights: Dataset, reader: Api) -> None:
    assert asked(reader).pk == asked(reader).pk
    assert asked(reader, filter="id = 1").pk != asked(reader).pk


def test_nobody_else_sees_the_export(flights: Dataset, reader: Api, as_agency: Callable[..., Api], owner: Api) -> None:
    export = asked(reader)
    making.make(export.pk)

    for other in (as_agency("met"), owner, as_agency("ops", "publisher")):
        assert other.get(f"exports/{export.pk}").status_code == 404
        assert other.get(f"exports/{export.pk}/file").status_code == 404
    assert fetch(reader, export).status_code == 200


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"format": "csv", "filter": "ssn = 'secret-1'"}, "unknown-field"),
        ({"format": "csv", "properties": ["ssn"]}, "unknown-field"),
        ({"format": "doc"}, "invalid"),
        ({"format": "csv", "filter": "id ="}, "filter-invalid"),
    ],
)
def test_wish_for_what_is_not_there_is_refused(flights: Dataset, reader: Api, wish: dict[str, Any], code: str) -> None:
    response = reader.post(PATH, wish)

    assert (response.status_code, response.json()["code"]) == (400, code)
    assert not Export.objects.exists()


def _revoke() -> None:
    for token in Token.objects.all():
        accounts.revoke_token(actor=HUB, token=token)


ENDS: dict[str, tuple[Callable[[], object], str]] = {
    "prohibit": (prohibit, "denied"),
    "token revoked": (_revoke, "unauthenticated"),
    "dataset retired": (
        lambda: catalog.retire_dataset(actor=HUB, dataset=Dataset.objects.get(key="dot.flights")),
        "retired",
    ),
}


@pytest.mark.parametrize("name", ENDS)
def test_right_that_ends_before_the_start_makes_no_file(flights: Dataset, reader: Api, name: str) -> None:
    export, (end, code) = asked(reader), ENDS[name]

    end()
    making.make(export.pk)

    export.refresh_from_db()
    assert (export.status, export.error_code, export.file) == ("failed", code, "")
    assert list(kept.folder().iterdir()) == []


@pytest.mark.parametrize("name", ENDS)
def test_right_that_ends_meanwhile_leaves_no_file(
    flights: Dataset, reader: Api, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.query.door._LOOKS_UP_EVERY", 0.0)
    fill(flights, 60_000)
    export, (end, code), seen = asked(reader), ENDS[name], []

    def progress(self: Any, rows: int) -> None:
        if not seen:
            end()
        seen.append(rows)

    monkeypatch.setattr(making._Hold, "check", progress)
    making.make(export.pk)

    export.refresh_from_db()
    assert (export.status, export.error_code) == ("failed", code)
    assert len(seen) == 1
    assert list(kept.folder().iterdir()) == []


def test_export_is_out_of_reach_when_its_requester_sees_something_else(flights: Dataset, reader: Api) -> None:
    export = asked(reader)
    making.make(export.pk)
    catalog.set_fields(actor=HUB, dataset=flights, fields=[{"name": "名字", "sensitivity": "personal"}])

    response = fetch(reader, export)

    assert (response.status_code, response.json()["code"]) == (403, "view-changed")
    assert not Event.objects.filter(kind="file.read").exists()


def test_export_whose_time_is_over_is_gone(flights: Dataset, reader: Api) -> None:
    export = asked(reader)
    making.make(export.pk)
    Export.objects.update(expires_at=now() - timedelta(seconds=1))

    commands.expire_exports()

    response = fetch(reader, export)
    assert (response.status_code, response.json()["code"]) == (410, "export-expired")
    assert (told(reader, export)["status"], told(reader, export)["file"]) == ("expired", None)


def test_export_that_a_format_cannot_hold_says_so(
    flights: Dataset, reader: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from hub.query.formats import base

    small = {**base.FORMATS, "xlsx": replace(base.FORMATS["xlsx"], most_rows=ROWS - 1)}
    monkeypatch.setattr(base, "FORMATS", small)
    export = asked(reader, "xlsx")

    making.make(export.pk)

    assert told(reader, export)["error"]["code"] == "too-many-rows"
    assert fetch(reader, export).status_code == 409


def test_work_of_a_killed_worker_is_done_by_another(flights: Dataset, reader: Api, monkeypatch: Any) -> None:
    fill(flights, 60_000)
    export = asked(reader)
    connections.close_all()
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(making._Hold, "check", lambda self, rows: os.kill(os.getpid(), signal.SIGKILL))
        making.make(export.pk)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    export.refresh_from_db()
    assert export.status == "running"
    making.make(export.pk)
    export.refresh_from_db()
    assert (export.status, export.attempts) == ("running", 1), "it is still the killed worker's"
    Export.objects.update(lease_until=now() - timedelta(seconds=1))

    making.make(export.pk)

    export.refresh_from_db()
    assert (export.status, export.attempts, export.rows) == ("ready", 2, 60_000 + ROWS)
    assert fetch(reader, export).said.count(b"\r\n") == 60_000 + ROWS + 1
    assert sorted(path.name for path in kept.folder().iterdir()) == sorted([export.file, f"{export.file}.json"])


def test_worker_that_lost_the_export_writes_nothing(flights: Dataset, reader: Api, monkeypatch: Any) -> None:
    export = asked(reader)
    mine = commands.claim(export.pk)
    assert mine is not None
    Export.objects.update(lease_until=now() - timedelta(seconds=1))
    making.make(export.pk)

    with pytest.raises(commands.LeaseLost):
        commands.renew(mine, 1)
    export.refresh_from_db()
    assert (export.status, export.rows_written) == ("ready", ROWS)


def test_export_that_ends_its_workers_is_given_up(flights: Dataset, reader: Api) -> None:
    export = asked(reader)
    Export.objects.update(attempts=making.MAX_ATTEMPTS)

    making.make(export.pk)

    assert told(reader, export)["error"]["code"] == "poisonous"


def test_waiting_exports_are_sent_again(flights: Dataset, reader: Api, monkeypatch: Any) -> None:
    sent: list[str] = []
    monkeypatch.setattr(dispatch.current_app, "send_task", lambda name, args: sent.append(args[0]))
    fresh, lost, silent, done = (str(asked(reader, filter=f"id = {n}").pk) for n in range(4))
    sent.clear()
    long_ago = now() - timedelta(minutes=1)
    Export.objects.filter(pk=lost).update(sent_at=long_ago)
    Export.objects.filter(pk=silent).update(status="running", lease_until=long_ago)
    Export.objects.filter(pk=done).update(status="ready", sent_at=long_ago)

    dispatch.send_waiting()

    assert sorted(sent) == sorted([lost, silent])
    assert fresh not in sent


def test_too_many_at_once_are_refused(flights: Dataset, reader: Api, as_agency: Callable[..., Api]) -> None:
    for number in range(commands.MOST_OPEN):
        asked(reader, filter=f"id = {number}")

    response = reader.post(PATH, {"format": "csv", "filter": "id > 1000"})

    assert (response.status_code, response.json()["code"]) == (429, "too-many-exports")
    assert asked(as_agency("met"), filter="id > 1000").status == "queued"


def test_manifest_and_file_name_do_not_hold_what_is_hidden(flights: Dataset, reader: Api) -> None:
    export = asked(reader)
    making.make(export.pk)

    assert "secret" not in json.dumps(told(reader, export)) + fetch(reader, export).said.decode()
