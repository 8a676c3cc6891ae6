"""What is a filter and what is not, and where it goes wrong."""

import pytest

from hub.predicates import MAX_BYTES, MAX_DEPTH, FilterError, bind, names, parse, to_text

TYPES = {"a": "integer", "s": "string", "d": "decimal", "on": "date", "区": "string"}


@pytest.mark.parametrize(
    "text",
    [
        "a = 1",
        "A = 1 and s <> 'x''y'".replace("A", "a"),
        "NOT a IN (1, 2) OR (s LIKE 'a\\%_%' AND on >= DATE('2020-01-01'))",
        "区 = '浦东'",
        '"区" IS NOT NULL',
        "a BETWEEN -5 AND +7",
        "d = 333333333959500000 AND d < 9007199254740993",
        "CASEI(s) = CASEI('Ärger')",
    ],
)
def test_filter_is_read_and_written_down_again(text: str) -> None:
    tree = bind(parse(text), TYPES)  # type: ignore[arg-type]

    assert bind(parse(to_text(tree)), TYPES) == tree  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "filter-invalid"),
        ("a = ", "filter-invalid"),
        ("a = 1;", "filter-invalid"),
        ("a == 1", "filter-invalid"),
        ("a = 'x", "filter-invalid"),
        ("s LIKE 'x\\'", "filter-invalid"),
        ("s = 5", "filter-invalid"),
        ("a = 'five'", "filter-invalid"),
        ("on = DATE('2020-02-30')", "filter-invalid"),
        ("a = 1e400000", "filter-invalid"),
        ("s = '\0'", "filter-invalid"),
        ("a = (SELECT 1)", "filter-invalid"),
        ("pg_sleep(5) = 1", "filter-invalid"),
        ("b = 1", "unknown-field"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, code: str) -> None:
    with pytest.raises(FilterError) as refused:
        bind(parse(text), TYPES)  # type: ignore[arg-type]

    assert refused.value.code == code
    assert refused.value.message


def test_length_and_depth_are_bounded() -> None:
    for text in (
        "a = " + "1" * MAX_BYTES,
        "(" * (MAX_DEPTH + 1) + "a = 1" + ")" * (MAX_DEPTH + 1),
        "NOT " * 5000 + "a = 1",
    ):
        with pytest.raises(FilterError):
            parse(text)
    assert names(parse(" OR ".join(["a = 1"] * 500))) == {"a"}
