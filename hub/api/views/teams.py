"""Teams: who looks after which dataset, source or rule."""

from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts import commands
from hub.accounts.caller import Caller
from hub.accounts.models import Agency, Team
from hub.accounts.queries import of_agency
from hub.api.base import ApiView, ListView, found, named
from hub.api.params import Parameter
from hub.api.schema import list_of, operation
from hub.api.serializers.teams import TeamBody, TeamChange, TeamShown


class Teams(ListView):
    """The teams of an agency."""

    filters = (Parameter("agency", "Code of the agency.", lookup="agency__code"),)

    @operation("List your agency's teams, and what they look after", list_of(TeamShown))
    def get(self, request: Request) -> Response:
        return self.page(_teams(self.caller), TeamShown, ("agency__code", "name"))

    @operation("Make a team", TeamShown, status=201, body=TeamBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        body = self.body(TeamBody)
        body["agency"] = named(Agency.objects.all(), "agency", code=body["agency"])
        team = commands.make_team(actor=self.caller, **body)
        return self.one(team, TeamShown, status=201, at=f"teams/{team.pk}")


class OneTeam(ApiView):
    """One team."""

    @operation("Describe a team", TeamShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(found(_teams(self.caller), "team", pk=id), TeamShown)

    @operation("Change who is in a team, or what it looks after", TeamShown, body=TeamChange, problems=(403,))
    def patch(self, request: Request, id: UUID) -> Response:
        team, body = found(_teams(self.caller), "team", pk=id), self.body(TeamChange)
        with transaction.atomic():
            if "members" in body:
                commands.set_team(actor=self.caller, team=team, members=body["members"])
            if "stewardships" in body:
                commands.set_stewardships(actor=self.caller, team=team, stewardships=body["stewardships"])
        return self.get(request, id)


class End(ApiView):
    """The end of a team."""

    @operation("End a team, and with it all that it looks after", status=204, problems=(403,))
    def post(self, request: Request, id: UUID) -> Response:
        commands.end_team(actor=self.caller, team=found(_teams(self.caller), "team", pk=id))
        return Response(status=204)


def _teams(caller: Caller) -> QuerySet[Team]:
    mine = Team.objects.filter(of_agency(caller, "agency__code"))
    return mine.select_related("agency", "group").prefetch_related("group__user_set")
