"""Datasets by the words in their descriptions: rare words by an index, common ones along the order of the list."""

from typing import Final

from django.db.models import BooleanField, Count, F, Func, Q, QuerySet, Value
from django.db.models.functions import Upper

from hub.catalog.models import Dataset, Wording

SAMPLE: Final = 1_000
"""How many datasets are looked at, by their random ids, to see whether a word is common."""
COMMON: Final = SAMPLE // 50
"""Of those: words that this many hold are soon met on the way through any list, and costly to gather and sort."""


def mentioning(datasets: QuerySet[Dataset], q: str) -> QuerySet[Dataset]:
    """Those whose description or owner's name holds every word of ``q``, whole or as part of another, in any case.

    Takes a statement of its own to see whether the words are rare.
    """
    words = q.split()
    holds = Q(*(Q(wording__text__contains=Upper(Value(word))) for word in words))
    telling = [word for word in words if len(word) > 1 or not word.isascii()]
    if telling and _are_rare(words):
        datasets = datasets.filter(*(_may_hold("wording__text", word) for word in telling))
    return datasets.filter(holds)


def _are_rare(words: list[str]) -> bool:
    held = Q(*(Q(text__contains=Upper(Value(word))) for word in words))
    counted: dict[str, int] = Wording.objects.order_by("pk")[:SAMPLE].aggregate(found=Count("pk", filter=held))
    return counted["found"] < COMMON


def _may_hold(text: str, word: str) -> Q:
    """By the index, which knows three characters at a time: never false where ``text`` holds the word."""
    return Q(_MayHold(F(text), Value(word)))


class _MayHold(Func):
    template = "catalog_threes(%(expressions)s))"
    arg_joiner = ") @@ catalog_sought(upper("
    output_field = BooleanField()
