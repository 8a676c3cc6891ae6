"""``manage.py backup``."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from hub.local import copies


class Command(BaseCommand):
    help = "Copy the running embedded hub, its data and its key, into a folder."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        copies.backup(folder.resolve())
        self.stdout.write(f"The hub is copied to {folder}. Keep it safe: it holds the key.")
