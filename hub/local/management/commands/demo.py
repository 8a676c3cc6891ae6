"""``manage.py demo``: a whole hub with four departments and real data, and what it can answer."""

import os
import shlex
import signal
import socket
import time
from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from django.core.management.base import BaseCommand

from connectors.commands import request_run
from connectors.models import Run, Stream
from hub.accounts.caller import HUB
from hub.accounts.commands import issue_token
from hub.accounts.invitations import accept_invitation
from hub.accounts.keys import the_one
from hub.accounts.models import Client
from hub.local import connection
from hub.local.demo import story, transport
from hub.local.demo.story import Asker
from hub.local.hub import Hub, running
from hub.local.process import CannotStart
from hub.local.supervisor import Child, python
from hub.manifest.apply import apply_manifest
from hub.store.models import Relation

_MANIFEST = Path(__file__).parents[2] / "demo" / "manifest.toml"
_STREAMS = ("flights", "planes", "airports", "airlines", "weather")
_LOAD_SECONDS = 300


class Command(BaseCommand):
    help = "Start the hub with four departments and real data; Ctrl-C stops all of it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when everything was shown and answered")
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *args: Any, once: bool, host: str, port: int, **options: Any) -> None:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, signal.default_int_handler)
        if not connection.is_postgres_embedded():
            raise CannotStart("The demo brings its own databases.", hint="Unset DATABASE_URL, or use manage.py up.")
        try:
            started = time.monotonic()
            with running(host, port) as hub:
                self._say(f"The hub runs ({time.monotonic() - started:.1f} s).")
                self._show(hub)
                if once:
                    self._check_examples(hub)
                    return
                signal.signal(signal.SIGINT, hub.stop)
                signal.signal(signal.SIGTERM, hub.stop)
                self._say(f"hub ready {hub.url}")
                hub.serve()
        except KeyboardInterrupt:
            self._say("Stopped.")

    def _show(self, hub: Hub) -> None:
        settings = self._start_departments(hub)
        os.environ.update(settings)
        report = apply_manifest(_MANIFEST)
        self._say(f"The manifest is applied: {len(report.changes)} changes.")
        self._load(hub)
        self.ops, faa, met = (
            self._asker(hub, *name) for name in (("ops", "dashboard"), ("faa", "registry"), ("met", "quality"))
        )
        self._say("\nWhat is kept out:")
        found = Run.objects.filter(stream__key="weather", rejected__gt=0).latest("created_at")
        story.tell_quarantine(self._say, met, str(found.pk))
        self._say("\nWhat the others may see:")
        story.tell_what_is_withheld(self._say, self.ops, faa)
        self._say("\nHow fast:")
        story.tell_speed(self._say, self.ops)
        self._say("\nThe operations centre asks: on the ten windiest days, how many flights left over an hour late?")
        story.tell_answer(self._say, self.ops)
        self._tell_accounts(hub, report.links)
        self._say("\nTokens, good for a year:")
        for name, asker in (("ops/dashboard", self.ops), ("faa/registry", faa), ("met/quality", met)):
            self._say(f"  {name:<14} {asker.token}")
        self._say("\nTry it as the operations centre:")
        for address, params in story.examples(hub.url):
            self._say(f"  {story.as_curl(address, params, self.ops.token)}")

    def _start_departments(self, hub: Hub) -> Mapping[str, str]:
        """Bring up each department's own system; answers what the manifest asks of the environment."""
        started = time.monotonic()
        flights = transport.prepare()
        files_port, weather_port = _free_port(), _free_port()
        token = connection.password("weather service")
        folder = connection.data_dir() / "demo"
        serve = ["hub.local.demo.departments", str(folder), str(files_port), str(weather_port)]
        hub.add(Child("departments", python(*serve, environment={"DEMO_MET_TOKEN": token})))
        _wait_for(files_port)
        seconds = time.monotonic() - started
        self._say(f"Four departments are there; dot has {flights:,} flights in its own database ({seconds:.1f} s).")
        return {
            "DEMO_DOT_HOST": str(connection.socket_dir("postgres")),
            "DEMO_DOT_PASSWORD": transport.password(),
            "DEMO_FAA_PORT": str(files_port),
            "DEMO_MET_PORT": str(weather_port),
            "DEMO_MET_TOKEN": token,
        }

    def _load(self, hub: Hub) -> None:
        """Sync every stream through the worker, and wait for all."""
        self._say("\nWhat came in, from source to readable:")
        known = Stream.objects.select_related("source", "dataset__agency")
        streams = {key: the_one(known, "stream", key) for key in _STREAMS}
        # What the schedule began before the departments were there is over first.
        for begun in Run.objects.filter(status__in=Run.OPEN):
            _await(hub, begun)
        runs = {key: request_run(actor=HUB, stream=streams[key]) for key in _STREAMS}
        for key, run in runs.items():
            _await(hub, run)
            self._tell_run(streams[key], run)

    def _tell_run(self, stream: Stream, run: Run) -> None:
        if run.started_at is None or run.finished_at is None or run.status not in ("succeeded", "partial"):
            raise CannotStart(f"{stream.key}: {run.status}. {run.error_message}", hint=run.error_hint)
        seconds = (run.finished_at - run.started_at).total_seconds()
        rows = Relation.objects.get(dataset=stream.dataset).rows
        kept_out = f", {run.rejected} kept out" if run.rejected else ""
        self._say(f"  {stream.dataset.key:<13} {rows:>8,} rows  {seconds:5.1f} s  {stream.source.kind}{kept_out}")

    def _asker(self, hub: Hub, agency: str, name: str) -> Asker:
        client = Client.objects.select_related("agency").get(agency__code=agency, name=name)
        return Asker(hub.url, issue_token(actor=HUB, client=client)[1])

    def _tell_accounts(self, hub: Hub, links: Mapping[str, str]) -> None:
        password = connection.password("demo's people")[:16]
        for link in links.values():
            accept_invitation(link.rpartition("/")[2], password)
        self._say(f"\nThe portal is at {hub.url}/ and the API's documents at {hub.url}/api/v1/docs.")
        self._say(f"Sign in as administrator@hub.example, publisher@dot.example or requester@ops.example: {password}")

    def _check_examples(self, hub: Hub) -> None:
        """Send the three requests; the command fails where one does not answer."""
        for address, params in story.examples(hub.url):
            answer = httpx.get(
                address, params=params, headers={"Authorization": f"Bearer {self.ops.token}"}, timeout=30
            )
            if answer.status_code != 200:
                raise CannotStart(f"{shlex.quote(address)} answered {answer.status_code}.", hint=answer.text)
        self._say("\nAll three were answered.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _await(hub: Hub, run: Run) -> None:
    """Until the run is over; the hub is looked after meanwhile, as it would be otherwise."""
    until = time.monotonic() + _LOAD_SECONDS
    while run.status in Run.OPEN and time.monotonic() < until:
        hub.look_after()
        time.sleep(0.1)
        run.refresh_from_db()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise CannotStart("The departments' servers did not start.", hint="Look into the log departments.log.")
