"""The shape of audit events, and how much of one each reader is told."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from hub.accounts.caller import Caller
from hub.api.serializers.parts import ObjectField
from hub.audit.models import Event

_TOLD_OF_READS = frozenset(
    {"rows", "format", "limit", "properties", "agreement", "purpose", "opening", "outcome", "code"}
)
"""What others than the reader's agency and auditors learn of a read: no literal of its query."""


class EventShown(serializers.ModelSerializer[Event]):
    """One act of one actor on one thing."""

    details = serializers.SerializerMethodField()

    class Meta:
        model = Event
        fields = ("id", "at", "kind", "agency", "actor", "dataset", "subject", "details")

    @extend_schema_field(ObjectField())
    def get_details(self, event: Event) -> dict[str, Any]:
        caller: Caller = self.context["caller"]
        if event.agency == caller.agency or caller.has_role("auditor") or not event.kind.startswith("rows."):
            return dict(event.details)
        return {name: value for name, value in event.details.items() if name in _TOLD_OF_READS}
