"""What a process keeps: found again by its name, the longest unused goes first, and what was dropped is gone."""

from hub.query.kept import Kept


def test_thing_is_found_by_its_name_alone() -> None:
    kept: Kept[str] = Kept(2)
    kept.put("one", "1")
    kept.put("other", "2")

    assert (kept.get("one"), kept.get("other"), kept.get("none")) == ("1", "2", None)


def test_thing_that_was_not_used_for_longest_goes_first() -> None:
    kept: Kept[str] = Kept(2)
    kept.put("one", "1")
    kept.put("other", "2")
    kept.get("one")
    kept.put("third", "3")

    assert (kept.get("one"), kept.get("other"), kept.get("third")) == ("1", None, "3")


def test_dropped_thing_is_gone_and_the_others_stay() -> None:
    kept: Kept[str] = Kept(2)
    kept.put("one", "1")
    kept.put("other", "2")
    kept.drop("one")
    kept.drop("one")

    assert (kept.get("one"), kept.get("other")) == (None, "2")


def test_all_is_forgotten_at_once() -> None:
    kept: Kept[str] = Kept(2)
    kept.put("one", "1")
    Kept.forget()

    assert kept.get("one") is None
