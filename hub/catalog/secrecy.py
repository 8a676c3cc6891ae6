"""Secrecy rests on a law: what others must not even know of is never a department's mere wish."""

from hub.catalog.models import Dataset
from hub.errors import FieldError


def secrecy_faults(dataset: Dataset, *, is_declared: bool) -> list[FieldError]:
    """Whether the dataset or a field of it is secret without a legal basis.

    ``is_declared`` is for manifests, in which a field may leave it out: the administrators answer for it there.
    """
    if dataset.is_secret and not dataset.legal_basis:
        message = "Secrecy needs a legal basis: classify the dataset with the law that it rests on."
        return [FieldError("legal_basis", "citation-required", message)]
    if is_declared:
        return []
    bare = dataset.fields.filter(is_secret=True, legal_basis=[]).values_list("name", flat=True)
    message = "A secret field has a legal_basis of its own."
    return [FieldError(f"fields.{name}.legal_basis", "citation-required", message) for name in bare]
