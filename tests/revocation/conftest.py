"""Readers of one dataset, and the persons who can take their right away; everything through the hub's own commands."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import connection

from hub.accounts import commands as accounts
from hub.accounts.caller import HUB, Caller
from hub.accounts.models import Client, Membership, Token
from hub.accounts.queries import caller_for_token, caller_for_user
from hub.catalog import commands as catalog
from hub.catalog.models import Dataset
from hub.errors import Unauthenticated
from hub.store.tables import ensure_relation
from tests.cast import agency, member

KEY = "dot.cases"
ROWS = 20_000
FIELDS = (
    {"name": "id", "type": "integer", "sensitivity": "public"},
    {"name": "word", "type": "string", "sensitivity": "public"},
)


@dataclass(frozen=True)
class Cast:
    """``dot`` owns the dataset; ``ops`` reads it through a client and a member."""

    dataset: Dataset
    client: Client
    token: Token
    secret: str
    membership: Membership = field(repr=False)

    def program(self) -> Caller:
        """The client as a request finds it; raises ``Unauthenticated``."""
        return _known(caller_for_token(self.secret))

    def remove_member(self) -> None:
        accounts.remove_member(actor=HUB, membership=self.membership)

    def person(self) -> Caller:
        return _known(caller_for_user(self.membership.user, "ops"))


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    owner = agency("dot")
    dataset = catalog.register_dataset(
        actor=HUB, agency=owner, key=KEY, title="Cases", fields=FIELDS, primary_key=["id"]
    )
    catalog.publish_dataset(actor=HUB, dataset=dataset)
    fill(dataset)
    client = accounts.create_client(actor=HUB, agency=agency("ops"), name="reader")
    token, secret = accounts.issue_token(actor=HUB, client=client)
    member("ops", email="reader@ops.example")
    return Cast(dataset, client, token, secret, Membership.objects.get(user__email="reader@ops.example"))


@pytest.fixture
def bump() -> Callable[[], object]:
    """A change that alters no decision on the dataset, and lets everyone decide again."""
    return lambda: accounts.set_group(actor=HUB, key="others", agencies=[])


def fill(dataset: Dataset) -> None:
    relation = ensure_relation(dataset)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {relation.table} (c1, c2) SELECT g, repeat('secret ', 10) || g FROM generate_series(1, %s) g",
            [ROWS],
        )


def _known(caller: Caller | None) -> Caller:
    if caller is None:
        raise Unauthenticated("Nobody known.")
    return caller
