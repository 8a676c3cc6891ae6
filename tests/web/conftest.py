"""Two agencies, a dataset of the one, and browsers of their people."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client as Browser

from hub.accounts.caller import HUB
from hub.accounts.commands import create_agency, set_member
from hub.accounts.invitations import accept_invitation
from hub.accounts.models import Agency
from hub.catalog.commands import publish_dataset, register_dataset
from hub.catalog.models import Dataset
from hub.store.tables import ensure_relation

PASSWORD = "correct horse battery"
FIELDS = [
    {"name": "id", "type": "integer", "sensitivity": "public", "title": "Number", "title_zh": "编号"},
    {"name": "name", "type": "string", "sensitivity": "public"},
    {"name": "phone", "type": "string", "sensitivity": "personal"},
]
SignedIn = Callable[..., Browser]


@pytest.fixture
def wells(db: None) -> Dataset:
    """One dataset of ``water`` whose phone numbers must never be seen by ``city``."""
    water = create_agency(actor=HUB, code="water", name="Water Board", name_zh="水务局")
    create_agency(actor=HUB, code="city", name="City Hall")
    dataset = register_dataset(
        actor=HUB, agency=water, key="water.wells", title="Wells", title_zh="水井", fields=FIELDS, primary_key=["id"]
    )
    publish_dataset(actor=HUB, dataset=dataset)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {ensure_relation(dataset).table} (c1, c2, c3) VALUES (1, '<b>deep</b>', 'phone-555')"
        )
    return dataset


@pytest.fixture
def signed_in(wells: Dataset) -> SignedIn:
    """A browser of a new member of an agency."""

    def browser(agency: str, *roles: str) -> Browser:
        email = f"{'-'.join(roles) or 'nobody'}@{agency}.example"
        _, link = set_member(actor=HUB, agency=Agency.objects.get(code=agency), email=email, roles=roles)
        assert link is not None
        accept_invitation(link.rpartition("/")[2], PASSWORD)
        client = Browser()
        assert client.login(username=email, password=PASSWORD)
        return client

    return browser
