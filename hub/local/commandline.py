"""Runs a management command and turns what goes wrong into a sentence and an exit code."""

import sys

from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import InterfaceError, OperationalError

from hub.errors import HubError
from hub.local import connection


def run(arguments: list[str]) -> None:
    """Exit 1 with what happened and what to do where the hub refuses or is not there."""
    if not settings.HUB_HAS_MAIL:  # commands print the links that mails would carry, and nothing twice
        settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    try:
        execute_from_command_line(arguments)
    except HubError as error:
        _fail(error.message, error.hint, *(f"  {fault.field}: {fault.message}" for fault in error.errors))
    except (OperationalError, InterfaceError) as error:
        if connection.is_postgres_embedded():
            _fail(f"The hub in {connection.data_dir()} does not run.", "Start it with: python manage.py up")
        _fail("The database does not answer.", str(error).strip())
    except KeyboardInterrupt:
        sys.exit(130)


def _fail(*lines: str) -> None:
    sys.exit("\n".join(line for line in lines if line))
