"""Who may change a dataset, and in which of its states."""

from hub.accounts.caller import Caller
from hub.accounts.permissions import is_hub, require_act
from hub.accounts.stewardship import Act
from hub.catalog.models import Dataset
from hub.errors import Conflict


def require_editor(actor: Caller, dataset: Dataset, what: str, act: Act = "edit") -> None:
    """Publishers of the owner and the dataset's stewards.

    While it waits for its review it stays as it was submitted: what a reviewer changed, nobody else would have seen.
    """
    require_act(actor, act, dataset.agency.code, dataset, what=what)
    if is_hub(actor):
        return
    if dataset.status == Dataset.Status.RETIRED:
        raise Conflict(f"{dataset.key} is retired.", code="retired", hint="Register a new dataset.")
    if dataset.status == Dataset.Status.SUBMITTED:
        raise Conflict(
            f"{dataset.key} waits for its review.", code="under-review", hint="Have it returned, then change it."
        )


def require_dataset_reviewer(actor: Caller, dataset: Dataset, what: str) -> None:
    """The second person's word on a dataset: a reviewer of the owner, a steward for it, or the authority."""
    require_act(actor, "review", dataset.agency.code, dataset, what=what)
