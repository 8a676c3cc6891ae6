"""Who looks after which thing: teams of its owner's members, kept by django-guardian. Nobody reads rows by it."""

from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

from django.apps import apps
from django.db.models import Model, QuerySet
from guardian.utils import get_group_obj_perms_model

from hub.accounts.caller import Caller
from hub.accounts.models import Team

Act = Literal["edit", "publish", "load", "review"]
ACTS: Final[tuple[Act, ...]] = get_args(Act)
STEWARDED: Final[Mapping[str, str]] = {
    "dataset": "catalog.dataset",
    "source": "connectors.source",
    "rule": "policies.rule",
}
"""What can be looked after. Each has a ``key``, an ``agency`` and, in its ``Meta``, the acts that there are on it."""


def acts_on(model: Any) -> Mapping[Act, str]:
    """The acts on such things, and guardian's names for them, such as ``load_dataset``."""
    named = {name for name, _ in model._meta.permissions}
    codenames: dict[Act, str] = {act: f"{act}_{model._meta.model_name}" for act in ACTS}
    return {act: codename for act, codename in codenames.items() if codename in named}


def stewardships(model: Any, caller: Caller) -> QuerySet[Any]:
    """What the teams that ``caller`` is in hold on things of ``model``: rows of a ``content_object`` and a permission.

    A person of several agencies is in the teams of the one for which it acts.
    """
    held = _kept_of(model).filter(group__team__agency__code=caller.agency)
    return held.filter(group__user__email=caller.email) if caller.email else held.none()


def is_steward(caller: Caller, thing: Model, act: Act | None = None) -> bool:
    """Whether a team of the caller's may do ``act``, or without one anything, with ``thing``."""
    names = acts_on(thing)
    wanted = list(names.values()) if act is None else [names[act]] if act in names else []
    held = stewardships(type(thing), caller).filter(content_object=thing, permission__codename__in=wanted)
    return held.exists()


def held_by(team: Team) -> Mapping[Any, tuple[Act, ...]]:
    """All things that a team looks after, kind by kind in the order of their keys, and what it may do with each."""
    held: dict[Any, set[str]] = {}
    for label in STEWARDED.values():
        rows = _kept_of(apps.get_model(label)).filter(group=team.group)
        for row in rows.select_related("content_object", "permission").order_by("content_object__key"):
            held.setdefault(row.content_object, set()).add(row.permission.codename)
    return {thing: tuple(act for act, name in acts_on(thing).items() if name in names) for thing, names in held.items()}


def stewardship_words(team: Team) -> list[dict[str, Any]]:
    """The same in the words of a manifest: ``[{"dataset": "dot.flights", "acts": ["load"]}]``."""
    return [{thing._meta.model_name: thing.key, "acts": list(acts)} for thing, acts in held_by(team).items()]


def _kept_of(model: Any) -> QuerySet[Any]:
    """The table with a direct key that the model has for this."""
    table: Any = get_group_obj_perms_model(model)
    return QuerySet(table)
