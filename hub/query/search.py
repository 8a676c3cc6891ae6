"""Datasets by the words in their descriptions: rare words by an index, common ones along the order of the list."""

from functools import cached_property
from time import time
from typing import Final, TypeVar

from django.db.models import BooleanField, Count, F, Func, Q, QuerySet, Value
from django.db.models.functions import Upper

from hub.catalog.models import Dataset, Wording
from hub.query.kept import Kept

SAMPLE: Final = 1_000
"""How many datasets are looked at, by their random ids, to see whether a word is common."""
COMMON: Final = SAMPLE // 25
"""Of those: words that this many hold are soon met on the way through any list, and costly to gather and sort."""
FREQUENT: Final = SAMPLE // 5
"""Of those: where this many hold the words, to look through all is less work than to gather them by the index."""
_REMEMBERED_SECONDS: Final = 300
_samples: Final[Kept[dict[str, int]]] = Kept(1_000)

_Found = TypeVar("_Found", Dataset, Wording)


class Mentioning:
    """Datasets (or their wordings) whose description or owner's name holds every word of ``q``.

    Whole or as part of another, in any case. Takes a statement of its own to see which words are rare, which it
    remembers for some minutes.
    """

    def __init__(self, q: str) -> None:
        self._words = q.split()

    def among(self, things: QuerySet[_Found]) -> QuerySet[_Found]:
        """Those of ``things``, to be listed from some place on."""
        return self._holding(things, COMMON)

    def throughout(self, things: QuerySet[_Found]) -> QuerySet[_Found]:
        """Those of ``things``, to be counted from end to end."""
        return self._holding(things, FREQUENT)

    def _holding(self, things: QuerySet[_Found], common: int) -> QuerySet[_Found]:
        text = "text" if things.model is Wording else "wording__text"
        for word in self._to_look_up(common):
            things = things.filter(_may_hold(text, word))
        return things.filter(*(_holds(text, word) for word in self._words))

    def _to_look_up(self, common: int) -> list[str]:
        """The words for the index: none where the sample holds all of them often enough, else the rare ones."""
        if not self._words or self._sampled["every"] >= common:
            return []
        rare = [word for number, word in enumerate(self._words) if self._sampled[str(number)] < common]
        return [word for word in rare or self._words if len(word) > 1 or not word.isascii()]

    @cached_property
    def _sampled(self) -> dict[str, int]:
        """How many of the sample hold ``every`` word, and each by its number; it decides the way, not what is found."""
        name = (*self._words, time() // _REMEMBERED_SECONDS)
        sampled = _samples.get(name)
        if sampled is None:
            sampled = self._sample()
            _samples.put(name, sampled)
        return sampled

    def _sample(self) -> dict[str, int]:
        each = {str(number): Count("pk", filter=_holds("text", word)) for number, word in enumerate(self._words)}
        every = Count("pk", filter=Q(*(_holds("text", word) for word in self._words)))
        return Wording.objects.order_by("pk")[:SAMPLE].aggregate(every=every, **each)


def _holds(text: str, word: str) -> Q:
    return Q(**{f"{text}__contains": Upper(Value(word))})


def _may_hold(text: str, word: str) -> Q:
    """By the index, which knows three characters at a time: never false where the text holds the word."""
    return Q(_MayHold(F(text), Value(word)))


class _MayHold(Func):
    template = "catalog_threes(%(expressions)s))"
    arg_joiner = ") @@ catalog_sought(upper("
    output_field = BooleanField()
