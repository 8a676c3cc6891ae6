"""Registration: one person prepares, another publishes, and nothing changes in between."""

from collections.abc import Callable
from typing import Any

import pytest

from hub.accounts.caller import HUB, Caller
from hub.catalog.commands import (
    approve_dataset,
    edit_dataset,
    publish_dataset,
    register_dataset,
    retire_dataset,
    return_dataset,
    set_fields,
    submit_dataset,
)
from hub.catalog.models import Dataset, Field
from hub.errors import Invalid
from hub.store.models import Relation
from policies.commands import classify_dataset
from tests.cast import agency, faults, member, refusal, steward, traces

pytestmark = pytest.mark.django_db
FIELDS = [{"name": "id", "type": "integer"}, {"name": "tail", "type": "string", "sensitivity": "personal"}]
BASIS = [{"title": "Data Act", "article": "3"}]


@pytest.fixture
def publisher() -> Caller:
    return member("dot", "publisher")


@pytest.fixture
def reviewer() -> Caller:
    return member("dot", "reviewer")


@pytest.fixture
def draft(publisher: Caller) -> Dataset:
    return register_dataset(
        actor=publisher, agency=agency("dot"), key="dot.flights", title="Flights", fields=FIELDS, primary_key=["id"]
    )


@pytest.fixture
def published(draft: Dataset) -> Dataset:
    return publish_dataset(actor=HUB, dataset=draft)


def _register(**values: Any) -> Dataset:
    return register_dataset(**{"actor": HUB, "agency": agency("dot"), "key": "dot.x1", "title": "X", **values})


def _sensitivities(dataset: Dataset) -> dict[str, str]:
    return dict(Field.objects.filter(dataset=dataset).values_list("name", "sensitivity"))


def test_publisher_registers_a_draft_with_everything_said(publisher: Caller) -> None:
    made = register_dataset(
        actor=publisher,
        agency=agency("dot"),
        key="dot.flights",
        title="Flights",
        title_zh="航班",
        keywords=["air", "delay"],
        theme="transport",
        update_frequency="hourly",
        primary_key=["id", "at"],
        sensitivity="internal",
        fields=[
            {"name": "id", "type": "integer", "required": True, "min": 1, "max": 10, "codes": [1, 2]},
            {"name": "at", "type": "datetime", "required": False},
            {"name": "名字", "type": "string", "title": "Name", "pattern": "[A-Z]+", "sensitivity": "public"},
        ],
    )

    kept = Dataset.objects.get(pk=made.pk)
    assert (kept.status, kept.key, kept.title, kept.title_zh) == ("draft", "dot.flights", "Flights", "航班")
    assert (kept.keywords, kept.theme, kept.update_frequency) == (["air", "delay"], "transport", "hourly")
    assert list(kept.fields.values_list("number", "name", "type", "is_required", "sensitivity")) == [
        (1, "id", "integer", True, "internal"),
        (2, "at", "datetime", False, "internal"),
        (3, "名字", "string", False, "public"),
    ]
    first = kept.fields.get(name="id")
    assert (first.minimum, first.maximum, first.codes) == ("1", "10", ["1", "2"])


@pytest.mark.parametrize(
    ("code", "roles"), [("met", ("publisher",)), ("dot", ("requester",)), ("dot", ()), ("hub", ("authority",))]
)
def test_nobody_else_registers_or_changes(draft: Dataset, code: str, roles: tuple[str, ...]) -> None:
    other = member(code, *roles)

    assert refusal(register_dataset, actor=other, agency=agency("dot"), key="dot.mine", title="Mine") == "forbidden"
    assert refusal(edit_dataset, actor=other, dataset=draft, title="Mine") == "forbidden"
    assert refusal(set_fields, actor=other, dataset=draft, fields=[]) == "forbidden"
    assert refusal(submit_dataset, actor=other, dataset=draft) == "forbidden"
    assert Dataset.objects.get().title == "Flights"


@pytest.mark.parametrize("key", ["dot", "dot.", "met.x1", "dot.X1", "dot.1x", "dot.x", "dot.x1\n", "dot.a.b", ".x1"])
def test_key_is_refused_unless_it_is_the_agencys_and_plain(key: str) -> None:
    assert faults(_register, key=key) == [("key", "invalid")]


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"title": " "}, ("title", "required")),
        ({"title": None}, ("title", "invalid")),
        ({"title": "x" * 201}, ("title", "too-long")),
        ({"description": "a\0b"}, ("description", "invalid")),
        ({"theme": "x" * 61}, ("theme", "too-long")),
        ({"keywords": "air"}, ("keywords", "invalid")),
        ({"keywords": ["x" * 61]}, ("keywords", "too-long")),
        ({"update_frequency": "sometimes"}, ("update_frequency", "invalid")),
        ({"sensitivity": "secret"}, ("sensitivity", "invalid")),
        ({"secret": "yes"}, ("secret", "invalid")),
        ({"colour": "red"}, ("colour", "unknown")),
        ({"class": "closed"}, ("class", "unknown")),
        ({"primary_key": "id"}, ("primary_key", "invalid")),
        ({"primary_key": ["id"]}, ("primary_key", "unknown-field")),
        ({"primary_key": ["id", "id"], "fields": FIELDS}, ("primary_key", "duplicate")),
        ({"primary_key": ["j"], "fields": [{"name": "j", "type": "json"}]}, ("primary_key", "invalid")),
    ],
)
def test_description_is_refused_at_its_place(values: dict[str, Any], fault: tuple[str, str]) -> None:
    assert faults(_register, **values) == [fault]
    assert not Dataset.objects.exists()


def test_all_faults_are_told_at_once() -> None:
    told = faults(
        _register,
        key="met.x1",
        title="",
        fields=[{"name": "1x", "type": "text"}, {"name": "a", "type": "string"}, {"name": "a", "type": "string"}],
    )

    assert told == [
        ("key", "invalid"),
        ("title", "required"),
        ("fields[0].name", "invalid"),
        ("fields[0].type", "invalid"),
        ("fields[2].name", "duplicate"),
    ]


def test_key_is_taken_once() -> None:
    _register()

    assert refusal(_register) == "exists"


def test_discovered_dataset_names_its_key_before_its_fields() -> None:
    made = _register(discover=True, primary_key=["id"], sensitivity="internal")

    set_fields(actor=HUB, dataset=made, fields=[{"name": "id", "type": "integer"}, {"name": "x", "type": "string"}])
    set_fields(actor=HUB, dataset=made, fields=[{"name": "later", "type": "string"}])

    assert _sensitivities(made) == {"id": "internal", "x": "internal", "later": "unclassified"}


def test_fields_without_a_default_start_unclassified(draft: Dataset) -> None:
    assert _sensitivities(draft) == {"id": "unclassified", "tail": "personal"}


def test_setting_fields_adds_and_edits_and_never_renumbers(publisher: Caller, draft: Dataset) -> None:
    set_fields(
        actor=publisher,
        dataset=draft,
        fields=[{"name": "late", "type": "date"}, {"name": "tail", "title": "Tail number"}],
    )

    assert list(draft.fields.values_list("number", "name", "type", "title", "sensitivity")) == [
        (1, "id", "integer", "", "unclassified"),
        (2, "tail", "string", "Tail number", "personal"),
        (3, "late", "date", "", "unclassified"),
    ]


def test_setting_what_is_so_already_is_no_event(publisher: Caller, draft: Dataset) -> None:
    assert traces(lambda: set_fields(actor=publisher, dataset=draft, fields=FIELDS)) == ([], False)
    assert traces(lambda: set_fields(actor=publisher, dataset=draft, fields=[{"name": "id", "unit": "m"}])) == (
        ["dataset.fields-set"],
        True,
    )


def test_type_and_key_of_what_has_rows_stay(publisher: Caller, draft: Dataset) -> None:
    Relation.objects.create(dataset=draft, rows=1)
    retyped = [{"name": "tail", "type": "integer"}]

    assert faults(set_fields, actor=publisher, dataset=draft, fields=retyped) == [("fields[0].type", "has-rows")]
    assert faults(edit_dataset, actor=publisher, dataset=draft, primary_key=["tail"]) == [("primary_key", "has-rows")]

    Relation.objects.update(rows=0)
    set_fields(actor=publisher, dataset=draft, fields=retyped)
    edit_dataset(actor=publisher, dataset=draft, primary_key=["tail"])
    assert list(draft.fields.values_list("name", "type")) == [("id", "integer"), ("tail", "integer")]


def test_field_of_the_key_that_rows_lack_cannot_become_required(publisher: Caller, draft: Dataset) -> None:
    relation = Relation.objects.create(dataset=draft, rows=1, null_columns=["c1"])
    required = [{"name": "tail", "required": True}, {"name": "id", "required": True}]

    assert faults(set_fields, actor=publisher, dataset=draft, fields=required) == [("fields[1].required", "has-rows")]

    relation.null_columns = []
    relation.save()
    draft.refresh_from_db()
    set_fields(actor=publisher, dataset=draft, fields=required)
    assert list(draft.fields.values_list("name", "is_required")) == [("id", True), ("tail", True)]


def test_key_cannot_lose_its_order_to_a_new_type(publisher: Caller, draft: Dataset) -> None:
    told = faults(set_fields, actor=publisher, dataset=draft, fields=[{"name": "id", "type": "geometry"}])

    assert told == [("primary_key", "invalid")]


def test_one_submits_and_another_approves(publisher: Caller, reviewer: Caller, draft: Dataset) -> None:
    submit_dataset(actor=publisher, dataset=draft)
    assert traces(lambda: approve_dataset(actor=reviewer, dataset=draft)) == (["dataset.published"], True)

    kept = Dataset.objects.get()
    assert (kept.status, kept.submitter) == ("published", publisher.name)
    assert kept.published_at is not None


def test_whoever_submitted_does_not_approve(draft: Dataset) -> None:
    both = member("dot", "publisher", "reviewer")
    submit_dataset(actor=both, dataset=draft)

    assert refusal(approve_dataset, actor=both, dataset=draft) == "second-person"
    assert Dataset.objects.get().status == "submitted"


@pytest.mark.parametrize(
    ("code", "roles"), [("met", ("reviewer",)), ("dot", ("publisher",)), ("dot", ("requester",)), ("hub", ("system",))]
)
def test_nobody_else_reviews(draft: Dataset, publisher: Caller, code: str, roles: tuple[str, ...]) -> None:
    submit_dataset(actor=publisher, dataset=draft)
    other = member(code, *roles, email="other@city.example")

    assert refusal(approve_dataset, actor=other, dataset=draft) == "forbidden"
    assert refusal(return_dataset, actor=other, dataset=draft, note="Why?") == "forbidden"
    assert refusal(retire_dataset, actor=other, dataset=draft) == "forbidden"
    assert Dataset.objects.get().status == "submitted"


def test_authority_may_approve_anything(draft: Dataset, publisher: Caller) -> None:
    submit_dataset(actor=publisher, dataset=draft)

    assert approve_dataset(actor=member("hub", "authority"), dataset=draft).status == "published"


def test_nobody_but_the_hub_publishes_without_a_review(draft: Dataset) -> None:
    everything = member("dot", "publisher", "reviewer", "system", "authority", "auditor")

    assert refusal(publish_dataset, actor=everything, dataset=draft) == "forbidden"
    assert publish_dataset(actor=HUB, dataset=draft).status == "published"


def test_what_was_submitted_stays_as_it_was(draft: Dataset, publisher: Caller) -> None:
    second = member("dot", "publisher", "reviewer", email="second@dot.example")
    submit_dataset(actor=publisher, dataset=draft)
    opened = [{"name": "tail", "sensitivity": "public"}]

    refused = [
        refusal(edit_dataset, actor=second, dataset=draft, title="Other"),
        refusal(set_fields, actor=second, dataset=draft, fields=opened),
        refusal(classify_dataset, actor=second, dataset=draft, sharing_class="unconditional"),
        refusal(submit_dataset, actor=second, dataset=draft),
    ]

    assert refused == ["under-review"] * 4
    assert _sensitivities(draft) == {"id": "unclassified", "tail": "personal"}


def test_approval_is_of_what_stands_now_and_not_of_what_was_read(
    draft: Dataset, publisher: Caller, reviewer: Caller
) -> None:
    submit_dataset(actor=publisher, dataset=draft)
    stale = Dataset.objects.get()
    return_dataset(actor=reviewer, dataset=draft, note="The title says too little.")
    edit_dataset(actor=publisher, dataset=draft, title="All flights")

    assert refusal(approve_dataset, actor=reviewer, dataset=stale) == "conflict"
    kept = Dataset.objects.get()
    assert (kept.status, kept.title, kept.review_note) == ("draft", "All flights", "The title says too little.")


def test_returning_says_why(draft: Dataset, publisher: Caller, reviewer: Caller) -> None:
    submit_dataset(actor=publisher, dataset=draft)

    assert faults(return_dataset, actor=reviewer, dataset=draft, note=" ") == [("note", "required")]


def test_retired_dataset_is_changed_by_nobody(published: Dataset, publisher: Caller, reviewer: Caller) -> None:
    retire_dataset(actor=reviewer, dataset=published)

    assert refusal(edit_dataset, actor=publisher, dataset=published, title="Again") == "retired"
    assert refusal(submit_dataset, actor=publisher, dataset=published) == "retired"
    assert traces(lambda: retire_dataset(actor=reviewer, dataset=published)) == ([], False)


@pytest.mark.parametrize(
    "field",
    [
        {"name": "tail", "sensitivity": "public"},
        {"name": "id", "sensitivity": "internal"},
        {"name": "new", "type": "string", "sensitivity": "public"},
    ],
)
def test_showing_more_of_what_is_published_takes_a_reviewer(
    published: Dataset, publisher: Caller, reviewer: Caller, field: dict[str, str]
) -> None:
    assert refusal(set_fields, actor=publisher, dataset=published, fields=[field]) == "forbidden"
    assert _sensitivities(published) == {"id": "unclassified", "tail": "personal"}

    set_fields(actor=reviewer, dataset=published, fields=[field])
    assert _sensitivities(published)[field["name"]] == field["sensitivity"]


def test_publisher_adds_hidden_fields_and_hides_more(published: Dataset, publisher: Caller) -> None:
    fields = [{"name": "new", "type": "string"}, {"name": "id", "sensitivity": "sensitive"}]

    set_fields(actor=publisher, dataset=published, fields=fields)

    assert _sensitivities(published) == {"id": "sensitive", "tail": "personal", "new": "unclassified"}


def test_secret_dataset_needs_a_law_before_it_is_published(publisher: Caller, draft: Dataset) -> None:
    edit_dataset(actor=publisher, dataset=draft, secret=True)
    needed = [("legal_basis", "citation-required")]

    assert faults(submit_dataset, actor=publisher, dataset=draft) == needed
    assert faults(publish_dataset, actor=HUB, dataset=draft) == needed
    assert faults(classify_dataset, actor=publisher, dataset=draft, sharing_class="unconditional") == needed

    classify_dataset(actor=publisher, dataset=draft, sharing_class="unconditional", legal_basis=BASIS)
    assert submit_dataset(actor=publisher, dataset=draft).status == "submitted"


def test_published_dataset_becomes_secret_by_law_and_known_by_a_reviewer(
    published: Dataset, publisher: Caller, reviewer: Caller
) -> None:
    needed = [("legal_basis", "citation-required")]
    hiding = [{"name": "tail", "secret": True}]
    assert faults(edit_dataset, actor=publisher, dataset=published, secret=True) == needed
    bare = [("fields.tail.legal_basis", "citation-required")]
    assert faults(set_fields, actor=publisher, dataset=published, fields=hiding) == bare

    classify_dataset(actor=reviewer, dataset=published, sharing_class="unconditional", legal_basis=BASIS)
    edit_dataset(actor=publisher, dataset=published, secret=True)
    set_fields(actor=publisher, dataset=published, fields=[{**hiding[0], "legal_basis": BASIS}])

    telling = [{"name": "tail", "secret": False}]
    assert refusal(edit_dataset, actor=publisher, dataset=published, secret=False) == "forbidden"
    assert refusal(set_fields, actor=publisher, dataset=published, fields=telling) == "forbidden"
    assert edit_dataset(actor=reviewer, dataset=published, secret=False).is_secret is False


def test_stewards_do_what_their_team_holds_on_the_one_dataset(draft: Dataset, publisher: Caller) -> None:
    editor = steward("dot", "editor@dot.example", dataset=draft.key, acts=["edit"])
    submitter = steward("dot", "submitter@dot.example", dataset=draft.key, acts=["publish"])
    second = steward("dot", "second@dot.example", dataset=draft.key, acts=["review"])
    other = _register(key="dot.other", title="Other")

    assert edit_dataset(actor=editor, dataset=draft, title="Mine").title == "Mine"
    assert refusal(edit_dataset, actor=submitter, dataset=draft, title="Mine") == "forbidden"
    assert refusal(submit_dataset, actor=editor, dataset=draft) == "forbidden"
    assert submit_dataset(actor=submitter, dataset=draft).submitter == submitter.name
    assert refusal(approve_dataset, actor=submitter, dataset=draft) == "forbidden"
    assert approve_dataset(actor=second, dataset=draft).status == "published"
    for nobody in (editor, submitter, second):
        assert refusal(edit_dataset, actor=nobody, dataset=other, title="Mine") == "forbidden"
        assert refusal(retire_dataset, actor=nobody, dataset=other) == "forbidden"


@pytest.mark.parametrize(
    ("act", "kind", "is_deciding"),
    [
        (lambda actor, dataset: edit_dataset(actor=actor, dataset=dataset, title="New"), "dataset.edited", False),
        (lambda actor, dataset: edit_dataset(actor=actor, dataset=dataset, primary_key=[]), "dataset.edited", True),
        (lambda actor, dataset: submit_dataset(actor=actor, dataset=dataset), "dataset.submitted", True),
    ],
)
def test_each_change_is_recorded_and_decided_anew_where_it_matters(
    draft: Dataset, publisher: Caller, act: Callable[[Caller, Dataset], Any], kind: str, is_deciding: bool
) -> None:
    assert traces(lambda: act(publisher, draft)) == ([kind], is_deciding)


def test_fault_says_what_is_right() -> None:
    with pytest.raises(Invalid) as refused:
        _register(fields=[{"name": "a b", "type": "string"}])

    rule = "a letter, then letters, digits and single _, at most 60 characters"
    assert refused.value.errors[0].message == f"'a b' is no name of a field: {rule}."
