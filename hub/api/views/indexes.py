"""The indexes of a dataset: for who administers it alone, as they tell what others ask and what decisions filter by."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.caller import Caller
from hub.api.base import ApiView, ListView, found
from hub.api.schema import list_of, operation
from hub.api.serializers.indexes import IndexShown, NewIndex
from hub.api.views.datasets import found_dataset
from hub.catalog.models import Dataset
from hub.errors import Forbidden
from hub.store.indexing.commands import ask_index, drop_index
from policies.queries import manages


class Indexes(ListView):
    """All of one dataset."""

    @operation("List the indexes of a dataset that you administer", list_of(IndexShown))
    def get(self, request: Request, key: str) -> Response:
        return self.page(administered(self.caller, key).indexes.all(), IndexShown, ("created_at", "id"))

    @operation(
        "Ask for an index on a dataset; it is built while readers go on",
        IndexShown,
        status=202,
        body=NewIndex,
        problems=(403, 409),
    )
    def post(self, request: Request, key: str) -> Response:
        dataset = administered(self.caller, key)
        index = ask_index(actor=self.caller, dataset=dataset, fields=self.body(NewIndex)["fields"])
        return self.one(index, IndexShown, status=202, at=f"datasets/{key}/indexes/{index.pk}")


class OneIndex(ApiView):
    """One index."""

    @operation("Describe an index", IndexShown)
    def get(self, request: Request, key: str, id: UUID) -> Response:
        return self.one(found(administered(self.caller, key).indexes.all(), "index", pk=id), IndexShown)

    @operation("Drop an index", status=204, problems=(403, 409))
    def delete(self, request: Request, key: str, id: UUID) -> Response:
        dataset = administered(self.caller, key)
        drop_index(actor=self.caller, dataset=dataset, index=found(dataset.indexes.all(), "index", pk=id))
        return Response(status=204)


def administered(caller: Caller, key: str) -> Dataset:
    """The dataset, for who administers it; raises ``NotFound`` where there is none for the caller, or ``Forbidden``."""
    dataset = found_dataset(caller, key)
    if not manages(caller, dataset):
        raise Forbidden(f"The indexes of {key} are for who administers it.")
    return dataset
