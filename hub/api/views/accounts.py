"""Who there is: agencies, groups, clients and tokens."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts import commands
from hub.accounts.caller import Caller
from hub.accounts.models import Agency, AgencyGroup, Client, Token
from hub.accounts.queries import of_agency
from hub.api.base import ApiView, ListView, found, named
from hub.api.params import Parameter, parse_lifetime
from hub.api.schema import list_of, operation
from hub.api.serializers.accounts import (
    AgencyBody,
    AgencyChange,
    AgencyShown,
    ClientBody,
    ClientChange,
    ClientShown,
    GroupBody,
    GroupShown,
    TokenBody,
    TokenIssued,
    TokenRotation,
    TokenShown,
)
from policies import commands as policies


class Agencies(ListView):
    """The directory of departments."""

    is_administrative = False
    filters = (Parameter("parent", "Code of the agency above.", lookup="parent__code"),)

    @operation("List the agencies", list_of(AgencyShown))
    def get(self, request: Request) -> Response:
        return self.page(Agency.objects.select_related("parent"), AgencyShown, ("code",))

    @operation("Enter an agency", AgencyShown, status=201, body=AgencyBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        agency = commands.create_agency(actor=self.caller, **self.body(AgencyBody))
        return self.one(agency, AgencyShown, status=201, at=f"agencies/{agency.code}")


class OneAgency(ApiView):
    """One department."""

    is_administrative = False

    @operation("Describe an agency", AgencyShown)
    def get(self, request: Request, code: str) -> Response:
        return self.one(found(Agency.objects.all(), "agency", code=code), AgencyShown)

    @operation("Change an agency, or switch it on or off", AgencyShown, body=AgencyChange, problems=(403,))
    def patch(self, request: Request, code: str) -> Response:
        agency, body = found(Agency.objects.all(), "agency", code=code), self.body(AgencyChange)
        is_active = body.pop("is_active", agency.is_active)
        with transaction.atomic():
            if is_active != agency.is_active:
                commands.switch_agency(actor=self.caller, agency=agency, is_active=is_active)
            if body:
                commands.edit_agency(actor=self.caller, agency=agency, **body)
        return self.one(Agency.objects.get(pk=agency.pk), AgencyShown)


class Groups(ListView):
    """Agencies that rules may name together."""

    is_administrative = False

    @operation("List the groups of agencies", list_of(GroupShown))
    def get(self, request: Request) -> Response:
        return self.page(AgencyGroup.objects.prefetch_related("agencies").select_related("change"), GroupShown)


class ApproveGroup(ApiView):
    """The second person's word."""

    @operation("Approve the members that another person proposed for a group", GroupShown, problems=(403, 409))
    def post(self, request: Request, key: str) -> Response:
        group = found(AgencyGroup.objects.all(), "group", key=key)
        return self.one(policies.approve_group(actor=self.caller, group=group), GroupShown)


class OneGroup(ApiView):
    """One group."""

    is_administrative = False

    @operation("Describe a group", GroupShown)
    def get(self, request: Request, key: str) -> Response:
        return self.one(found(AgencyGroup.objects.all(), "group", key=key), GroupShown)

    @operation("Propose the agencies of a group; another person approves", GroupShown, body=GroupBody, problems=(403,))
    def put(self, request: Request, key: str) -> Response:
        policies.set_group(actor=self.caller, key=key, **self.body(GroupBody))
        return self.get(request, key)


class Clients(ListView):
    """Programs that call the API."""

    filters = (Parameter("agency", "Code of the owner.", lookup="agency__code"),)

    @operation("List your agency's clients", list_of(ClientShown))
    def get(self, request: Request) -> Response:
        return self.page(_clients(self.caller), ClientShown, ("agency__code", "name"))

    @operation("Register a client", ClientShown, status=201, body=ClientBody, problems=(403, 409))
    def post(self, request: Request) -> Response:
        body = _as_columns(self.body(ClientBody))
        body["agency"] = named(Agency.objects.all(), "agency", code=body["agency"])
        client = commands.create_client(actor=self.caller, **body)
        return self.one(client, ClientShown, status=201, at=f"clients/{client.pk}")


class OneClient(ApiView):
    """One client."""

    @operation("Describe a client", ClientShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(found(_clients(self.caller), "client", pk=id), ClientShown)

    @operation("Change a client, or switch it on or off", ClientShown, body=ClientChange, problems=(403,))
    def patch(self, request: Request, id: UUID) -> Response:
        client, body = found(_clients(self.caller), "client", pk=id), _as_columns(self.body(ClientChange))
        is_active = body.pop("is_active", client.is_active)
        with transaction.atomic():
            if is_active != client.is_active:
                commands.switch_client(actor=self.caller, client=client, is_active=is_active)
            if body:
                commands.edit_client(actor=self.caller, client=client, **body)
        return self.one(_clients(self.caller).get(pk=client.pk), ClientShown)


class Tokens(ListView):
    """Tokens without their secrets, the latest first."""

    filters = (
        Parameter("client", "Id of a client.", lookup="client__pk", kind="id"),
        Parameter("agency", "Code of the client's agency.", lookup="client__agency__code"),
    )

    @operation("List your agency's tokens", list_of(TokenShown))
    def get(self, request: Request) -> Response:
        return self.page(_tokens(self.caller), TokenShown, ("-created_at", "-id"))

    @operation(
        "Issue a token; its secret is told this once", TokenIssued, status=201, body=TokenBody, problems=(403, 409)
    )
    def post(self, request: Request) -> Response:
        body = self.body(TokenBody)
        agency, _, name = body.pop("client").partition("/")
        client = named(_clients(self.caller), "client", agency__code=agency, name=name)
        lifetime = parse_lifetime(body.pop("expires"))
        return _issued(*commands.issue_token(actor=self.caller, client=client, lifetime=lifetime, **body))


class OneToken(ApiView):
    """One token."""

    @operation("Describe a token", TokenShown)
    def get(self, request: Request, id: UUID) -> Response:
        return self.one(_token(self.caller, id), TokenShown)


class Revoke(ApiView):
    """The end of a token."""

    @operation("Revoke a token; it ends with the next request", TokenShown, problems=(403, 409))
    def post(self, request: Request, id: UUID) -> Response:
        commands.revoke_token(actor=self.caller, token=_token(self.caller, id))
        return self.one(_token(self.caller, id), TokenShown)


class Rotate(ApiView):
    """A token's successor."""

    @operation(
        "Issue a token's successor; the old one ends within a day",
        TokenIssued,
        status=201,
        body=TokenRotation,
        problems=(403, 409),
    )
    def post(self, request: Request, id: UUID) -> Response:
        body = self.body(TokenRotation)
        lifetime = parse_lifetime(body["expires"]) if "expires" in body else None
        return _issued(*commands.rotate_token(actor=self.caller, token=_token(self.caller, id), lifetime=lifetime))


def _clients(caller: Caller) -> QuerySet[Client]:
    return Client.objects.filter(of_agency(caller, "agency__code")).select_related("agency")


def _tokens(caller: Caller) -> QuerySet[Token]:
    return Token.objects.filter(of_agency(caller, "client__agency__code")).select_related("client__agency")


def _token(caller: Caller, id: UUID) -> Token:
    return found(_tokens(caller), "token", pk=id)


def _issued(token: Token, secret: str) -> Response:
    headers = {"Location": f"/api/v1/tokens/{token.pk}", "Cache-Control": "private, no-store"}
    return Response({**TokenShown(token).data, "token": secret}, status=201, headers=headers)


def _as_columns(body: dict[str, Any]) -> dict[str, Any]:
    if "external" in body:
        body["is_external"] = body.pop("external")
    return body
