"""A filter's text is read once, and equal filters are one: so a decision need neither read nor compare them again."""

from hub.predicates import FieldType, bind, parse
from policies.facts import DatasetFacts, FieldFacts
from policies.view import FilterReader, reader_of

TYPES: tuple[tuple[str, FieldType], ...] = (("id", "integer"), ("name", "string"))


def test_a_filter_is_read_on_the_stored_types() -> None:
    reader = FilterReader(TYPES)

    tree = reader.read("id > 1")

    assert tree == bind(parse("id > 1"), dict(TYPES))
    assert reader.read("id > 1") is tree
    assert reader.read("id   >   1") is tree
    assert reader.read("id > 2") != tree


def test_a_filter_that_cannot_be_read_is_none_each_time() -> None:
    reader = FilterReader(TYPES)

    for text in ("", "id >", "gone = 1", "id = 'x'"):
        assert reader.read(text) is None
        assert reader.read(text) is None


def test_no_more_is_kept_than_the_most_and_what_is_being_decided() -> None:
    reader = FilterReader(TYPES, most=2)
    first, second = reader.read("id > 1"), reader.read("id > 2")

    reader.make_room()
    assert (reader.read("id > 1") is first, reader.read("id > 2") is second) == (True, True)
    reader.read("id > 3")
    reader.make_room()

    again = reader.read("id > 1")
    assert (again == first, again is first) == (True, False)
    assert reader.read("id  >  1") is again


def test_datasets_of_the_same_fields_share_what_was_read() -> None:
    fields = (FieldFacts("id", "integer"), FieldFacts("name", "string"))
    one, other = DatasetFacts("aa.d1", "aa", fields=fields), DatasetFacts("cc.d3", "cc", fields=fields)
    unlike = DatasetFacts("aa.d2", "aa", fields=(FieldFacts("id", "string"),))

    tree = reader_of(one)("id = 1")

    assert tree is not None
    assert reader_of(other)("id = 1") is tree
    assert reader_of(unlike)("id = 1") is None
