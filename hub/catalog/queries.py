"""What is known of datasets, before anybody asks who may see them."""

from hub.catalog.models import Dataset


def dataset_by_key(key: str) -> Dataset | None:
    return Dataset.objects.select_related("agency").filter(key=key).first()
