"""Sources and streams: how data comes in."""

from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from connectors import commands, registry
from connectors.base import Found
from connectors.models import Source, Stream
from connectors.permissions import require_reach
from connectors.queries import source_discover, source_test
from hub.accounts.caller import Caller
from hub.accounts.keys import address_of, keyed, the_one
from hub.accounts.models import Agency
from hub.accounts.queries import of_agency
from hub.api.base import BY_KEY, ApiView, ListView, named
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.connectors import (
    Kind,
    Offer,
    Reached,
    SourceBody,
    SourceChange,
    SourceShown,
    StreamBody,
    StreamChange,
    StreamShown,
    SyncBody,
)
from hub.api.serializers.runs import RunShown
from hub.catalog.models import Dataset
from hub.errors import FieldError, Invalid


class Kinds(ApiView):
    """The kinds of sources that can be read."""

    is_administrative = False

    @operation("List the kinds of sources", list_of(Kind))
    def get(self, request: Request) -> Response:
        kinds = [{"kind": kind, **_declared(kind)} for kind in registry.KINDS]
        return Response({"data": kinds, "page": {"limit": len(kinds), "next": None}})


class Sources(ListView):
    """The systems that data is read from."""

    filters = (
        Parameter("agency", "Code of the owner.", lookup="agency__code"),
        Parameter("kind", "The kind.", lookup="kind"),
    )

    @operation("List your agency's sources", list_of(SourceShown))
    def get(self, request: Request) -> Response:
        return self.page(_sources(self.caller), SourceShown, BY_KEY)

    @operation("Register a source", SourceShown, status=201, body=SourceBody, problems=(403,))
    def post(self, request: Request) -> Response:
        body = self.body(SourceBody)
        body["agency"] = named(Agency.objects.all(), "agency", code=body["agency"])
        source = commands.register_source(actor=self.caller, **body)
        return self.one(
            source,
            SourceShown,
            status=201,
            at=f"sources/{address_of(_sources(self.caller), source.agency, source.key)}",
        )


class OneSource(ApiView):
    """One source."""

    @operation("Describe a source", SourceShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(_source(self.caller, key), SourceShown)

    @operation("Change a source", SourceShown, body=SourceChange, problems=(403,))
    def patch(self, request: Request, key: str) -> Response:
        source = _source(self.caller, key)
        return self.one(commands.edit_source(actor=self.caller, source=source, **self.body(SourceChange)), SourceShown)


class Test(ApiView):
    """Whether a source can be reached."""

    @operation("Reach the source and sign in", Reached, problems=(403, 502))
    def get(self, request: Request, key: str) -> Response:
        source_test(_reachable(self.caller, key))
        return Response({"ok": True})

    post = get  # it changes nothing, and takes as long as the source does: either way of asking is right


class Discover(ApiView):
    """What a source offers."""

    @operation("Tables or files of the source, with inferred fields", list_of(Offer), problems=(403, 502))
    def get(self, request: Request, key: str) -> Response:
        source = _reachable(self.caller, key)
        owns = source.agency.code == self.caller.agency
        offers = [_offer(offer, owns) for offer in source_discover(source)]
        return Response({"data": offers, "page": {"limit": len(offers), "next": None}})

    post = get


class Streams(ListView):
    """What is read from sources into datasets."""

    filters = (
        Parameter("source", "Key of a source.", lookup="source__key"),
        Parameter("dataset", "Key of a dataset.", lookup="dataset__key"),
    )

    @operation("List your agency's streams", list_of(StreamShown))
    def get(self, request: Request) -> Response:
        return self.page(_streams(self.caller), StreamShown, ("key", "owner__code"))

    @operation("Register a stream", StreamShown, status=201, body=StreamBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        body = self.body(StreamBody)
        datasets = Dataset.objects.filter(of_agency(self.caller, "agency__code")).select_related("agency")
        body["dataset"] = named(datasets, "dataset", key=body["dataset"])
        body["source"] = _source_for(self.caller, body["dataset"], body["source"])
        stream = commands.register_stream(actor=self.caller, **body)
        return self.one(
            stream, StreamShown, status=201, at=f"streams/{address_of(_streams(self.caller), stream.owner, stream.key)}"
        )


class OneStream(ApiView):
    """One stream."""

    @operation("Describe a stream", StreamShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(the_one(_streams(self.caller), "stream", key), StreamShown)

    @operation("Change a stream", StreamShown, body=StreamChange, problems=(403,))
    def patch(self, request: Request, key: str) -> Response:
        stream = the_one(_streams(self.caller), "stream", key)
        return self.one(commands.edit_stream(actor=self.caller, stream=stream, **self.body(StreamChange)), StreamShown)


class Sync(ApiView):
    """A run on request."""

    @operation(
        "Start a run; one that is open already is returned", RunShown, status=202, body=SyncBody, problems=(403, 409)
    )
    def post(self, request: Request, key: str) -> Response:
        stream = the_one(_streams(self.caller), "stream", key)
        run = commands.request_run(actor=self.caller, stream=stream, **self.body(SyncBody))
        return self.one(run, RunShown, status=202, at=f"runs/{run.pk}")


def _sources(caller: Caller) -> QuerySet[Source]:
    return Source.objects.filter(of_agency(caller, "agency__code")).select_related("agency")


def _source(caller: Caller, key: str) -> Source:
    return the_one(_sources(caller), "source", key)


def _source_for(caller: Caller, dataset: Dataset, key: str) -> Source:
    """The source that a body names: the dataset's agency's where that has one of this key."""
    source = keyed(_sources(caller), key, dataset.agency.code) or keyed(_sources(caller), key)
    if source is None:
        message = f"There is no source {key}."
        raise Invalid(message, errors=[FieldError("source", "unknown", message)])
    return source


def _reachable(caller: Caller, key: str) -> Source:
    """The source, where the caller may make the hub call it."""
    source = _source(caller, key)
    require_reach(caller, source)
    return source


def _streams(caller: Caller) -> QuerySet[Stream]:
    mine = of_agency(caller, "source__agency__code", "dataset__agency__code")
    return Stream.objects.filter(mine).select_related("source", "dataset__agency")


def _declared(kind: str) -> dict[str, Any]:
    connector = registry.load(kind)
    return {
        "title": connector.title,
        "config_schema": connector.config_schema,
        "secrets_schema": connector.secrets_schema,
        "select_schema": connector.select_schema,
    }


def _offer(offer: Found, owns: bool) -> dict[str, Any]:
    """Sample cells are rows: they are told to the owner alone."""
    return {**asdict(offer), "samples": offer.samples if owns else ()}
