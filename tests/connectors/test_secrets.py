"""Secrets at rest: bound to their row, under keys that can be changed, and nowhere in a dump."""

import base64
import json
from collections.abc import Callable
from importlib import import_module
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from connectors.commands import register_source
from connectors.models import Source
from connectors.secrets import fresh_key, seal, unseal
from hub.accounts.caller import HUB
from hub.audit.models import Event
from hub.errors import Unavailable
from tests.cast import agency

CANARY = "canary-7f3d-密钥"
Registered = Callable[[str], Source]


@pytest.fixture
def registered(db: None) -> Registered:
    met = agency("met")

    def source(key: str) -> Source:
        config, secrets = {"url": "https://api.example/"}, {"token": f"{CANARY} {key}"}
        return register_source(actor=HUB, key=key, agency=met, kind="rest", config=config, secrets=secrets)

    return source


def token_of(key: str) -> str:
    source = Source.objects.get(key=key)
    return unseal(source.secrets, source.pk)["token"]


def rotate() -> str:
    said = StringIO()
    call_command("secrets", "rotate", stdout=said)
    return said.getvalue()


def test_row_holds_nothing_readable_and_opens_for_itself_alone(registered: Registered) -> None:
    first, other = registered("first"), registered("other")

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(s::text, '') || string_agg(encode(s.secrets, 'escape'), '') FROM connectors_source s"
        )
        (dumped,) = cursor.fetchone()
    assert "canary" not in dumped
    assert token_of("first") == f"{CANARY} first"
    Source.objects.filter(pk=other.pk).update(secrets=first.secrets)
    with pytest.raises(Unavailable, match="sealed"):
        token_of("other")


def test_same_secrets_are_sealed_differently_each_time(registered: Registered) -> None:
    source = registered("first")
    assert len({seal({"token": CANARY}, source.pk) for _ in range(100)}) == 100


@pytest.mark.parametrize("place", [0, 5, 20, -1])
def test_one_changed_bit_opens_nothing(registered: Registered, place: int) -> None:
    source = registered("first")
    changed = bytearray(source.secrets)
    changed[place] ^= 1

    with pytest.raises(Unavailable, match="sealed") as caught:
        unseal(bytes(changed), source.pk)
    assert "HUB_SECRETS_KEYS" in caught.value.hint


def test_rotation_without_an_older_key_changes_nothing_and_names_it(registered: Registered, settings: Settings) -> None:
    settings.HUB_SECRETS_KEYS = f"a:{fresh_key()}"
    before = registered("first").secrets
    settings.HUB_SECRETS_KEYS = f"b:{fresh_key()}"

    with pytest.raises(Unavailable, match="'a'"):
        rotate()
    assert bytes(Source.objects.get().secrets) == before
    assert not Event.objects.filter(kind="secrets.rotated").exists()


def test_rotation_goes_on_where_it_was_stopped(registered: Registered, settings: Settings) -> None:
    registered("own")
    settings.HUB_SECRETS_KEYS = older = f"a:{fresh_key()}"
    registered("older")
    settings.HUB_SECRETS_KEYS = f"b:{fresh_key()}, {older}"
    assert {token_of("own"), token_of("older")} == {f"{CANARY} own", f"{CANARY} older"}

    assert rotate().startswith("2 rows sealed anew; the key 'b'")
    assert rotate().startswith("0 rows")
    settings.HUB_SECRETS_KEYS = settings.HUB_SECRETS_KEYS.partition(",")[0]
    settings.SECRET_KEY = "another"

    assert {token_of("own"), token_of("older")} == {f"{CANARY} own", f"{CANARY} older"}
    assert Event.objects.filter(kind="secrets.rotated", subject="b").count() == 2
    assert not any("canary" in json.dumps(event.details) for event in Event.objects.all())


@pytest.mark.parametrize("given", ["a", ":" + "A" * 44, "own:" + "A" * 43 + "=", "a:AAAA", "a:no base64"])
def test_a_key_that_is_none_is_said_without_its_bits(settings: Settings, given: str, registered: Registered) -> None:
    settings.HUB_SECRETS_KEYS = given

    with pytest.raises(ImproperlyConfigured, match="Key number 1 of HUB_SECRETS_KEYS") as caught:
        registered("first")
    assert given.partition(":")[2] not in str(caught.value) or not given.partition(":")[2]


def test_printed_key_is_one(registered: Registered, settings: Settings) -> None:
    said = StringIO()
    call_command("secrets", "key", stdout=said)
    settings.HUB_SECRETS_KEYS = f"fresh:{said.getvalue().strip()}"

    assert bytes(registered("first").secrets).startswith(b"fresh\0")
    assert token_of("first") == f"{CANARY} first"


def test_migration_seals_anew_what_was_bound_to_nothing(registered: Registered, settings: Settings) -> None:
    source = registered("first")
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"source secrets").derive(settings.SECRET_KEY.encode())
    before = Fernet(base64.urlsafe_b64encode(key)).encrypt(json.dumps({"token": "from before"}).encode())
    Source.objects.filter(pk=source.pk).update(secrets=before)

    import_module("connectors.migrations.0013_sealed").seal_anew(apps, None)

    assert token_of("first") == "from before"
