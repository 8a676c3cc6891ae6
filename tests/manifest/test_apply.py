"""The hub as code: all of it or nothing, and nothing where nothing differs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.models import Source, Stream
from connectors.secrets import unseal
from hub.accounts.models import Agency, AgencyGroup, Client, Membership
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.errors import Invalid
from hub.manifest.apply import Report, apply_manifest
from hub.store.models import Index
from policies.models import Agreement, Rule

WHOLE = """
[[agency]]
code = "met"
name = "Weather"
name_zh = "气象"
parent = "state"
[[agency.member]]
email = "publisher@met.example"
roles = ["publisher"]
[[agency]]
code = "state"
name = "State"
[[group]]
key = "emergency"
agencies = ["met", "state"]
[[client]]
agency = "state"
name = "map"
external = true
[[source]]
key = "met-api"
agency = "met"
kind = "rest"
config = { url = "http://127.0.0.1:9001/", allow_loopback = true, auth = { kind = "bearer" } }
secrets = { token = "${env:MET_TOKEN}" }
[[dataset]]
key = "met.wind"
title = "Wind"
class = "conditional"
conditions = "For a purpose"
reason = "Sensors can be found by it"
legal_basis = [{ title = "Weather Act", article = "3" }]
primary_key = ["at"]
[[dataset.field]]
name = "at"
type = "datetime"
sensitivity = "public"
[[dataset.field]]
name = "speed"
type = "decimal"
min = 0
max = 200.5
codes = []
[[stream]]
key = "wind"
source = "met-api"
dataset = "met.wind"
select = { path = "wind", records = "data", since = "updated_since" }
mode = "merge"
cursor = "at"
overlap = "2 hours"
deleted = { column = "state", values = ["gone"] }
schedule = "*/15 * * * *"
contract = { max_rejects = "2%" }
[[rule]]
key = "wind-rounded"
target = "met.wind#speed"
party = "group:emergency"
access = { kind = "round", to = 5 }
reason = "Enough to plan by"
valid_to = 2030-01-01T00:00:00Z
[[agreement]]
key = "map-2026"
dataset = "met.wind"
agency = "state"
fields = { at = "clear", speed = { kind = "round", to = 10 } }
filter = "speed > 3"
purpose = "Storm map"
legal_basis = [{ title = "Weather Act", article = "4" }]
valid_to = 2030-01-01T00:00:00Z
[[team]]
agency = "met"
name = "wind-desk"
members = ["publisher@met.example"]
stewardships = [{ dataset = "met.wind", acts = ["edit", "load"] }, { rule = "wind-rounded", acts = ["review"] }]
"""
Apply = Callable[..., Report]


@pytest.fixture
def apply(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Apply:
    monkeypatch.setenv("MET_TOKEN", "very-secret")

    def applied(text: str, *, is_plan: bool = False, name: str = "hub.toml") -> Report:
        path = tmp_path / name
        path.write_text(text)
        return apply_manifest(path, is_plan=is_plan)

    return applied


def test_everything_is_made_published_and_in_force(apply: Apply) -> None:
    report = apply(WHOLE)

    dataset, rule = Dataset.objects.get(), Rule.objects.get()
    assert len(report.changes) == 12
    assert Agency.objects.get(code="met").parent == Agency.objects.get(code="state")
    assert Membership.objects.get().roles == ["publisher"]
    assert AgencyGroup.objects.get().agencies.count() == 2
    assert Client.objects.get().is_external
    assert unseal(*Source.objects.values_list("secrets", "pk").get()) == {"token": "very-secret"}
    assert (dataset.status, dataset.sharing_class, dataset.conditions) == ("published", "conditional", "For a purpose")
    assert list(dataset.fields.values_list("name", "minimum", "maximum")) == [("at", "", ""), ("speed", "0", "200.5")]
    assert Stream.objects.get().next_due_at is not None
    assert (rule.status, rule.access) == ("approved", {"kind": "round", "to": 5})
    assert Agreement.objects.get().filter == "speed > 3"
    assert list(report.links) == ["publisher@met.example"]


def test_second_time_nothing_changes_and_nothing_is_recorded(apply: Apply) -> None:
    apply(WHOLE)
    events = Event.objects.count()

    report = apply(WHOLE)

    assert report.changes == []
    assert Event.objects.count() == events


def test_plan_tells_the_same_and_changes_nothing(apply: Apply) -> None:
    plan = apply(WHOLE, is_plan=True)

    assert not Agency.objects.exists()
    assert not Event.objects.exists()
    assert plan.changes == apply(WHOLE).changes


def test_change_names_the_keys_and_the_digest_is_recorded(apply: Apply) -> None:
    apply(WHOLE)

    report = apply(WHOLE.replace('title = "Wind"', 'title = "Winds"').replace("max = 200.5", "max = 150"))

    assert [(change.act, change.name, change.what) for change in report.changes] == [
        ("change", "dataset met.wind", ("title", "field speed"))
    ]
    assert len(Event.objects.filter(kind="manifest.applied").latest("at").details["digest"]) == 64


def test_changed_secret_is_seen_and_never_told(apply: Apply, monkeypatch: pytest.MonkeyPatch) -> None:
    apply(WHOLE)
    monkeypatch.setenv("MET_TOKEN", "new-secret")

    report = apply(WHOLE)

    assert [(change.name, change.what) for change in report.changes] == [("source met-api", ("secrets",))]
    assert unseal(*Source.objects.values_list("secrets", "pk").get()) == {"token": "new-secret"}
    assert not any("secret" in str(event.details).replace("'secrets'", "") for event in Event.objects.all())


def test_retired_things_end_and_omitted_ones_stay(apply: Apply) -> None:
    apply(WHOLE)

    report = apply('[[rule]]\nkey = "wind-rounded"\nretire = true\n[[agreement]]\nkey = "map-2026"\nretire = true\n')

    assert [change.act for change in report.changes] == ["retire", "retire"]
    assert Rule.objects.get().status == "retired"
    assert Agreement.objects.get().ended_at is not None
    assert Dataset.objects.get().status == "published"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('class = "cond', 'clas = "cond', "dataset met.wind: clas: A dataset has no clas. Did you mean class?"),
        ('type = "decimal"', 'type = "float"', "dataset met.wind: fields[1].type: 'float' is no type;"),
        ('kind = "rest"', 'kind = "soap"', "source met-api: kind: There is no kind of source 'soap'."),
        ('source = "met-api"', 'source = "met"', "stream wind: source: There is no source met."),
        ('filter = "speed > 3"', 'filter = "sped > 3"', "agreement map-2026: filter: There is no field 'sped'"),
        (
            'access = { kind = "round", to = 5 }',
            'access = "blur"',
            "rule wind-rounded: access: 'blur' is not an access.",
        ),
        (
            'deleted = { column = "state"',
            'deleted = { colum = "state"',
            "stream wind: deleted: There is no setting colum.",
        ),
        (
            'overlap = "2 hours"',
            'overlap = "2"',
            "stream wind: overlap: The cursor at is of type datetime and takes a num",
        ),
        ('schedule = "*/15 * * * *"', 'schedule = "often"', "stream wind: schedule: 'often' is no schedule:"),
        ('secrets = { token = "${env:MET_TOKEN}" }', 'secrets = { token = "${env:NO}" }', "source: secrets: The env"),
        ('name = "Weather"', "name = 7", "agency met: name: This value is of the wrong type: int."),
        ('code = "state"', 'code = "State"', "agency State: code: 'State' is no agency code:"),
        ('roles = ["publisher"]', 'roles = ["king"]', "member publisher@met.example: roles: There is no role king;"),
    ],
)
def test_fault_changes_nothing_and_is_shown_by_line_and_key(apply: Apply, old: str, new: str, said: str) -> None:
    text = WHOLE.replace(old, new, 1)
    line = text[: text.index(new)].count("\n") + 1

    with pytest.raises(Invalid) as refused:
        apply(text)

    faults = [f"{fault.field}: {fault.message}" for fault in refused.value.errors]
    assert any(fault.startswith(f"hub.toml:{line}: {said}") for fault in faults), faults
    assert not Agency.objects.exists()
    assert "very-secret" not in str(faults)


def test_yaml_says_the_same_with_lines(apply: Apply) -> None:
    good = "agency:\n  - code: met\n    name: Weather\nclient:\n  - agency: met\n    name: map\n"

    report = apply(good, name="hub.yaml")
    with pytest.raises(Invalid) as refused:
        apply(good.replace("name: map", "nam: map"), name="hub.yaml")

    assert [change.name for change in report.changes] == ["agency met", "client met/map"]
    assert ("hub.yaml:6", "client met/?: nam: A client has no nam. Did you mean name?") in [
        (fault.field, fault.message) for fault in refused.value.errors
    ]


@pytest.mark.parametrize("text", ["[[agency]\n", 'a = """\n', "[[agency]]\ncode = 'x'\ncode = 'y'\n"])
def test_what_is_no_toml_is_refused_with_its_line(apply: Apply, text: str) -> None:
    with pytest.raises(Invalid, match=r"hub\.toml: .*line \d|hub\.toml: .*end of document"):
        apply(text)


def test_lines_are_right_behind_values_of_several_lines(apply: Apply) -> None:
    text = '[[agency]]\ncode = "met"\nname = """a\n[[b]]\nx = 1"""\n'
    text += '[[group]]\nkey = "g"\nagencies = [\n  "met",\n  "no",\n]\n'

    with pytest.raises(Invalid) as refused:
        apply(text)

    assert [fault.field for fault in refused.value.errors] == ["hub.toml:8"]


SHARED = """
[[source]]
key = "met-api"
agency = "state"
kind = "file"
config = { url = "file:///srv/" }
[[dataset]]
key = "state.roads"
title = "Roads"
primary_key = ["id"]
[[dataset.field]]
name = "id"
type = "integer"
[[stream]]
key = "wind"
source = "met-api"
dataset = "state.roads"
select = { path = "x.csv" }
[[rule]]
key = "wind-rounded"
target = "*"
party = "agency:met"
effect = "permit"
reason = "All of it"
[[agreement]]
key = "map-2026"
dataset = "state.roads"
agency = "met"
fields = { id = "clear" }
purpose = "Storm map"
valid_to = 2030-01-01T00:00:00Z
"""


def test_entry_means_its_owner_s_thing(apply: Apply) -> None:
    report = apply(WHOLE + SHARED)

    assert len(report.changes) == 12 + 5
    assert apply(WHOLE + SHARED).changes == []
    assert {rule.full_key for rule in Rule.objects.all()} == {"met::wind-rounded", "::wind-rounded"}
    assert {agreement.full_key for agreement in Agreement.objects.all()} == {"met::map-2026", "state::map-2026"}
    assert {(str(stream.owner), str(stream.source.agency)) for stream in Stream.objects.all()} == {
        (str(agency), str(agency)) for agency in Agency.objects.all()
    }


def test_entry_by_its_key_alone_has_to_fit_one_thing(apply: Apply) -> None:
    apply(WHOLE + SHARED)

    with pytest.raises(Invalid) as refused:
        apply('[[rule]]\nkey = "wind-rounded"\nretire = true\n')
    apply('[[rule]]\nkey = "::wind-rounded"\nretire = true\n')
    apply('[[agreement]]\nkey = "map-2026"\ndataset = "met.wind"\nretire = true\n')

    assert "met::wind-rounded, ::wind-rounded" in refused.value.errors[0].message
    assert {rule.full_key: rule.status for rule in Rule.objects.all()} == {
        "met::wind-rounded": "approved",
        "::wind-rounded": "retired",
    }
    assert [agreement.full_key for agreement in Agreement.objects.filter(ended_at=None)] == ["state::map-2026"]


def test_thing_of_one_owner_stands_in_a_manifest_once(apply: Apply) -> None:
    twice = SHARED[SHARED.index("[[rule]]") : SHARED.index("[[agreement]]")]

    with pytest.raises(Invalid) as refused:
        apply(WHOLE + SHARED + twice)

    assert "twice" in refused.value.errors[0].message


def test_indexes_are_a_dataset_s_own_and_those_that_came_by_themselves_are_let_be(apply: Apply) -> None:
    def declared(*indexes: str) -> str:
        return (
            '[[agency]]\ncode = "state"\nname = "State"\n[[dataset]]\nkey = "state.roads"\ntitle = "Roads"\n'
            f"indexes = [{', '.join(indexes)}]\n"
            '[[dataset.field]]\nname = "id"\ntype = "integer"\n[[dataset.field]]\nname = "length"\ntype = "number"\n'
        )

    apply(declared('["length"]', '["-length", "id"]'))
    assert apply(declared('["-length", "id"]', '["length"]')).changes == []
    Index.objects.create(dataset=Dataset.objects.get(), fields=["id"], origin="measured")
    assert [change.what for change in apply(declared('["length", "id"]', '["length"]')).changes] == [("indexes",)]

    assert set(map(str, Index.objects.all())) == {"length,id", "length", "id"}
    with pytest.raises(Invalid) as refused:
        apply(declared('["width"]'))
    assert [(fault.field, fault.message) for fault in refused.value.errors] == [
        ("hub.toml:7", "dataset state.roads: indexes: There is no field width.")
    ]
    with pytest.raises(Invalid, match="1 fault"):
        apply(declared('"length"'))
