"""What is known of sources, streams and runs; and what a source says when it is asked."""

from datetime import datetime

from connectors import registry
from connectors.base import Connector, Found
from connectors.models import Source, Tick
from connectors.secrets import unseal


def last_tick() -> datetime | None:
    """When the scheduler's last tick was carried out by a worker; None before the first."""
    return Tick.objects.filter(pk=1).values_list("at", flat=True).first()


def connector_of(source: Source) -> Connector:
    """The connector that reads ``source``, with its secrets."""
    return registry.load(source.kind)(source.config, unseal(bytes(source.secrets)))


def source_test(source: Source) -> None:
    """Reach the source and sign in; raises a ``SourceError`` that says what failed and what to do."""
    connector_of(source).test()


def source_discover(source: Source) -> list[Found]:
    """The tables or files that the source offers, with inferred fields, keys and samples; raises ``SourceError``."""
    return list(connector_of(source).discover())
