"""Registers the app with Django."""

from django.apps import AppConfig
from django.conf import settings


class Config(AppConfig):
    name = "policies"
    label = "policies"

    def ready(self) -> None:
        """A hub whose law is not known does not start."""
        from policies.regime import regime_named  # after the settings

        regime_named(settings.HUB_REGIME)
