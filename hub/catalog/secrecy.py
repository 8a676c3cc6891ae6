"""Secrecy rests on a law: what others must not even know of is never a department's mere wish."""

from hub.catalog.models import Dataset
from hub.errors import FieldError


def secrecy_faults(dataset: Dataset, *, is_declared: bool) -> list[FieldError]:
    """Whether the dataset or a field of it is secret without a legal basis.

    ``is_declared`` is for manifests: they have no place for a field's law, the administrators answer for it there.
    """
    if dataset.legal_basis:
        return []
    if dataset.is_secret or (not is_declared and dataset.fields.filter(is_secret=True).exists()):
        message = "Secrecy needs a legal basis: classify the dataset with the law that it rests on."
        return [FieldError("legal_basis", "citation-required", message)]
    return []
