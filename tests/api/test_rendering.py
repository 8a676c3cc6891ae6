"""Answers as JSON: exact numbers, moments in UTC, translations as they read, and no value without a form."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.utils.translation import gettext_lazy, override

from hub.api.rendering import FastJSONRenderer


def written(value: object) -> str:
    return FastJSONRenderer().render(value).decode()


def test_numbers_keep_every_digit() -> None:
    assert written([Decimal("1.50"), 2**63, Decimal("123456789012345678901234567890")]) == (
        "[1.50,9223372036854775808,123456789012345678901234567890]"
    )


def test_moments_and_texts_are_written_as_drf_writes_them() -> None:
    assert written({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "名": "报\n"}) == (
        '{"at":"2026-01-02T03:04:05Z","名":"报\\n"}'
    )


def test_translations_are_read_as_they_are_written() -> None:
    with override("zh-hans"):
        assert written(gettext_lazy("Yes")) == '"是"'


def test_no_content_is_no_body() -> None:
    assert written(None) == ""


def test_value_without_a_form_is_refused() -> None:
    with pytest.raises(TypeError, match="object has no form"):
        written(object())
