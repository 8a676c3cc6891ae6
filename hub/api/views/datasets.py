"""The catalogue: list, describe, register, review."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Coalesce
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.uploads import bring_file
from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.api.base import AGREEMENT, ApiView, ListView, agreement_of
from hub.api.details import detail
from hub.api.params import Parameter, narrowed
from hub.api.schema import operation
from hub.api.serializers.datasets import (
    ACCESS_WORDS,
    FRESHNESS_WORDS,
    CatalogEntry,
    CatalogPage,
    DatasetBody,
    DatasetChange,
    DatasetDetail,
    Note,
)
from hub.api.serializers.runs import RunShown
from hub.api.serializers.uploads import UploadBody
from hub.catalog import commands
from hub.catalog.models import SHARING_CLASSES, Dataset, Wording
from hub.errors import FieldError, Invalid, NotFound
from hub.operations.freshness import having_freshness, with_freshness
from hub.query.catalogue import (
    having_access,
    visible_datasets,
    visible_wordings,
    with_access,
    worded_datasets,
)
from hub.query.census import FACETS, census
from hub.query.decisions import decision_for
from hub.query.search import Mentioning
from hub.store.models import Relation
from policies.commands import classify_dataset
from policies.explain import availability

_SORTS = {
    "key": ("key",),
    "-key": ("-key",),
    "title": ("title", "key"),
    "-title": ("-title", "key"),
    "agency": ("owner", "key"),
    "published_at": ("published_at", "key"),
    "-published_at": ("-published_at", "key"),
    "synced_at": ("synced_at", "key"),
    "-synced_at": ("-synced_at", "key"),
}
_SYNCED = Relation.objects.filter(dataset=OuterRef("pk"), synced_at__isnull=False)
_EMPTY = {"published_at": Q(published_at=None), "synced_at": ~Q(Exists(_SYNCED))}
_BY_KEY = ("key", "-key")
"""The orders in which wordings can be walked as well."""
_TERMS = ("class", "reason", "legal_basis", "conditions")


class Datasets(ListView):
    """The catalogue, and its register."""

    is_administrative = False
    filters = (
        Parameter("q", "Words that title, description, keywords, key or the owner's name contain."),
        Parameter("agency", "Code of the owner.", lookup="agency__code"),
        Parameter("theme", "A theme.", lookup="theme"),
        Parameter("class", "The sharing class.", choices=SHARING_CLASSES, lookup="sharing_class"),
        Parameter("status", "State of the registration.", choices=tuple(Dataset.Status.values), lookup="status"),
        Parameter("access", "What the caller may do with it.", choices=ACCESS_WORDS),
        Parameter("freshness", "How fresh it is.", choices=FRESHNESS_WORDS),
        Parameter("sort", "The order; by key without.", choices=tuple(_SORTS)),
        Parameter("facets", "What to count beside.", choices=tuple(FACETS), kind="several"),
    )

    @operation("List the datasets that there are for you", CatalogPage)
    def get(self, request: Request) -> Response:
        sort = self.asked.get("sort", "key")
        words = Mentioning(self.asked.get("q", ""))
        by_words = "q" in self.asked and "freshness" not in self.asked  # all else wordings tell themselves
        names = self.asked.get("facets", ())
        is_kept = not self.asked.keys() & {"access", "freshness"}  # which time alone can change
        counted = partial(census, self.caller, partial(self._counted, words), names)
        facets = counted(by_words=by_words, is_kept=is_kept) if names else {}
        more: dict[str, Any] = {"facets": {name: _values(counts) for name, counts in facets.items()}} if facets else {}
        if by_words and sort in _BY_KEY:
            found = self._sought(words.among(visible_wordings(self.caller)))
            return self.page(found, CatalogEntry, _SORTS[sort], shown=self._in_order, **more)
        return self.page(
            _entries(self._sought(words.among(visible_datasets(self.caller))), self.caller),
            CatalogEntry,
            _SORTS[sort],
            empty=_EMPTY.get(sort.removeprefix("-")),
            **more,
        )

    @operation("Register a dataset", DatasetDetail, status=201, body=DatasetBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        body = self.body(DatasetBody)
        key = body.pop("key")
        agency = Agency.objects.filter(code=key.partition(".")[0]).first()
        if agency is None:
            message = "A key begins with the code of the agency that owns the dataset, and a dot."
            raise Invalid(message, errors=[FieldError("key", "invalid", message)])
        with transaction.atomic():
            terms = _taken(body, *_TERMS)
            fields = body.pop("fields", ())
            dataset = commands.register_dataset(actor=self.caller, agency=agency, key=key, fields=fields, **body)
            _classify(self.caller, dataset, terms)
        response = Response(_shown(self.caller, key), status=201)
        response["Location"] = f"/api/v1/datasets/{key}"
        return response

    def _sought(self, datasets: QuerySet[Any]) -> QuerySet[Any]:
        """Those of ``datasets`` that were asked for by more than words or a column."""
        if "freshness" in self.asked:
            datasets = having_freshness(datasets, self.asked["freshness"])
        return having_access(datasets, self.caller, self.asked["access"]) if "access" in self.asked else datasets

    def _in_order(self, wordings: QuerySet[Wording]) -> QuerySet[Any]:
        """The entries of a page of wordings, in the same order."""
        return _entries(worded_datasets(wordings), self.caller).order_by(*_SORTS[self.asked.get("sort", "key")])

    def _counted(self, words: Mentioning, datasets: QuerySet[Any]) -> QuerySet[Any]:
        """Those that were asked for, on whatever page."""
        return narrowed(self._sought(words.throughout(datasets)), self.parameters, self.asked)


class OneDataset(ApiView):
    """One dataset's description."""

    is_administrative = False

    @operation("Describe a dataset, with its fields and how you may read each", DatasetDetail, headers=AGREEMENT)
    def get(self, request: Request, key: str) -> Response:
        return Response(_shown(self.caller, key, agreement_of(request)))

    @operation("Change a dataset", DatasetDetail, body=DatasetChange, problems=(403, 409))
    def patch(self, request: Request, key: str) -> Response:
        dataset, body = found_dataset(self.caller, key), self.body(DatasetChange)
        with transaction.atomic():
            terms = _taken(body, *_TERMS)
            fields = body.pop("fields", None)
            _classify(self.caller, dataset, terms)  # first: what is marked secret rests on the legal basis
            if body:
                dataset = commands.edit_dataset(actor=self.caller, dataset=dataset, **body)
            if fields is not None:
                commands.set_fields(actor=self.caller, dataset=dataset, fields=fields)
        return Response(_shown(self.caller, key))


class _Step(ApiView):
    """One step of a registration."""

    def _done(self, key: str) -> Response:
        return Response(_shown(self.caller, key))


class Submit(_Step):
    """Ask for the review."""

    @operation("Submit a draft for review", DatasetDetail, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        commands.submit_dataset(actor=self.caller, dataset=found_dataset(self.caller, key))
        return self._done(key)


class Approve(_Step):
    """The second person's word."""

    @operation("Approve a submitted dataset, which publishes it", DatasetDetail, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        commands.approve_dataset(actor=self.caller, dataset=found_dataset(self.caller, key))
        return self._done(key)


class Return(_Step):
    """The reviewer's wish for changes."""

    @operation("Return a submitted dataset to its registrar", DatasetDetail, body=Note, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        note = self.body(Note)["note"]
        commands.return_dataset(actor=self.caller, dataset=found_dataset(self.caller, key), note=note)
        return self._done(key)


class Retire(_Step):
    """The end of a dataset's life."""

    @operation("Retire a dataset: it keeps its record and gives no rows", DatasetDetail, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        commands.retire_dataset(actor=self.caller, dataset=found_dataset(self.caller, key))
        return self._done(key)


class Uploads(ApiView):
    """Files by hand."""

    parser_classes = (MultiPartParser,)

    @operation(
        "Load a file into a dataset by hand; the run checks and publishes it as any other",
        RunShown,
        status=202,
        body={"multipart/form-data": UploadBody},
        problems=(403, 409),
    )
    def post(self, request: Request, key: str) -> Response:
        dataset, body = found_dataset(self.caller, key), self.body(UploadBody)
        file = body.pop("file")
        run = bring_file(actor=self.caller, dataset=dataset, name=file.name, chunks=file.chunks(), **body)
        return self.one(run, RunShown, status=202, at=f"runs/{run.pk}")


def _described(datasets: QuerySet[Dataset], access: Caller | str) -> QuerySet[Dataset]:
    """With all that an entry shows; the caller's ``access``, or the word for it."""
    described = with_freshness(datasets).annotate(version=Coalesce("relation__version", 0), owner=F("agency__code"))
    return described.annotate(access=Value(access)) if isinstance(access, str) else with_access(described, access)


def _entries(datasets: QuerySet[Dataset], caller: Caller) -> QuerySet[Any]:
    """Only what a list shows, as plain tuples: to make a page of models takes as long as to find it."""
    return _described(datasets, caller).values_list(*CatalogEntry.columns(), named=True)


def _values(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"value": value, "count": count} for value, count in counts.items()]


def found_dataset(caller: Caller, key: str) -> Dataset:
    dataset = visible_datasets(caller).filter(key=key).first()
    if dataset is None:
        raise NotFound(f"There is no dataset {key}.")
    return dataset


def _shown(caller: Caller, key: str, agreement: str = "") -> dict[str, Any]:
    decision = decision_for(caller, key, agreement=agreement)
    described = _described(Dataset.objects.select_related("agency"), availability(decision))
    return detail(described.get(key=key), decision, caller)


def _taken(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: body.pop(name) for name in names if name in body}


def _classify(caller: Caller, dataset: Dataset, terms: Mapping[str, Any]) -> None:
    """The sharing class with its reason; what is not said stays as it is."""
    if terms:
        said = {name: terms.get(name, getattr(dataset, name)) for name in ("reason", "legal_basis", "conditions")}
        sharing_class = terms.get("class", dataset.sharing_class)
        classify_dataset(actor=caller, dataset=dataset, sharing_class=sharing_class, **said)
