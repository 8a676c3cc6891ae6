"""What the caller may ask of the hub, and how much of it is left."""

from datetime import datetime, timedelta
from datetime import time as clock
from typing import Any

from django.utils.timezone import now
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api.base import ApiView
from hub.api.schema import operation
from hub.api.serializers.limits import LimitsShown
from hub.limits.admission import taken_today
from hub.limits.parties import Party, parties_of


class Limits(ApiView):
    """The caller's limits and its agency's."""

    is_administrative = False

    @operation("Tell your limits and what is left of them", LimitsShown)
    def get(self, request: Request) -> Response:
        mine, agency = parties_of(self.caller)
        midnight = datetime.combine(now().date() + timedelta(days=1), clock(), now().tzinfo)
        told = {
            "caller": _told(mine),
            "agency": None if self.caller.is_external else _told(agency),  # what others of it do is not the public's
            "day_ends_at": midnight,
        }
        return Response(LimitsShown(told).data)


def _told(party: Party) -> dict[str, Any]:
    return {"name": party.actor or party.agency, "limits": party.limits, "taken_today": taken_today(party)}
