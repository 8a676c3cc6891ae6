"""``manage.py restore``."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from hub.local import copies


class Command(BaseCommand):
    help = "Make the data folder (--data) from a backup; the hub must not run."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        copies.restore(folder.resolve())
        self.stdout.write(f"The hub in {folder} is restored. Start it with: python manage.py up")
