"""The change feed: a copy that is kept by it is what its reader may see, and nothing is said that it does not need."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from hub.accounts.caller import HUB
from hub.accounts.commands import bump_epoch
from hub.accounts.models import Agency
from hub.audit.models import Event
from hub.catalog.commands import set_fields
from hub.catalog.models import Dataset, Field
from hub.errors import Conflict, Forbidden, Gone, Invalid
from hub.query import changes
from hub.query.params import ChangesQuery
from hub.store.models import Relation, Sight
from policies.models import Rule
from tests.feeds import Copy, load_rows

RuleMaker = Callable[..., Rule]
Rows = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def people(transactional_db: None) -> Dataset:
    owner = Agency.objects.create(code="dot", name="Transport")
    Agency.objects.create(code="ops", name="Operations")
    dataset = Dataset.objects.create(agency=owner, key="dot.people", title="P", status="published", primary_key=["id"])
    for number, name in enumerate(("id", "town", "ssn"), start=1):
        sensitivity = "personal" if name == "ssn" else "public"
        type_ = "integer" if name == "id" else "string"
        Field.objects.create(dataset=dataset, number=number, name=name, type=type_, sensitivity=sensitivity)
    return dataset


@pytest.fixture
def load(people: Dataset) -> Callable[..., Any]:
    """Load people by id: their towns, all with the same hidden cell unless it is given."""

    def loaded(towns: dict[int, str], mode: Any = "replace", ssn: str = "secret") -> None:
        load_rows(people, [{"id": id, "town": town, "ssn": ssn} for id, town in towns.items()], mode)

    return loaded


@pytest.fixture
def rule(people: Dataset) -> RuleMaker:
    def made(**values: object) -> Rule:
        values = {"target_dataset": people, "reason": "R", "author": "a", "approver": "b", **values}
        made = Rule.objects.create(key=f"rule-{Rule.objects.count()}", status="approved", **values)
        bump_epoch()
        return made

    return made


@pytest.fixture
def copy(people: Dataset) -> Copy:
    return Copy("ops", "dot.people")


def test_copy_follows_loads_from_the_beginning(load: Any, copy: Copy) -> None:
    assert copy.take_all() == []
    load({1: "a", 2: "b", 3: "c"})
    assert copy.take_all() == [("upsert", "1"), ("upsert", "2"), ("upsert", "3")]

    load({1: "a", 3: "x", 4: "d"})

    assert copy.take_all() == [("delete", "2"), ("upsert", "3"), ("upsert", "4")]
    assert copy.is_equal()


def test_row_is_told_once_in_its_present_form(load: Any, copy: Copy) -> None:
    load({1: "a", 2: "b"})
    copy.take_all()
    load({1: "x", 2: "b", 3: "c", 4: "d"})
    load({1: "y", 2: "x", 4: "e"})
    load({1: "z", 2: "b", 4: "f"})

    said = copy.take_all()

    assert said == [("upsert", "1"), ("upsert", "4")], "2 is as it was, 3 was never seen"
    assert copy.is_equal()


def test_what_changed_in_hidden_cells_alone_is_not_told(load: Any, copy: Copy) -> None:
    load({1: "a", 2: "b"})
    copy.take_all()
    load({1: "a", 2: "b"}, ssn="another")

    assert copy.take_all() == []
    assert len(Copy("dot", "dot.people").take_all()) == 2


def test_rows_that_were_never_visible_are_not_told(load: Any, copy: Copy, rule: RuleMaker) -> None:
    rule(effect="prohibit", filter="ssn = 'secret'")
    load({1: "a", 2: "b"})
    assert copy.take_all() == []
    load({1: "x"})

    assert copy.take_all() == []


def test_row_leaves_and_enters_by_its_own_change(load: Any, copy: Copy, rule: RuleMaker) -> None:
    rule(effect="prohibit", filter="town = 'no'")
    load({1: "a", 2: "no"})
    copy.take_all()
    load({1: "no", 2: "b"})

    assert copy.take_all() == [("delete", "1"), ("upsert", "2")]
    assert copy.is_equal()


def test_row_leaves_and_enters_by_a_change_of_policy(load: Any, copy: Copy, rule: RuleMaker) -> None:
    load({1: "a", 2: "no", 3: "no"})
    copy.take_all()
    prohibit = rule(effect="prohibit", filter="town = 'no'")
    load({1: "b", 2: "no", 4: "no"})
    assert copy.take_all() == [("upsert", "1"), ("delete", "2"), ("delete", "3")]

    Rule.objects.filter(pk=prohibit.pk).update(status="retired")
    bump_epoch()

    assert copy.take_all() == [("upsert", "2"), ("upsert", "4")]
    assert copy.is_equal()


def test_deletes_after_a_change_of_policy_name_only_what_was_seen(load: Any, copy: Copy, rule: RuleMaker) -> None:
    rule(effect="prohibit", filter="town = 'no'")
    load({1: "a", 2: "no"})
    copy.take_all()
    rule(effect="prohibit", filter="town = 'a'")

    assert copy.take_all() == [("delete", "1")]


def test_masks_come_and_go_as_upserts(load: Any, copy: Copy, rule: RuleMaker) -> None:
    load({1: "aa", 2: "ab"})
    copy.take_all()
    mask = rule(target_field="town", access={"kind": "partial", "head": 1, "tail": 0})
    assert copy.take_all() == [("upsert", "1"), ("upsert", "2")]
    load({1: "ab", 2: "bb"})
    assert copy.take_all() == [("upsert", "2")], "1 is a* as before"

    Rule.objects.filter(pk=mask.pk).update(status="retired")
    bump_epoch()

    assert copy.take_all() == [("upsert", "1"), ("upsert", "2")]
    assert copy.is_equal()


def test_fields_come_and_go(load: Any, copy: Copy, people: Dataset) -> None:
    load({1: "a"})
    copy.take_all()
    set_fields(actor=HUB, dataset=people, fields=[{"name": "age", "type": "integer", "sensitivity": "public"}])
    load({1: "a"})
    assert copy.take_all() == [("upsert", "1")]

    set_fields(actor=HUB, dataset=people, fields=[{"name": "age", "sensitivity": "personal"}])

    assert copy.take_all() == [("upsert", "1")]
    assert copy.rows == {"1": {"id": "1", "town": "a"}}


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_loads_and_rules_between_pages_lose_and_double_nothing(
    load: Any, copy: Copy, rule: RuleMaker, limit: int
) -> None:
    load({1: "a", 2: "b", 3: "c", 4: "d", 5: "e"})
    copy.take(limit)
    load({1: "x", 2: "b", 4: "y", 5: "e", 6: "f"})
    copy.take(limit)
    rule(effect="prohibit", filter="town = 'x'")
    copy.take(limit)
    load({2: "x", 4: "y", 5: "z"})
    copy.take_all(limit)

    assert copy.is_equal(), "and each change changed the copy"


def test_position_may_be_used_again(load: Any, copy: Copy) -> None:
    load({1: "a", 2: "b"})
    copy.take(1)
    before, rows = copy.since, dict(copy.rows)
    load({1: "a", 2: "x"})
    copy.take_all()
    copy.since, copy.rows = before, rows

    assert copy.take_all() == [("upsert", "2")]
    assert copy.is_equal()


def test_all_rows_go_and_come_back_in_a_new_table(load: Any, copy: Copy, people: Dataset) -> None:
    load({1: "a", 2: "b"})
    copy.take_all()
    load({})
    load({2: "b", 3: "c"})

    assert Relation.objects.get(dataset=people).generation > 2
    assert copy.take_all() == [("delete", "1"), ("upsert", "3")]
    assert copy.is_equal()


def test_appended_and_merged_rows_are_told(load: Any, copy: Copy) -> None:
    load({1: "a", 2: "b"})
    copy.take_all()
    load({3: "c"}, mode="append")
    load({1: "x", 4: "d"}, mode="merge")

    assert copy.take_all() == [("upsert", "1"), ("upsert", "3"), ("upsert", "4")]
    assert copy.is_equal()


def test_whose_key_is_hidden_or_missing_gets_the_same_answer(
    load: Any, copy: Copy, people: Dataset, rule: RuleMaker
) -> None:
    load({1: "a"})
    rule(target_field="id", access="hash")
    with pytest.raises(Conflict) as masked:
        copy.take()
    Rule.objects.all().delete()
    Dataset.objects.filter(pk=people.pk).update(primary_key=[])
    bump_epoch()
    with pytest.raises(Conflict) as without:
        copy.take()

    assert masked.value.code == without.value.code == "no-key"
    assert (masked.value.message, masked.value.hint) == (without.value.message, without.value.hint)


def test_permit_for_other_modes_gives_no_feed(load: Any, copy: Copy, people: Dataset, rule: RuleMaker) -> None:
    Dataset.objects.filter(pk=people.pk).update(sharing_class="conditional", reason="R")
    permit = rule(effect="permit", party_agency=Agency.objects.get(code="ops"), modes=["rows"])
    load({1: "a"})
    assert len(copy.seen()) == 1
    with pytest.raises(Forbidden):
        copy.take()

    Rule.objects.filter(pk=permit.pk).update(modes=["rows", "changes"])
    bump_epoch()

    assert copy.take_all() == [("upsert", "1")]


def test_position_of_another_reader_dataset_or_kind_is_refused(load: Any, copy: Copy) -> None:
    load({1: "a", 2: "b"})
    copy.take_all()
    for since in (copy.since, copy.since[:-3] + "abc", "x", "é"):
        with pytest.raises(Invalid) as refused:
            Copy("dot", "dot.people", since=since).take()
        assert refused.value.code == "cursor-invalid"


def test_position_whose_sight_or_version_is_gone_says_so(load: Any, copy: Copy, people: Dataset) -> None:
    load({1: "a"})
    copy.take_all()
    Relation.objects.filter(dataset=people).update(version=0)
    with pytest.raises(Gone) as restored:
        copy.take()
    Relation.objects.filter(dataset=people).update(version=1)
    Sight.objects.all().delete()
    with pytest.raises(Gone) as emptied:
        copy.take()

    assert restored.value.code == emptied.value.code == "position-gone"


def test_every_page_leaves_an_event_with_its_receipt(load: Any, copy: Copy) -> None:
    load({1: "a", 2: "b"})

    page = changes.read_changes(copy.caller, "dot.people", ChangesQuery(limit=1))

    event = Event.objects.get(kind="rows.changes")
    assert event.id == page.receipt
    assert (event.agency, event.actor, event.dataset) == ("ops", "ops/app", "dot.people")
    assert event.details == {"limit": 1, "since": False, "rows": 1}


def test_versions_are_found_by_an_index(load: Any, people: Dataset) -> None:
    load({1: "a"})
    load({1: "b"})
    relation = Relation.objects.get(dataset=people)

    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_indexes WHERE schemaname = 'data' AND indexdef LIKE '%%USING brin%%'")
        indexed = {f"data.{name}" for (name,) in cursor.fetchall()}

    assert {relation.table, relation.change_log} <= indexed


def test_key_that_is_written_otherwise_is_the_same_key(people: Dataset, copy: Copy) -> None:
    Field.objects.filter(dataset=people, name="id").update(type="decimal")
    load_rows(people, [{"id": "1.0", "town": "a"}, {"id": "2.50", "town": "b"}])
    assert copy.take_all() == [("upsert", "1"), ("upsert", "2.5")]

    load_rows(people, [{"id": "1.00", "town": "x"}])

    assert copy.take_all() == [("upsert", "1"), ("delete", "2.5")]
    assert copy.is_equal()
