"""``manage.py secrets``: keys for what signs the hub in at sources, and the change from one to the next."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from connectors.rotation import rotate_secrets
from connectors.secrets import fresh_key, newest_key
from hub.accounts.caller import HUB


class Command(BaseCommand):
    help = "key: print a fresh key for HUB_SECRETS_KEYS. rotate: seal all secrets anew with the newest key there."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("what", choices=["key", "rotate"])

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        if what == "key":
            self.stdout.write(fresh_key())
            return
        count = rotate_secrets(actor=HUB)
        self.stdout.write(f"{count} rows sealed anew; the key {newest_key()!r} now opens all, others can be taken out.")
