"""What is known of datasets, before anybody asks who may see them."""

from hub.accounts.caller import Caller
from hub.accounts.models import User
from hub.catalog.models import Dataset


def dataset_by_key(key: str) -> Dataset | None:
    return Dataset.objects.select_related("agency").filter(key=key).first()


def is_steward(caller: Caller, dataset: Dataset) -> bool:
    """Whether the member was made steward of this dataset, and still belongs to its owner."""
    if not caller.email or caller.agency != dataset.agency.code:
        return False
    user = User.objects.filter(email=caller.email).first()
    return user is not None and user.has_perm("catalog.steward_dataset", dataset)
