"""A search finds every dataset whose words hold what is looked for, and no other, by the index as without it."""

from collections.abc import Iterator
from random import Random

import pytest
from django.db import connection

from hub.accounts.models import Agency
from hub.catalog.models import Dataset, Wording
from hub.query.search import COMMON, Mentioning

TEXTS = ("Air quality", "空气质量监测", "Straße über 50%_\\d", 'it\'s "quoted" \\ & | ! :*', "ΑΘΗΝΑ Афины", "a", "")


@pytest.fixture
def datasets(db: None) -> list[Dataset]:
    """More than are common, of two owners; each has one of the texts in each of its places."""
    owners = [
        Agency.objects.create(code="dot", name="Transport", name_zh="交通局"),
        Agency.objects.create(code="met", name="Weather Office"),
    ]
    return [_made(owners[number % 2], number) for number in range(2 * COMMON + 5)]


def _made(owner: Agency, number: int, **values: str) -> Dataset:
    dice = Random(number)
    texts = {name: dice.choice(TEXTS) for name in ("title", "title_zh", "description", "description_zh")}
    keywords = dice.sample(TEXTS, 2)
    return Dataset.objects.create(agency=owner, key=f"{owner.code}.d{number}", keywords=keywords, **{**texts, **values})


def _places(dataset: Dataset) -> Iterator[str]:
    yield from (dataset.key, dataset.title, dataset.title_zh, dataset.description, dataset.description_zh)
    yield from (*dataset.keywords, dataset.agency.name, dataset.agency.name_zh)


def _upper(text: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT upper(%s)", [text])
        return str(cursor.fetchone()[0])


def _found(q: str) -> set[str]:
    words = Mentioning(q)
    listed = set(words.among(Dataset.objects.all()).values_list("key", flat=True))
    for things in (words.among(Wording.objects.all()), words.throughout(Wording.objects.all())):
        assert set(things.values_list("dataset__key", flat=True)) == listed
    return listed


def test_finds_what_holds_every_word_in_any_place_script_and_case(datasets: list[Dataset]) -> None:
    folded = {dataset.key: [_upper(place) for place in _places(dataset)] for dataset in datasets}
    dice = Random(1)
    sizes = set()
    for _ in range(250):
        words = [_part(dice, datasets) for _ in range(dice.choice((1, 1, 2)))]

        found = _found(" ".join(dice.choice((word, _upper(word))) for word in words))

        wanted = [_upper(word) for word in words]
        expected = {key for key, places in folded.items() if all(any(w in p for p in places) for w in wanted)}
        assert found == expected, words
        sizes.add(len(found) >= COMMON)
    assert sizes == {True, False}


def _part(dice: Random, datasets: list[Dataset]) -> str:
    """A word from somewhere, whole or in part, or one that is nowhere."""
    words = " ".join(_places(dice.choice(datasets))).split()
    word = dice.choice(words)
    start = dice.randrange(len(word))
    return dice.choice((word[start : start + dice.randrange(1, 9)], word, word + "x"))


def test_follows_every_change_whoever_makes_it(datasets: list[Dataset]) -> None:
    one = datasets[0]
    assert _found("zeppelin") == _found("hovercraft") == set()

    Dataset.objects.filter(pk=one.pk).update(description="Zeppelins")
    Agency.objects.filter(code="met").update(name="Hovercraft Office")

    assert _found("zeppelin") == {one.key}
    assert _found("hovercraft") == {dataset.key for dataset in datasets if dataset.agency.code == "met"}
    one.delete()
    assert _found("zeppelin") == set()
    assert Wording.objects.count() == Dataset.objects.count()


def test_finds_words_in_texts_too_long_for_the_index(datasets: list[Dataset]) -> None:
    long = _made(datasets[0].agency, 900, description="lorem ipsum " * 2_000 + "zeppelin")
    assert _found("zeppelin") == _found("ipsum zepp") == {long.key}


def test_rare_words_are_looked_up_and_common_ones_met_on_the_way(datasets: list[Dataset]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; ANALYZE catalog_wording, catalog_dataset")
    assert "catalog_wording_threes" in Mentioning("zeppelin").among(Dataset.objects.all()).explain()
    assert "catalog_threes" not in str(Mentioning("d").among(Dataset.objects.all()).query)
    both = str(Mentioning("dot zeppelin").among(Dataset.objects.all()).query)
    assert both.count("catalog_threes") == 1


def test_words_of_many_are_looked_up_to_be_counted_but_not_those_of_most(datasets: list[Dataset]) -> None:
    Dataset.objects.filter(pk__in=[dataset.pk for dataset in datasets[:COMMON]]).update(description="Zeppelins")
    words = Mentioning("zeppelin")
    for things in (Dataset.objects.all(), Wording.objects.all()):
        assert "catalog_threes" not in str(words.among(things).query)
        assert "catalog_threes" in str(words.throughout(things).query)
        assert "catalog_threes" not in str(Mentioning("d").throughout(things).query)
