"""A stream that runs when the right ends is cut, and says so; one whose right goes on is whole."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils.timezone import now

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.audit.models import Event
from hub.catalog import commands as catalog
from hub.errors import Forbidden, HubError, Unauthenticated
from hub.query.door import RowsStream, stream_rows
from hub.query.params import parse_rows_query
from hub.store.models import Relation
from hub.store.tables import create_table
from policies import commands as policies
from tests.revocation.conftest import KEY, ROWS, Cast, fill

pytestmark = pytest.mark.django_db(transaction=True)

_LOOKS = "hub.query.door._LOOKS_UP_EVERY"


def test_stream_is_whole_when_something_else_changes_before_its_first_row(cast: Cast, bump: Callable[[], None]) -> None:
    stream = _opened(cast)

    bump()

    assert b"".join(stream.chunks).count(b"\n") == ROWS
    assert _outcome() == ("complete", ROWS)


def test_stream_is_whole_when_the_rows_move_before_its_first_row(cast: Cast) -> None:
    stream = _opened(cast)

    _flip(cast)

    assert b"".join(stream.chunks).count(b"\n") == ROWS
    assert _outcome() == ("complete", ROWS)


def test_stream_is_whole_when_something_else_changes_meanwhile(
    cast: Cast, bump: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_LOOKS, 0.0)
    count = 0

    for chunk in _opened(cast).chunks:
        bump()
        count += chunk.count(b"\n")

    assert count == ROWS
    assert _outcome() == ("complete", ROWS)


def _prohibit(cast: Cast) -> None:
    words = {"effect": "prohibit", "reason": "Enough"}
    rule = policies.draft_rule(actor=HUB, key="no", target=KEY, party="agency:ops", **words)
    policies.approve_rule(actor=HUB, rule=rule)


def _hide(cast: Cast) -> None:
    catalog.set_fields(actor=HUB, dataset=cast.dataset, fields=[{"name": "word", "sensitivity": "personal"}])


ENDS: dict[str, tuple[Callable[[Cast], object], type[HubError]]] = {
    "prohibit": (_prohibit, Forbidden),
    "field hidden": (_hide, Forbidden),
    "token revoked": (lambda cast: accounts.revoke_token(actor=HUB, token=cast.token), Unauthenticated),
    "client off": (
        lambda cast: accounts.switch_client(actor=HUB, client=cast.client, is_active=False),
        Unauthenticated,
    ),
    "dataset retired": (lambda cast: catalog.retire_dataset(actor=HUB, dataset=cast.dataset), Forbidden),
}


@pytest.mark.parametrize("name", ENDS)
def test_stream_gives_no_row_when_the_right_ends_before_the_first(cast: Cast, name: str) -> None:
    stream, (end, error) = _opened(cast), ENDS[name]

    end(cast)

    with pytest.raises(error):
        next(stream.chunks), next(stream.chunks)
    assert _outcome() == ("revoked", 0)


@pytest.mark.parametrize("name", ENDS)
def test_running_stream_is_cut_when_the_right_ends(cast: Cast, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_LOOKS, 0.0)
    stream, (end, error) = _opened(cast), ENDS[name]
    sent = next(stream.chunks) + next(stream.chunks)

    end(cast)

    with pytest.raises(error):
        next(stream.chunks)
    assert _outcome() == ("revoked", sent.count(b"\n"))


def test_running_stream_is_cut_when_a_permit_runs_out(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_LOOKS, 0.0)
    begins = now() + timedelta(seconds=2)
    words = {"effect": "prohibit", "reason": "From then on", "valid_from": begins}
    rule = policies.draft_rule(actor=HUB, key="soon", target=KEY, party="agency:ops", **words)
    policies.approve_rule(actor=HUB, rule=rule)
    stream = _opened(cast)
    next(stream.chunks), next(stream.chunks)

    time.sleep(max(0.0, (begins - now()).total_seconds()))

    with pytest.raises(Forbidden):
        next(stream.chunks)
    assert _outcome()[0] == "revoked"


def _opened(cast: Cast) -> RowsStream:
    return stream_rows(cast.program(), KEY, parse_rows_query({"f": ["ndjson"], "limit": ["all"]}))


def _outcome() -> tuple[str, int]:
    details = Event.objects.get(kind="rows.streamed").details
    return details["outcome"], details["rows"]


def _flip(cast: Cast) -> None:
    """What a refresh without a key does: a new table is filled, then the pointer moves."""
    relation = Relation.objects.get(dataset=cast.dataset)
    relation.generation += 1
    create_table(relation.table, cast.dataset.fields.all())
    relation.save()
    fill(cast.dataset)
