"""``manage.py apply``: the hub as code."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from hub.manifest.apply import Change, apply_manifest

_SIGNS = {"make": "+", "change": "~", "retire": "-"}


class Command(BaseCommand):
    help = "Bring the hub to what a manifest (TOML or YAML) declares: all of it, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--plan", action="store_true", help="say what would change, and change nothing")

    def handle(self, *args: Any, file: Path, plan: bool, **options: Any) -> None:
        report = apply_manifest(file, is_plan=plan)
        for change in report.changes:
            self.stdout.write(_line(change))
        count = len(report.changes)
        things = f"{count} thing{'s' * (count != 1)}"
        if not count:
            self.stdout.write("Nothing to change.")
        else:
            self.stdout.write(f"{things} would change." if plan else f"{things} changed.")
        for email, link in report.links.items():
            self.stdout.write(f"{email} sets a password here, once: {settings.HUB_URL}{link}")


def _line(change: Change) -> str:
    what = f" ({', '.join(change.what)})" if change.what else ""
    return f"{_SIGNS[change.act]} {change.name}{what}"
