"""Patterns over paths."""

import pytest

from connectors.fetching.globs import fixed_part, leads_to, matches


@pytest.mark.parametrize(
    ("pattern", "fits", "others"),
    [
        ("*.csv", ["a.csv", "报.csv"], ["x/a.csv", "a.csv/x", "a.CSV"]),
        ("**/*.csv", ["a.csv", "x/a.csv", "x/y/a.csv"], ["x/a.txt"]),
        ("2024/**/d-?.csv", ["2024/d-1.csv", "2024/x/y/d-1.csv"], ["2023/d-1.csv", "2024/d-10.csv", "x/2024/d-1.csv"]),
        ("20[12]?/*", ["2014/a", "2024/b.csv"], ["2034/a", "2014/x/a"]),
        ("**", ["a", "x/y/z"], []),
        ("x/**/y/**/z.csv", ["x/y/z.csv", "x/1/y/2/z.csv", "x/y/y/z.csv"], ["x/z.csv", "y/x/z.csv"]),
    ],
)
def test_star_stays_within_a_name_and_two_stand_for_folders(pattern: str, fits: list[str], others: list[str]) -> None:
    assert [path for path in [*fits, *others] if matches(path, pattern)] == fits


def test_folder_is_looked_into_only_where_a_match_could_be_below() -> None:
    assert [folder for folder in ("a", "2024", "2024/x") if leads_to(folder, "2024/*.csv")] == ["2024"]
    assert [folder for folder in ("a", "a/b") if leads_to(folder, "**/*.csv")] == ["a", "a/b"]


def test_many_stars_take_no_longer_than_few() -> None:
    assert not matches("/".join("a" * 60), "/".join(["**", "a"] * 30) + "/b")


def test_what_every_match_begins_with() -> None:
    assert [fixed_part(pattern) for pattern in ("2024/x-*.csv", "a?b*", "plain", "**")] == ["2024/x-", "a", "plain", ""]
