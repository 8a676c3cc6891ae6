"""Teams: who is in them, what they look after, and that nothing of it outlives its reasons."""

from typing import Any

import pytest
from guardian.utils import get_group_obj_perms_model

from connectors.commands import cancel_run, edit_source, register_source, register_stream, request_run
from connectors.models import Source, Stream
from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import end_team, make_team, remove_member, set_stewardships, set_team
from hub.accounts.models import Membership, Team
from hub.accounts.stewardship import is_steward, stewardship_words
from hub.audit.models import Event
from hub.catalog.commands import register_dataset
from hub.catalog.models import Dataset
from tests.cast import agency, faults, member, refusal, steward, traces


@pytest.fixture
def flights(db: None) -> Dataset:
    fields = [{"name": "id", "type": "integer"}]
    return register_dataset(actor=HUB, agency=agency("dot"), key="dot.flights", title="Flights", fields=fields)


@pytest.fixture
def source(flights: Dataset) -> Source:
    config = {"url": "http://127.0.0.1:9/", "allow_loopback": True}
    return register_source(actor=HUB, agency=flights.agency, key="dot-files", kind="file", config=config)


@pytest.fixture
def stream(flights: Dataset, source: Source) -> Stream:
    return register_stream(actor=HUB, key="s", source=source, dataset=flights, select={"path": "f.csv"})


def _team(**values: Any) -> Team:
    return make_team(actor=HUB, agency=agency("dot"), name="desk", **values)


def _held(thing: Any) -> int:
    return get_group_obj_perms_model(type(thing)).objects.filter(content_object=thing).count()


def test_team_holds_exactly_what_was_said_last(flights: Dataset, source: Source) -> None:
    team = _team(stewardships=[{"dataset": "dot.flights", "acts": ["review", "edit"]}])
    assert stewardship_words(team) == [{"dataset": "dot.flights", "acts": ["edit", "review"]}]

    wanted = [{"dataset": "dot.flights", "acts": ["load"]}, {"source": "dot-files", "acts": ["edit", "load"]}]
    set_stewardships(actor=HUB, team=team, stewardships=wanted)
    assert stewardship_words(team) == wanted

    set_stewardships(actor=HUB, team=team, stewardships=[])
    assert stewardship_words(team) == []
    said = Event.objects.filter(kind="steward.set", dataset="dot.flights").order_by("at")
    assert [event.details["acts"] for event in said] == [["edit", "review"], ["load"], []]


@pytest.mark.parametrize(
    "stewardship",
    [
        {"dataset": "met.wind", "acts": ["edit"]},
        {"dataset": "dot.nothing", "acts": ["edit"]},
        {"dataset": "dot.flights", "acts": []},
        {"dataset": "dot.flights", "acts": ["read"]},
        {"source": "dot-files", "acts": ["review"]},
        {"dataset": "dot.flights", "source": "dot-files", "acts": ["edit"]},
        {"acts": ["edit"]},
    ],
)
def test_stewardship_that_makes_no_sense_is_refused(source: Source, stewardship: dict[str, Any]) -> None:
    register_dataset(actor=HUB, agency=agency("met"), key="met.wind", title="Wind")
    team = _team()

    wrong = [{"dataset": "dot.flights", "acts": ["load"]}, stewardship]
    assert faults(set_stewardships, actor=HUB, team=team, stewardships=wrong) == [("stewardships", "invalid")]
    assert stewardship_words(team) == []


def test_who_is_in_a_team_belongs_to_its_agency(flights: Dataset) -> None:
    outsider, insider = member("met", email="a@met.example"), member("dot", email="b@dot.example")
    team = _team()

    wanted = [insider.email, outsider.email]
    assert faults(set_team, actor=HUB, team=team, members=wanted) == [("members", "invalid")]
    assert not team.group.user_set.exists()


def test_teams_are_the_administrators_to_give(flights: Dataset) -> None:
    team = _team()
    for somebody in (member("dot", "reviewer"), member("dot", "publisher"), member("met", "authority")):
        mine = [{"dataset": "dot.flights", "acts": ["edit"]}]
        assert refusal(make_team, actor=somebody, agency=team.agency, name="own") == "forbidden"
        assert refusal(set_team, actor=somebody, team=team, members=[somebody.email]) == "forbidden"
        assert refusal(set_stewardships, actor=somebody, team=team, stewardships=mine) == "forbidden"
        assert refusal(end_team, actor=somebody, team=team) == "forbidden"
    assert Team.objects.count() == 1


def test_stewardship_counts_only_in_the_agency_whose_team_it_is(flights: Dataset) -> None:
    here = steward("dot", "both@dot.example", dataset="dot.flights", acts=["edit"])
    elsewhere = member("met", email="both@dot.example")
    program = Caller(agency="dot", client="dot/both@dot.example")

    assert [is_steward(caller, flights, "edit") for caller in (here, elsewhere, program)] == [True, False, False]
    assert [is_steward(here, flights, act) for act in ("publish", "load", "review")] == [False] * 3
    assert is_steward(here, flights)


def test_who_leaves_the_agency_leaves_its_teams_for_good(flights: Dataset) -> None:
    gone = steward("dot", "gone@dot.example", dataset="dot.flights", acts=["edit"])
    remove_member(actor=HUB, membership=Membership.objects.get(user__email=gone.email))

    back = member("dot", email="gone@dot.example")
    assert not is_steward(back, flights, "edit")


def test_nothing_is_left_of_an_ended_team_or_a_deleted_thing(flights: Dataset, source: Source) -> None:
    both = [{"dataset": "dot.flights", "acts": ["edit"]}, {"source": "dot-files", "acts": ["edit"]}]
    team = _team(stewardships=both)
    source.delete()
    assert stewardship_words(team) == both[:1]

    end_team(actor=HUB, team=team)
    assert (_held(flights), Team.objects.count()) == (0, 0)


def test_each_change_is_told_and_decided_anew(flights: Dataset) -> None:
    team = _team()
    mine = [{"dataset": "dot.flights", "acts": ["edit"]}]

    assert traces(lambda: set_team(actor=HUB, team=team, members=[])) == (["team.set"], True)
    assert traces(lambda: set_stewardships(actor=HUB, team=team, stewardships=mine)) == (["steward.set"], True)
    assert traces(lambda: end_team(actor=HUB, team=team)) == (["team.ended"], True)


def test_steward_of_a_source_changes_it_and_starts_its_runs(stream: Stream) -> None:
    editor = steward("dot", "editor@dot.example", source="dot-files", acts=["edit"])
    loader = steward("dot", "loader@dot.example", source="dot-files", acts=["load"])
    config = {**stream.source.config, "url": "http://127.0.0.1:10/"}

    assert refusal(edit_source, actor=loader, source=stream.source, config=config) == "forbidden"
    assert edit_source(actor=editor, source=stream.source, config=config).config == config
    assert refusal(request_run, actor=editor, stream=stream) == "forbidden"
    run = request_run(actor=loader, stream=stream)
    assert refusal(cancel_run, actor=editor, run=run) == "forbidden"
    assert cancel_run(actor=loader, run=run).status == "cancelled"


def test_steward_for_loading_brings_rows_into_that_dataset_alone(stream: Stream, source: Source) -> None:
    loader = steward("dot", dataset="dot.flights", acts=["load"])
    other = register_dataset(actor=HUB, agency=agency("dot"), key="dot.other", title="Other", fields=[])
    elsewhere = register_stream(actor=HUB, key="o", source=source, dataset=other, select={"path": "o.csv"})

    assert request_run(actor=loader, stream=stream).status == "queued"
    assert refusal(request_run, actor=loader, stream=elsewhere) == "forbidden"
    assert refusal(edit_source, actor=loader, source=source, config=source.config) == "forbidden"
