"""The law as data: each file says all that the hub asks of a jurisdiction."""

from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

import policies.regime
from hub.errors import HubError
from policies.regime import Regime, regime_named

NAMES = sorted(path.stem for path in (Path(policies.regime.__file__).parent / "regimes").glob("*.toml"))


def test_there_is_a_default_and_a_first_law() -> None:
    assert NAMES == ["cn-809", "default"]


@pytest.mark.parametrize("name", NAMES)
def test_regime_speaks_of_every_class_restriction_and_clock(name: str) -> None:
    regime = regime_named(name)

    assert {field.name for field in fields(Regime)} == {
        *("name", "title", "sharing_classes", "citations", "working_days"),
        *("review_after", "use_records_kept", "supplement_restarts"),
    }
    assert set(regime.sharing_classes) == {"unconditional", "conditional", "closed"}
    assert set(regime.citations) == {"conditional", "closed", "firm", "prohibit", "secret"}
    assert set(regime.working_days) == {
        *("answer_unconditional", "answer_conditional", "answer_extension", "provide", "correct"),
        *("catalogue_update", "catalogue_update_extension", "catalogue_review"),
    }


def test_decree_809_has_its_own_clocks() -> None:
    regime = regime_named("cn-809")

    assert regime.working_days == {
        "answer_unconditional": 1,
        "answer_conditional": 10,
        "answer_extension": 10,
        "provide": 20,
        "correct": 10,
        "catalogue_update": 10,
        "catalogue_update_extension": 5,
        "catalogue_review": 2,
    }
    assert regime.citations["closed"] == ("law", "administrative regulation", "State Council decision")
    assert regime.use_records_kept >= timedelta(days=3 * 365)
    assert regime.supplement_restarts is False


def test_restriction_that_a_regime_does_not_know_needs_a_law() -> None:
    regime = regime_named("default")

    assert regime.needs_citation("unheard-of")
    assert regime.needs_citation("closed")
    assert not regime.needs_citation("prohibit")


@pytest.mark.parametrize("name", ["", "none", "../regimes/default", "default.toml"])
def test_unknown_regime_is_told(name: str) -> None:
    with pytest.raises(HubError) as refused:
        regime_named(name)

    assert (refused.value.code, refused.value.hint) == ("regime-unknown", "HUB_REGIME: cn-809, default.")
