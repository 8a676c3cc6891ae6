"""Runs: what was brought in when, how it went, and what stayed in quarantine."""

from urllib.parse import quote
from uuid import UUID

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.utils import OpenApiTypes
from rest_framework.request import Request
from rest_framework.response import Response

from connectors.commands import cancel_run, drop_run, release_run
from connectors.models import Run
from connectors.rejects import owns_records, rejects_csv
from connectors.uploads import retry_records
from hub.accounts.caller import Caller
from hub.accounts.queries import of_agency
from hub.api.base import ApiView, ListView, found
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.runs import RejectShown, RunShown
from hub.store.models import Rejected


class Runs(ListView):
    """Attempts to bring streams up to date, the latest first."""

    filters = (
        Parameter("stream", "Key of a stream.", lookup="stream__key"),
        Parameter("dataset", "Key of a dataset.", lookup="stream__dataset__key"),
        Parameter("status", "State of the run.", choices=tuple(Run.Status.values), lookup="status"),
        Parameter("since", "Requested at or after this moment.", kind="moment", lookup="created_at__gte"),
    )

    @operation("List your agency's runs, the latest first", list_of(RunShown))
    def get(self, request: Request) -> Response:
        return self.page(_runs(self.caller), RunShown, ("-created_at", "-id"))


class OneRun(ApiView):
    """One run."""

    @operation("Describe a run; its counters move while it works", RunShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(found(_runs(self.caller), "run", pk=id), RunShown)


class Cancel(ApiView):
    """The end of a run on request."""

    @operation("Cancel a run; the data stays as it was", RunShown, status=202, problems=(403, 409))
    def post(self, request: Request, id: UUID) -> Response:
        run = cancel_run(actor=self.caller, run=found(_runs(self.caller), "run", pk=id))
        return self.one(run, RunShown, status=202)


class Release(ApiView):
    """A person's word on a held run: go on."""

    @operation("Let a held run go on, with the difference that was shown", RunShown, status=202, problems=(403, 409))
    def post(self, request: Request, id: UUID) -> Response:
        run = release_run(actor=self.caller, run=found(_runs(self.caller), "run", pk=id))
        return self.one(run, RunShown, status=202)


class Drop(ApiView):
    """A person's word on a held run: leave it."""

    @operation("Drop a held run; the data stays as it was", RunShown, problems=(403, 409))
    def post(self, request: Request, id: UUID) -> Response:
        return self.one(drop_run(actor=self.caller, run=found(_runs(self.caller), "run", pk=id)), RunShown)


class Retry(ApiView):
    """Another try for what a run kept out."""

    @operation(
        "Bring the quarantined records of a run in again, after a correction", RunShown, status=202, problems=(403, 409)
    )
    def post(self, request: Request, id: UUID) -> Response:
        run = retry_records(actor=self.caller, run=found(_runs(self.caller), "run", pk=id))
        return self.one(run, RunShown, status=202, at=f"runs/{run.pk}")


class Rejects(ListView):
    """What a run could not take in."""

    filters = (
        Parameter("field", "Name of a field.", lookup="field"),
        Parameter("rule", "The rule that was broken.", lookup="rule"),
        Parameter("f", "`csv` for all records whole, with the rules they break, to be corrected.", ("json", "csv")),
    )

    @operation(
        "List what a run could not take in",
        list_of(RejectShown),
        problems=(403,),
        more={(200, "text/csv"): OpenApiTypes.STR},
    )
    def get(self, request: Request, id: UUID) -> Response | StreamingHttpResponse:
        run = found(_runs(self.caller), "run", pk=id)
        if self.asked.get("f") == "csv":
            name = f"{run.stream.dataset.key}-{run.pk}.csv"
            headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
            lines = rejects_csv(self.caller, run)
            return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8; header=present", headers=headers)
        rejects = Rejected.objects.filter(run=run.pk, dataset=run.stream.dataset)
        return self.page(rejects, RejectShown, ("id",), {"owns": owns_records(self.caller, run)})


def _runs(caller: Caller) -> QuerySet[Run]:
    mine = of_agency(caller, "stream__source__agency__code", "stream__dataset__agency__code")
    return Run.objects.filter(mine).select_related("stream__source", "stream__dataset__agency")
