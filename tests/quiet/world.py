"""A whole hub, made as hubs are made: a manifest is applied, its files are read, and others go about their work."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from django.core.management import call_command
from django.db import connection
from django.db.models import QuerySet
from django.test import Client as Browser

from connectors.models import Run, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB, Caller
from hub.accounts.commands import issue_token
from hub.accounts.models import Agency, Client, Epoch, Membership, Team, Token, User
from hub.accounts.queries import caller_for_user, caller_named
from hub.audit.models import Event
from hub.catalog.models import Dataset
from hub.manifest.apply import apply_manifest
from hub.query.explaining import explained_as
from hub.query.kept import Kept
from hub.store.models import Relation
from policies.commands import apply_for, draft_rule
from policies.facts import Party
from policies.models import Application
from tests.quiet.hidden import MARKS, Hidden
from tests.quiet.manifest import END, Shape, manifest
from tests.quiet.rows import write_rows


@dataclass
class World:
    """The hub in the database; ``tokens`` are those of ``ops``, by its clients' names."""

    folder: Path
    hidden: Hidden
    shape: Shape
    seed: int
    tokens: dict[str, str]

    def client(self, name: str) -> Browser:
        """Whoever calls with the token of a client."""
        return Browser(headers={"Authorization": f"Bearer {self.tokens[name]}"})

    def member(self, name: str) -> Browser:
        """A browser in which a person is signed in."""
        browser = Browser()
        browser.force_login(User.objects.get(email=f"{name}@ops.example"))
        return browser

    def ids(self) -> dict[str, list[str]]:
        """By list, the id of a thing that is hidden from ``ops``, of up to two of its own, and of none."""
        nobody = "00000000-0000-4000-8000-000000000000"
        hidden = {
            "runs": Run.objects.filter(stream__dataset__key="dot.flights"),
            "tokens": Token.objects.filter(client__agency__code="met"),
            "clients": Client.objects.filter(agency__code="dot"),
            "teams": Team.objects.filter(agency__code="dot"),
            "events": Event.objects.filter(kind="agreement.made"),
            "applications": Application.objects.filter(agency__code="met", dataset__key="dot.cases"),
        }
        own = {
            "runs": Run.objects.filter(stream__dataset__key="ops.own"),
            "tokens": Token.objects.filter(client__name="reader"),
            "clients": Client.objects.filter(name="reader"),
            "teams": Team.objects.filter(agency__code="ops"),
            "events": Event.objects.filter(dataset="ops.own", kind="rows.read"),
            "applications": Application.objects.exclude(agency__code="met", dataset__key="dot.cases").order_by(
                "submitted_at"
            ),
        }
        return {name: [*_first(1, hidden[name]), *_first(2, own[name]), nobody] for name in hidden}

    def load_again(self, hidden: Hidden | None) -> None:
        """The next run of every stream; ``hidden`` draws all hidden cells and rows anew, None leaves them."""
        if hidden is not None:
            write_rows(self.folder, self.shape, hidden, self.seed)
        _sync()
        _draw_ties_alike(Relation.objects.filter(dataset__primary_key=[]))


def _first(count: int, things: QuerySet[Any]) -> list[str]:
    return [str(pk) for pk in things.values_list("pk", flat=True)[:count]]


def make_world(folder: Path, mark: str, seed: int) -> World:
    """Empty the database and make the hub whose hidden things bear ``mark``; what is seen depends on ``seed`` alone."""
    empty()
    hidden = Hidden(mark, seed)
    shape = Shape(hidden)
    folder.mkdir(exist_ok=True)
    file = folder / "manifest.yaml"
    file.write_text(yaml.safe_dump(manifest(shape), sort_keys=False, allow_unicode=True))
    apply_manifest(file)
    Epoch.objects.filter(pk=1).update(value=1_000)
    write_rows(folder, shape, hidden, seed)
    _sync()
    _draw_ties_alike(Relation.objects.all())
    tokens = {name: issue_token(actor=HUB, client=_client("ops", name))[1] for name in ("reader", "desk")}
    _let_others_work(hidden)
    return World(folder, hidden, shape, seed, tokens)


def empty() -> None:
    """No row, no table of a dataset, and every sequence at its beginning."""
    call_command("flush", verbosity=0, interactive=False)
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'data'")
        for (table,) in cursor.fetchall():
            cursor.execute(f"DROP TABLE {table}")
    Epoch.objects.get_or_create(pk=1)
    Kept.forget()


def _sync() -> None:
    for stream in Stream.objects.order_by("dataset__key"):
        run = Run.objects.create(stream=stream)
        carry_out(run.pk)
        run.refresh_from_db()
        assert (run.status in ("succeeded", "partial"), run.error_message) == (True, ""), stream.key


def _draw_ties_alike(relations: QuerySet[Relation]) -> None:
    """The random numbers that order rows without a visible key, the same for rows that look the same.

    A row keeps its number as long as it has its key; where there is no key only the rows of the last load are new.
    """
    with connection.cursor() as cursor:
        for relation in relations:
            label = relation.dataset.fields.filter(name="label").first()
            if label is not None:
                number = f"hashtextextended({label.column} || _v, 7)"
                cursor.execute(f"UPDATE {relation.table} SET _r = {number} WHERE _v = %s", [relation.version])


def _client(agency: str, name: str) -> Client:
    return Client.objects.select_related("agency").get(agency__code=agency, name=name)


def _let_others_work(hidden: Hidden) -> None:
    """Tokens, drafts, reads and questions of the other agencies."""
    for client in Client.objects.exclude(agency__code="ops").select_related("agency"):
        for _ in hidden.some(0, 3):
            issue_token(actor=HUB, client=client, lifetime=timedelta(days=hidden.draw.randint(1, 300)))
    for i in hidden.some(3, 5):
        words = {"key": f"{hidden.name('sketch')}{i}", "reason": hidden.text(), "party": "agency:ops"}
        draft_rule(actor=HUB, target="dot.flights", effect="prohibit", **words)
    station = Browser(
        headers={"Authorization": f"Bearer {issue_token(actor=HUB, client=_client('met', 'station'))[1]}"}
    )
    assert station.get("/api/v1/datasets/ops.own/rows", {"label": hidden.text()}).json()["data"] == []
    if hidden.mark == MARKS[1]:
        for key in ("dot.flights", "dot.empty"):
            station.get(f"/api/v1/datasets/{key}/rows")
    _let_agencies_apply(hidden)
    for dataset in Dataset.objects.filter(is_secret=True).select_related("agency"):
        explained_as(_publisher(dataset.agency), dataset, Party("agency", "ops"))


def _let_agencies_apply(hidden: Hidden) -> None:
    """What ``ops`` asks and is asked, and what others ask one another."""
    purposes = [("ops", "dot.cases", "Statistics"), ("met", "ops.own", "Forecasts")]
    purposes += [("met", "dot.cases", hidden.text()) for _ in hidden.some(1, 3)]
    actors = {"ops": caller_named("ops", "head@ops.example"), "met": caller_named("met", "met/station")}
    for agency, key, purpose in purposes:
        actor, fields = actors[agency], {"id": "clear"}
        assert actor is not None
        dataset = Dataset.objects.select_related("agency").get(key=key)
        apply_for(actor=actor, dataset=dataset, valid_to=END, purpose=purpose, fields=fields)


def _publisher(agency: Agency) -> Caller:
    place = Membership.objects.filter(agency=agency, roles=["publisher"]).select_related("user").order_by("pk").first()
    assert place is not None
    caller = caller_for_user(place.user, agency.code)
    assert caller is not None
    return caller
