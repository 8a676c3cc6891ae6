"""Who may change a dataset, and in which of its states."""

from hub.accounts.caller import Caller
from hub.accounts.permissions import is_hub, require_publisher
from hub.catalog.models import Dataset
from hub.catalog.queries import is_steward
from hub.errors import Conflict


def require_editor(actor: Caller, dataset: Dataset, what: str) -> None:
    """Publishers of the owner and the dataset's stewards.

    While it waits for its review it stays as it was submitted: what a reviewer changed, nobody else would have seen.
    """
    if not is_steward(actor, dataset):
        require_publisher(actor, dataset.agency.code, what)
    if is_hub(actor):
        return
    if dataset.status == Dataset.Status.RETIRED:
        raise Conflict(f"{dataset.key} is retired.", code="retired", hint="Register a new dataset.")
    if dataset.status == Dataset.Status.SUBMITTED:
        raise Conflict(
            f"{dataset.key} waits for its review.", code="under-review", hint="Have it returned, then change it."
        )
