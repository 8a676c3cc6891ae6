"""Registers the app with Django."""

from django.apps import AppConfig


class Config(AppConfig):
    name = "connectors"

    def ready(self) -> None:
        """Every process that may send a run on its way knows the broker, commands as well as workers."""
        import hub.celery  # noqa: F401  the settings must be complete first
