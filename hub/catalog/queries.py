"""What is known of datasets, before anybody asks who may see them."""

from django.db.models import Count, Max, Min

from hub.catalog.models import Dataset, WordingChange


def dataset_by_key(key: str) -> Dataset | None:
    return Dataset.objects.select_related("agency").filter(key=key).first()


def mark_of_wordings() -> tuple[int | None, ...]:
    """Another one after each change to the wordings that has been committed, in whatever order they are.

    A change adds a row, sweeping takes the first ones away: what is there is told by its ends and their distance.
    """
    told = WordingChange.objects.aggregate(least=Min("pk"), most=Max("pk"), count=Count("pk"))
    return told["least"], told["most"], told["count"]
