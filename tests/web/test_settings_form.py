"""A form made of a kind's JSON Schema gives back exactly the settings that it was filled with."""

from collections.abc import Mapping
from typing import Any

import pytest
from django.http import QueryDict

from connectors import registry
from hub.errors import Invalid
from hub.web.settings_form import inputs, settings

SETTINGS: list[tuple[str, Mapping[str, Any]]] = [
    ("postgres", {"host": "db.example", "port": 5433, "database": "d", "user": "u", "sslmode": "verify-full"}),
    ("rest", {"url": "https://a.example/", "auth": {"kind": "header", "name": "X-Key"}, "paging": {"kind": "page"}}),
    ("file", {"url": "https://a.example/", "headers": {"X-Key": "a: b", "Accept": "text/csv"}}),
    ("file", {"url": "https://a.example/", "allow_hosts": ["a.example", "10.0.0.0/8"], "allow_loopback": True}),
    ("singer", {"tap": "t", "settings": {"since": "2024-01-01", "deep": {"a": [1, True, None]}}}),
]


@pytest.mark.parametrize(("kind", "config"), SETTINGS)
def test_settings_come_back_as_they_were(kind: str, config: Mapping[str, Any]) -> None:
    schema = registry.load(kind).config_schema
    assert registry.faults(schema, config) == ()
    said = QueryDict(mutable=True)
    for one in inputs(schema, "config", config):
        if one.form != "group" and (one.form != "check" or one.value == "true"):
            said[one.place] = one.value

    assert settings(said, schema, "config") == config


def test_what_is_of_another_form_is_left_for_the_schema_to_refuse() -> None:
    schema = registry.load("postgres").config_schema
    said = QueryDict("config.host=h&config.port=many&config.database=d&config.user=u")

    read = settings(said, schema, "config")

    assert read["port"] == "many"
    assert [fault.field for fault in registry.faults(schema, read, "config")] == ["config.port"]


def test_secrets_without_names_of_their_own_are_pairs_and_a_line_that_is_none_is_refused() -> None:
    schema = registry.load("singer").secrets_schema

    assert settings(QueryDict("secrets=api_key: a:b%0Apassword:c"), schema, "secrets") == {
        "api_key": "a:b",
        "password": "c",
    }
    with pytest.raises(Invalid) as caught:
        settings(QueryDict("secrets=s3cret"), schema, "secrets")
    assert (caught.value.errors[0].field, "s3cret" in caught.value.message) == ("secrets", False)


def test_password_keeps_its_blanks() -> None:
    schema = registry.load("postgres").secrets_schema

    assert settings(QueryDict("secrets.password=+a+"), schema, "secrets") == {"password": " a "}
    assert settings(QueryDict("secrets.password="), schema, "secrets") == {}
