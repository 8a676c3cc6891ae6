"""What a sample of a source's cells suggests: types, and personal data with what says so."""

import pytest

from connectors.infer import columns, personal_data

ID = "11010519491231002X"
"""The example of GB 11643-1999."""


@pytest.mark.parametrize(
    ("title", "values", "hint", "ground"),
    [
        ("身份证号", [], "id-number", "Its name holds '身份证'."),
        ("ownerPhone", [], "phone", "Its name holds 'Phone'."),
        ("e-mail", [], "email", "Its name holds 'e_mail'."),
        ("code", [ID, ID, "n/a", ID, ID], "id-number", "4 of 5 sample values are written like one."),
        ("contact", ["a@met.example", "b@met.example"], "email", "2 of 2 sample values are written like one."),
        ("nummer", ["13800138000", "+86 13800138000"], "phone", "2 of 2 sample values are written like one."),
        ("ref", ["4111111111111111"], "bank-account", "1 of 1 sample values are written like one."),
        ("code", ["110105194912310021"], "", ""),
        ("code", [ID, "a", "b"], "", ""),
        ("telegraph", ["x"], "", ""),
        ("code", [], "", ""),
    ],
)
def test_personal_data_is_recognised_with_its_ground(title: str, values: list[str], hint: str, ground: str) -> None:
    assert personal_data(title, values) == (hint, ground)


def test_ground_repeats_no_value() -> None:
    assert ID not in str(columns(["code"], [[ID]])[0])


def test_types_are_the_narrowest_and_codes_stay_text() -> None:
    row = ["007", "7", "7.50", "7e3", "true", "2026-01-31", "2026-01-31T10:00:00Z", "10:00", '{"a": 1}', "2026-02-30"]

    found = columns([f"c{place}" for place in range(len(row))], [row])

    assert [column.type for column in found] == [
        "string", "integer", "decimal", "number", "boolean", "date", "datetime", "time", "json", "string",
    ]  # fmt: skip
