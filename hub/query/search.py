"""Datasets by the words in their descriptions: rare words by an index, common ones along the order of the list."""

from typing import Final, TypeVar

from django.db.models import BooleanField, Count, F, Func, Q, QuerySet, Value
from django.db.models.functions import Upper

from hub.catalog.models import Dataset, Wording

SAMPLE: Final = 1_000
"""How many datasets are looked at, by their random ids, to see whether a word is common."""
COMMON: Final = SAMPLE // 50
"""Of those: words that this many hold are soon met on the way through any list, and costly to gather and sort."""


_Found = TypeVar("_Found", Dataset, Wording)


def mentioning(things: QuerySet[_Found], q: str) -> QuerySet[_Found]:
    """Datasets (or their wordings) whose description or owner's name holds every word of ``q``.

    Whole or as part of another, in any case. Takes a statement of its own to see whether the words are rare.
    """
    words, text = q.split(), "text" if things.model is Wording else "wording__text"
    for word in words and _to_look_up(words):
        things = things.filter(_may_hold(text, word))
    return things.filter(*(_holds(text, word) for word in words))


def _to_look_up(words: list[str]) -> list[str]:
    """The words to look up in the index: none where the sample holds all of them often enough, else the rare ones."""
    each = {str(number): Count("pk", filter=_holds("text", word)) for number, word in enumerate(words)}
    every = Count("pk", filter=Q(*(_holds("text", word) for word in words)))
    found = Wording.objects.order_by("pk")[:SAMPLE].aggregate(every=every, **each)
    if found["every"] >= COMMON:
        return []
    rare = [word for number, word in enumerate(words) if found[str(number)] < COMMON]
    return [word for word in rare or words if len(word) > 1 or not word.isascii()]


def _holds(text: str, word: str) -> Q:
    return Q(**{f"{text}__contains": Upper(Value(word))})


def _may_hold(text: str, word: str) -> Q:
    """By the index, which knows three characters at a time: never false where the text holds the word."""
    return Q(_MayHold(F(text), Value(word)))


class _MayHold(Func):
    template = "catalog_threes(%(expressions)s))"
    arg_joiner = ") @@ catalog_sought(upper("
    output_field = BooleanField()
