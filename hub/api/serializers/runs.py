"""Shapes of runs and of what they could not take in."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from connectors.models import Run
from connectors.queries import pace_of
from hub.api.serializers.parts import ObjectField
from hub.store.models import Rejected


class RunError(serializers.Serializer[Any]):
    """What went wrong, and what to do."""

    code = serializers.CharField()
    message = serializers.CharField()
    hint = serializers.CharField(allow_blank=True)


class PaceShown(serializers.Serializer[Any]):
    """Rows a second, the seconds it may still take where an earlier run tells, and what a queued run waits for."""

    rate = serializers.FloatField(allow_null=True)
    remaining = serializers.FloatField(allow_null=True)
    waits_for = serializers.ChoiceField(choices=["", "source", "worker"])


class RunShown(serializers.ModelSerializer[Run]):
    """One attempt to bring a stream up to date; its counters move while it works."""

    stream = serializers.CharField(source="stream.key")
    dataset = serializers.CharField(source="stream.dataset.key")
    status = serializers.ChoiceField(choices=Run.Status.values)
    timings = serializers.DictField(child=serializers.FloatField())
    pace = serializers.SerializerMethodField()
    difference = ObjectField(help_text="What a held run would change beyond the stream's contract.")
    error = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id",
            "stream",
            "dataset",
            "status",
            "stage",
            "requested_by",
            "slot",
            "created_at",
            "started_at",
            "finished_at",
            "lease_until",
            "attempts",
            "rows_read",
            "inserted",
            "updated",
            "deleted",
            "unchanged",
            "rejected",
            "bytes",
            "version",
            "timings",
            "pace",
            "difference",
            "error",
        )

    @extend_schema_field(PaceShown)
    def get_pace(self, run: Run) -> dict[str, Any]:
        pace = pace_of(run)
        rate = None if pace.rate is None else round(pace.rate, 1)
        remaining = None if pace.remaining is None else round(pace.remaining, 1)
        return {"rate": rate, "remaining": remaining, "waits_for": pace.waits_for}

    @extend_schema_field(RunError(allow_null=True))
    def get_error(self, run: Run) -> dict[str, str] | None:
        if not run.error_code:
            return None
        return {"code": run.error_code, "message": run.error_message, "hint": run.error_hint}


class RejectShown(serializers.ModelSerializer[Rejected]):
    """A value that kept its row in quarantine; `value` is told to the dataset's owner alone."""

    line = serializers.IntegerField(source="position", allow_null=True)
    value = serializers.SerializerMethodField("told_value")

    class Meta:
        model = Rejected
        fields = ("line", "field", "rule", "message", "value")

    def told_value(self, rejected: Rejected) -> str | None:
        return rejected.value if self.context["owns"] else None
