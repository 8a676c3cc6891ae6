"""``manage.py sync``: bring one stream up to date now."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from connectors.commands import request_run
from connectors.models import Run, Stream
from hub.accounts.caller import HUB
from hub.accounts.keys import keyed
from hub.errors import NotFound

_COUNTERS = ("rows_read", "inserted", "updated", "deleted", "unchanged", "rejected")


class Command(BaseCommand):
    help = "Start a run of a stream; with --wait show its progress and end as it ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("stream", help="the stream's key, where several owners have it in full: code::key")
        parser.add_argument("--wait", action="store_true", help="wait for the end: exit 0 on succeeded or partial")
        parser.add_argument("--full", action="store_true", help="read everything again, not only what is new")

    def handle(self, *args: Any, stream: str, wait: bool, full: bool, **options: Any) -> None:
        found = keyed(Stream.objects.select_related("source", "dataset__agency"), stream)
        if found is None:
            known = ", ".join(Stream.objects.order_by("key").values_list("key", flat=True)) or "none"
            raise NotFound(f"There is no stream {stream}.", hint=f"There are: {known}.")
        run = request_run(actor=HUB, stream=found, full=full)
        if not wait:
            self.stdout.write(f"run {run.pk} is on its way")
            return
        run = self._awaited(run)
        self.stdout.write(f"{run.status}: " + ", ".join(f"{name} {getattr(run, name)}" for name in _COUNTERS))
        if run.error_message:
            self.stderr.write(f"{run.error_code}: {run.error_message}\n{run.error_hint}".strip())
        if run.status not in Run.GOOD:
            raise SystemExit(1)

    def _awaited(self, run: Run) -> Run:
        said = ""
        while run.status in Run.OPEN:
            words = f"{run.status} {run.stage} {run.rows_read} rows".replace("  ", " ")
            if words != said:
                self.stderr.write(words)
                said = words
            time.sleep(0.3)
            run.refresh_from_db()
        return run
