"""What a caller may see of one dataset, and why."""

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.base import AGREEMENT, ApiView, agreement_of
from hub.api.documents import dataset_document
from hub.api.params import Parameter
from hub.api.schema import operation
from hub.api.serializers.datasets import Explanation
from hub.api.views.datasets import found_dataset
from hub.errors import FieldError, Invalid
from hub.query.catalogue import view_schema
from hub.query.explaining import explained, explained_as
from hub.query.packaging import data_package
from policies.facts import Party


class Access(ApiView):
    """The decision."""

    is_administrative = False
    parameters = (Parameter("as", "A party, such as `agency:CODE`: as it is told, for who administers the dataset."),)

    @operation("What you may read of a dataset, and why", Explanation, problems=(403,), headers=AGREEMENT)
    def get(self, request: Request, key: str) -> Response:
        agreement = agreement_of(request)
        if "as" not in self.asked:
            return Response(explained(self.caller, key, agreement))
        dataset = found_dataset(self.caller, key)
        return Response(explained_as(self.caller, dataset, _party(self.asked["as"]), agreement))


class Schema(ApiView):
    """The caller's view as JSON Schema."""

    is_administrative = False

    @operation("JSON Schema of a row as you see it", {"type": "object"}, problems=(403,), headers=AGREEMENT)
    def get(self, request: Request, key: str) -> Response:
        return Response(view_schema(self.caller, key, agreement_of(request)))


class Document(ApiView):
    """The routes that read the dataset, with the fields of the caller's view."""

    is_administrative = False

    @operation("OpenAPI document of a dataset as you see it", {"type": "object"}, problems=(403,), headers=AGREEMENT)
    def get(self, request: Request, key: str) -> Response:
        return Response(dataset_document(key, view_schema(self.caller, key, agreement_of(request))))


class DataPackage(ApiView):
    """The dataset's files, described for programs that know Data Packages."""

    is_administrative = False

    @operation("Data Package of a dataset as you see it", {"type": "object"}, problems=(403,), headers=AGREEMENT)
    def get(self, request: Request, key: str) -> Response:
        return Response(data_package(self.caller, key, agreement_of(request), site=settings.HUB_URL))


def _party(text: str) -> Party:
    try:
        return Party.parse(text)
    except Invalid as error:
        raise Invalid(error.message, hint=error.hint, errors=[FieldError("as", error.code, error.message)]) from None
