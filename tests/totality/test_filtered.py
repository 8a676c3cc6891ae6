"""Every operator answers on every extreme behind every access, and means what it means in Python."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import pytest
from django.db import connection

from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.predicates import FIELD_TYPES, FieldType, fold
from hub.query.door import RowsPage
from hub.store.select.relation import SORTABLE
from policies.access import CLEAR, Access, seen_type
from tests.totality.extremes import ACCESSES, FEW, IS_LONG, REFUSED, STORED, fitting, named
from tests.totality.questions import comparisons, questions

pytestmark = pytest.mark.django_db(transaction=True)

Mask = Callable[[Mapping[str, Access]], None]
Read = Callable[..., RowsPage]
Compare = Callable[[Mapping[str, FieldType], Iterable[str]], dict[str, set[int]]]
_SPARSE = 7
"""Behind a mask that is one more of its shape or makes texts of all types, a field gets each so-manieth question."""


@pytest.mark.parametrize("access", ACCESSES, ids=named)
def test_every_operator_answers_on_every_extreme(
    extremes: Dataset, mask: Mask, compare: Compare, access: Access
) -> None:
    accesses = fitting(access)
    mask(accesses)
    types = _types(accesses)
    for n, name in enumerate(accesses):
        asked = list(questions(name, types[name], is_thorough=IS_LONG or access == CLEAR))
        is_all = IS_LONG or (types[name] == name and access in (*FEW, Access("redact"), Access("null")))
        assert compare(types, asked if is_all else asked[n % _SPARSE :: _SPARSE]) == {}


@pytest.mark.parametrize("access", ACCESSES if IS_LONG else FEW, ids=named)
def test_fields_are_compared_with_one_another(extremes: Dataset, mask: Mask, compare: Compare, access: Access) -> None:
    mask(fitting(access))
    types = _types(fitting(access))

    assert compare(types, comparisons(types)) == {}


@pytest.mark.parametrize("text", ["string = 'a\0'", "string LIKE '\0'", "\0", "string = '\ud800'", '"\0" = 1'])
def test_filter_with_what_no_text_can_hold_is_refused(dataset: Dataset, read: Read, text: str) -> None:
    with pytest.raises(Invalid):
        read(filter=text)


@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_equality_with_any_text_answers_or_is_refused(extremes: Dataset, read: Read, type_: FieldType) -> None:
    texts = {text for cells in (*STORED.values(), *REFUSED.values()) for text in cells} | {"\0", "a\0", "\ud800"}
    found = set()

    for text in texts:
        with suppress(Invalid):
            found |= {text} if read(**{type_: text}, properties="id").rows else set()

    assert (len(found) > 0) == (type_ in SORTABLE)
    assert found.isdisjoint({*REFUSED.get(type_, ())} - {"1e-400"})  # which asks for the nearest double, zero


@pytest.mark.parametrize("type_", ["json", "geometry"])
def test_documents_are_asked_for_null_alone_until_they_are_texts(
    extremes: Dataset, mask: Mask, read: Read, type_: FieldType
) -> None:
    asked = [*questions(type_, "string"), f"{type_} = {type_}", f"{type_} = 1", f"{type_} = TRUE"]
    compared = [text for text in asked if "IS" not in text]

    for text in compared:
        with pytest.raises(Invalid):
            read(filter=text)
    for param in ("sortby", type_):
        with pytest.raises(Invalid):
            read(**{param: type_})
    mask({type_: Access("partial", 1, 0)})
    assert read(filter=f"{type_} LIKE '{{*%'", sortby=type_, properties=type_).rows


@pytest.mark.parametrize("type_", FIELD_TYPES)
def test_hidden_field_is_asked_for_like_one_that_is_not_there(
    extremes: Dataset, mask: Mask, read: Read, type_: FieldType
) -> None:
    mask({type_: Access("hidden")})

    for ask in (_filtered, _sorted_by, _chosen, _equal):
        hidden, unknown = (_refusal(read, ask(name)) for name in (type_, "nothing"))
        assert hidden.replace(type_, "nothing") == unknown
    assert f'"{type_}":' not in read().rows


def _filtered(name: str) -> dict[str, str]:
    return {"filter": f'"{name}" IS NULL'}


def _sorted_by(name: str) -> dict[str, str]:
    return {"sortby": name}


def _chosen(name: str) -> dict[str, str]:
    return {"properties": name}


def _equal(name: str) -> dict[str, str]:
    return {name: "1"}


def _refusal(read: Read, params: dict[str, str]) -> str:
    with pytest.raises(Invalid) as refused:
        read(**params)
    return f"{refused.value.code} {refused.value.message} {refused.value.hint} {refused.value.errors}"


def test_every_character_folds_alike_in_python_and_in_sql(db: None) -> None:
    points = "SELECT n FROM generate_series(1, 1114111) n WHERE n NOT BETWEEN 55296 AND 57343"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT chr(n), lower(chr(n) COLLATE pg_c_utf8) FROM ({points}) p")
        folded = dict(cursor.fetchall())

    known = [character for character in folded if unicodedata.category(character) != "Cn"]
    assert {c: folded[c] for c in known if fold(c) != folded[c]} == {}


def _types(accesses: Mapping[str, Access]) -> dict[str, FieldType]:
    return {type_: seen_type(accesses.get(type_, CLEAR), type_) for type_ in FIELD_TYPES}
