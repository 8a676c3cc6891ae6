"""Audit events: each agency sees what it did, and what was done to its data or agreed with it or looked up about it."""

from uuid import UUID

from django.db.models import Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.caller import Caller
from hub.accounts.queries import of_agency
from hub.api.base import ApiView, ListView, found
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.events import EventShown
from hub.audit.models import Event


class Events(ListView):
    """Events, the latest first."""

    filters = (
        Parameter("kind", "The kind of act, such as `rows.read`.", lookup="kind"),
        Parameter("agency", "Code of the actor's agency.", lookup="agency"),
        Parameter("actor", "A client `agency/name`, or a member's e-mail address.", lookup="actor"),
        Parameter("dataset", "Key of a dataset.", lookup="dataset"),
        Parameter("subject", "What it was about.", lookup="subject"),
        Parameter("since", "At or after this moment.", kind="moment", lookup="at__gte"),
        Parameter("until", "Before this moment.", kind="moment", lookup="at__lt"),
    )

    @operation("List the events that concern your agency, the latest first", list_of(EventShown))
    def get(self, request: Request) -> Response:
        return self.page(_events(self.caller), EventShown, ("-at", "-id"))


class OneEvent(ApiView):
    """One event; a read's receipt is its id."""

    @operation("Describe an event", EventShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(found(_events(self.caller), "event", pk=id), EventShown)


def _events(caller: Caller) -> QuerySet[Event]:
    mine = of_agency(caller, "agency")
    if not caller.is_external and mine:
        mine |= Q(dataset__startswith=f"{caller.agency}.") | Q(about=caller.agency)
    return Event.objects.filter(mine)
