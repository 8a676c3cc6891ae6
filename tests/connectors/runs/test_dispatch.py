"""Runs on their way to a worker: one for each slot, one message for each run, a great many in seconds."""

import time
from datetime import timedelta
from threading import Thread

import pytest
from celery import current_app
from django.utils.timezone import now

from connectors.commands import edit_stream, request_run
from connectors.models import Outbox, Run, Source, Stream, Tick
from connectors.runs.dispatch import RESENT_AFTER, tick
from hub.accounts.caller import HUB
from tests.connectors.runs.test_runner import with_a_connection_of_its_own


def test_tick_opens_one_run_for_a_slot_however_often_it_comes(stream: Stream) -> None:
    edit_stream(actor=HUB, stream=stream, schedule="0 0 * * *")
    due = now() - timedelta(days=3)
    Stream.objects.update(next_due_at=due)

    tick()
    tick()

    run = Run.objects.get()
    stream.refresh_from_db()
    assert (run.slot, run.requested_by) == (due, "schedule")
    assert stream.next_due_at > now()
    assert run.message.sent_at is not None
    assert Tick.objects.get().count == 2


def test_message_that_was_lost_is_sent_again(stream: Stream) -> None:
    run = request_run(actor=HUB, stream=stream)
    long_ago = now() - timedelta(minutes=5)
    Outbox.objects.update(sent_at=long_ago)
    _empty_the_queue()

    tick()

    run.refresh_from_db()
    assert run.message.sent_at > long_ago


@pytest.mark.timeout(60)
def test_a_thousand_streams_are_on_their_way_within_ten_seconds_and_none_twice(stream: Stream) -> None:
    Stream.objects.bulk_create(
        Stream(
            key=f"s{n}",
            owner=stream.owner,
            source=stream.source,
            dataset=stream.dataset,
            schedule="* * * * *",
            next_due_at=now(),
        )
        for n in range(1000)
    )
    Source.objects.update(config={**stream.source.config, "max_concurrent_runs": 1000})
    _empty_the_queue()

    began = time.monotonic()
    ticks = [Thread(target=with_a_connection_of_its_own, args=(tick,)) for _ in range(2)]
    for one in ticks:
        one.start()
    for one in ticks:
        one.join()
    took = time.monotonic() - began

    assert took < 10, took
    assert _messages() == 1000
    assert Run.objects.count() == Run.objects.values("stream").distinct().count() == 1000
    assert Outbox.objects.filter(sent_at__isnull=False).count() == 1000


def test_message_that_still_waits_at_the_broker_is_not_sent_twice(
    stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    request_run(actor=HUB, stream=stream)
    tick()
    long_ago = now() - 2 * RESENT_AFTER
    Outbox.objects.update(sent_at=long_ago)

    tick()

    assert Outbox.objects.get().sent_at == long_ago


def _empty_the_queue() -> None:
    with current_app.connection_for_write() as broker, broker.channel() as channel:
        channel.queue_purge("runs")


def _messages() -> int:
    with current_app.connection_for_read() as broker, broker.channel() as channel:
        return int(channel.queue_declare("runs", passive=True).message_count)
