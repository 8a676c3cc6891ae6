"""``manage.py token``: tokens of clients, from the server's command line."""

import re
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand

from hub.accounts.caller import HUB
from hub.accounts.commands import DEFAULT_LIFETIME, issue_token, revoke_token
from hub.accounts.models import Client, Token
from hub.errors import NotFound

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _lifetime(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,5})([mhdw])", text)
    if match is None:
        raise ArgumentTypeError(f"{text!r} is no lifetime; write 90d, 12h, 30m or 4w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    help = "Create, list and revoke tokens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        create = acts.add_parser("create", help="write a new token, once, and nothing else")
        create.add_argument("--agency", required=True)
        create.add_argument("--client", required=True)
        create.add_argument("--scope", action="append", default=[], dest="scopes")
        create.add_argument("--agreement", default="")
        create.add_argument("--expires", type=_lifetime, default=DEFAULT_LIFETIME, help="such as 90d (default 365d)")
        listing = acts.add_parser("list", help="tokens without their secrets")
        listing.add_argument("--agency")
        revoke = acts.add_parser("revoke", help="end a token at once")
        revoke.add_argument("token", help="its id, as the list shows it")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        getattr(self, f"_{act}")(options)

    def _create(self, options: dict[str, Any]) -> None:
        found = Client.objects.select_related("agency").filter(agency__code=options["agency"], name=options["client"])
        client = found.first()
        if client is None:
            name = f"{options['agency']}/{options['client']}"
            raise NotFound(f"There is no client {name}.", hint="Declare it in a manifest: [[client]] agency, name.")
        _, secret = issue_token(
            actor=HUB,
            client=client,
            scopes=options["scopes"],
            agreement=options["agreement"],
            lifetime=options["expires"],
        )
        self.stdout.write(secret)

    def _list(self, options: dict[str, Any]) -> None:
        tokens = Token.objects.select_related("client__agency").order_by("client__agency__code", "created_at")
        if options["agency"]:
            tokens = tokens.filter(client__agency__code=options["agency"])
        for token in tokens:
            state = "revoked" if token.revoked_at else f"until {token.expires_at:%Y-%m-%d %H:%M}Z"
            scopes = " ".join(token.scopes) or "all"
            self.stdout.write(f"{token.pk}  {token.prefix}…  {token.client}  {scopes}  {state}")

    def _revoke(self, options: dict[str, Any]) -> None:
        try:
            token = Token.objects.select_related("client__agency").filter(pk=UUID(options["token"])).first()
        except ValueError:
            token = None
        if token is None:
            raise NotFound(f"There is no token {options['token']}.", hint="token list shows their ids.")
        revoke_token(actor=HUB, token=token)
        self.stdout.write(f"The token of {token.client} is revoked.")
