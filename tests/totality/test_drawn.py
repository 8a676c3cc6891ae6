"""Filters drawn at random over accesses drawn at random, a different one on each field."""

from collections.abc import Callable, Mapping
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.catalog.models import Dataset
from hub.predicates import FIELD_TYPES, FieldType
from policies.access import Access, seen_type
from tests.totality.extremes import ACCESSES, IS_LONG
from tests.totality.questions import comparisons, questions

pytestmark = pytest.mark.django_db(transaction=True)

masks = st.fixed_dictionaries(
    {type_: st.sampled_from([access for access in ACCESSES if access.fits(type_)]) for type_ in FIELD_TYPES}
)


@settings(
    max_examples=1000 if IS_LONG else 40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(accesses=masks, data=st.data())
def test_any_filter_answers_behind_any_accesses(
    extremes: Dataset,
    mask: Callable[[Mapping[str, Access]], None],
    compare: Callable[[Mapping[str, FieldType], list[str]], None],
    accesses: dict[str, Access],
    data: st.DataObject,
) -> None:
    types: dict[str, FieldType] = {name: seen_type(access, name) for name, access in accesses.items()}  # type: ignore[arg-type]
    tests = st.one_of(
        st.sampled_from(list(types)).flatmap(lambda name: st.sampled_from(_questions(name, types[name]))),
        st.sampled_from(list(comparisons(types))),
    )
    mask(accesses)

    assert compare(types, [data.draw(_combined(tests), label="filter") for _ in range(5)]) == {}


def _combined(tests: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    words = st.sampled_from(["AND", "OR"])
    return st.recursive(
        tests,
        lambda inner: st.one_of(
            inner.map(lambda one: f"NOT ({one})"),
            st.tuples(inner, words, inner).map(lambda parts: f"({parts[0]}) {parts[1]} ({parts[2]})"),
        ),
        max_leaves=4,
    )


@lru_cache
def _questions(name: str, type_: FieldType) -> list[str]:
    """Short ones, so that several together are within a filter's length."""
    return [text for text in questions(name, type_) if len(text.encode()) < 1500]
