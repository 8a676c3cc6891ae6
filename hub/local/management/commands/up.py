"""``manage.py up``: the whole hub in one command."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from hub.accounts.invitations import first_administrator_link
from hub.local.hub import running


class Command(BaseCommand):
    help = "Start the hub: database, broker, web, worker and scheduler; Ctrl-C stops all of it."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (%(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="the port to listen on (%(default)s)")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, signal.default_int_handler)
        try:
            with running(host, port) as hub:
                link = first_administrator_link()
                if link:
                    self.stdout.write(f"Become the first administrator: {hub.url}{link}")
                self.stdout.write(f"hub ready {hub.url}")
                self.stdout.flush()
                signal.signal(signal.SIGINT, hub.stop)
                signal.signal(signal.SIGTERM, hub.stop)
                hub.serve()
        except KeyboardInterrupt:
            self.stderr.write("Stopped before the hub was ready.")
