"""Every operator answers on every extreme behind every access, and means what it means in Python."""

import unicodedata
from collections.abc import Callable, Iterable, Mapping

import pytest
from django.db import connection

from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.predicates import FIELD_TYPES, FieldType, fold
from hub.query.door import RowsPage
from policies.access import CLEAR, Access, seen_type
from tests.totality.extremes import ACCESSES, FEW, IS_LONG, fitting, named
from tests.totality.questions import comparisons, questions

pytestmark = pytest.mark.django_db(transaction=True)

Mask = Callable[[Mapping[str, Access]], None]
Read = Callable[..., RowsPage]
Compare = Callable[[Mapping[str, FieldType], Iterable[str]], None]
_SPARSE = 5
"""Behind a mask that makes texts of all types, a field of another type gets each so-manieth question only."""


@pytest.mark.parametrize("access", ACCESSES, ids=named)
def test_every_operator_answers_on_every_extreme(
    extremes: Dataset, mask: Mask, compare: Compare, access: Access
) -> None:
    accesses = fitting(access)
    mask(accesses)
    types = _types(accesses)
    for name in accesses:
        asked = list(questions(name, types[name], is_thorough=IS_LONG or access == CLEAR))
        compare(types, asked if IS_LONG or types[name] == name else asked[::_SPARSE])


@pytest.mark.parametrize("access", ACCESSES if IS_LONG else FEW, ids=named)
def test_fields_are_compared_with_one_another(extremes: Dataset, mask: Mask, compare: Compare, access: Access) -> None:
    mask(fitting(access))
    types = _types(fitting(access))

    compare(types, comparisons(types))


@pytest.mark.parametrize("text", ["string = 'a\0'", "string LIKE '\0'", "\0", "string = '\ud800'", '"\0" = 1'])
def test_filter_with_what_no_text_can_hold_is_refused(dataset: Dataset, read: Read, text: str) -> None:
    with pytest.raises(Invalid):
        read(filter=text)


def test_every_character_folds_alike_in_python_and_in_sql(db: None) -> None:
    points = "SELECT n FROM generate_series(1, 1114111) n WHERE n NOT BETWEEN 55296 AND 57343"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT chr(n), lower(chr(n) COLLATE pg_c_utf8) FROM ({points}) p")
        folded = dict(cursor.fetchall())

    known = [character for character in folded if unicodedata.category(character) != "Cn"]
    assert {c: folded[c] for c in known if fold(c) != folded[c]} == {}


def _types(accesses: Mapping[str, Access]) -> dict[str, FieldType]:
    return {type_: seen_type(accesses.get(type_, CLEAR), type_) for type_ in FIELD_TYPES}
