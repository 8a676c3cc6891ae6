"""The fields of a dataset as a run finds them: taken from its source where it leaves them to it, and with a key."""

from collections.abc import Mapping
from typing import Any

from connectors.base import Connector
from connectors.models import Stream
from hub.accounts.caller import HUB
from hub.catalog.commands import set_fields
from hub.catalog.models import Dataset
from hub.errors import HubError


def take_fields(dataset: Dataset, connector: Connector, select: Mapping[str, Any]) -> None:
    """The fields of a dataset that leaves them to its source, from what the source has now."""
    found = connector.describe(select)
    if not dataset.primary_key and found.primary_key:
        dataset.primary_key = list(found.primary_key)
        dataset.save(update_fields=["primary_key"])
    fields = [
        {"name": column.name, "type": column.type, "title": column.title, "required": column.required}
        for column in found.columns
    ]
    set_fields(actor=HUB, dataset=dataset, fields=fields)
    dataset.refresh_from_db()


def require_key(stream: Stream, mode: str) -> None:
    """A dataset that leaves its fields to its source may turn out to have no key."""
    dataset = stream.dataset
    if not dataset.primary_key and (mode == "merge" or stream.cursor or stream.deleted):
        raise HubError(
            f"{dataset.key} has no primary key, without which no row is told from another.",
            code="no-key",
            hint="Nothing was changed. Give the dataset a primary key, or have the stream replace everything.",
        )
