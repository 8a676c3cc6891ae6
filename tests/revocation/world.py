"""A whole hub with a dataset, a client and a group for each race, and the persons who may end what was given."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.whole.conftest import PLAIN, WholeHub

_CAST = """
[[agency]]
code = "adm"
name = "Administration"
[[client]]
agency = "adm"
name = "admin"
roles = ["system", "authority", "auditor"]
[[client]]
agency = "adm"
name = "other"
roles = ["authority"]
[[agency]]
code = "dot"
name = "Transport"
[[client]]
agency = "dot"
name = "author"
roles = ["publisher", "reviewer"]
[[client]]
agency = "dot"
name = "second"
roles = ["publisher", "reviewer"]
[[agency]]
code = "ops"
name = "Operations"
{members}
[[source]]
key = "files"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/" }}
"""
_RACE = """
[[client]]
agency = "ops"
name = "{name}"
[[group]]
key = "{name}"
agencies = ["ops"]
[[dataset]]
key = "dot.{name}"
title = "Cases"
primary_key = ["id"]
{terms}
[[dataset.field]]
name = "id"
type = "integer"
sensitivity = "public"
[[dataset.field]]
name = "word"
type = "string"
sensitivity = "public"
[[stream]]
key = "{name}"
source = "files"
dataset = "dot.{name}"
select = {{ path = "{path}" }}
"""
_CONDITIONAL = """
class = "conditional"
conditions = "For a purpose"
reason = "Persons are named"
legal_basis = [{ title = "Cases Act", article = "3" }]
"""
_MEMBER = '[[agency.member]]\nemail = "{name}@ops.example"\nroles = []\n{more}'
_PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class World:
    """The hub and its tokens, by client."""

    hub: WholeHub
    tokens: Mapping[str, str]
    links: Mapping[str, str]

    def call(self, client: str, method: str, path: str, body: object = None) -> dict[str, Any]:
        """What the API answers ``client``; raises ``AssertionError`` where it refuses."""
        headers = {"Authorization": f"Bearer {self.tokens[client]}"}
        address = f"{self.hub.url}/api/v1/{path}"
        answer = httpx.request(method, address, json=body, headers=headers, timeout=30, verify=PLAIN)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def rule(self, name: str, target: str, party: str, **words: object) -> None:
        """Draft a rule that ``approve`` puts in force."""
        self.call("author", "POST", "rules", {"key": name, "target": target, "party": party, "reason": "So", **words})

    def approve(self, name: str) -> object:
        return self.call("second", "POST", f"rules/{name}/approve")

    def sign_in(self, name: str) -> dict[str, str]:
        """The cookies of a member who has followed the link and signed in."""
        email = f"{name}@ops.example"
        with httpx.Client(base_url=self.hub.url, follow_redirects=True, timeout=30) as browser:
            for path, form in (
                (self.links[email], {"password": _PASSWORD}),
                ("/sign-in", {"username": email, "password": _PASSWORD}),
            ):
                token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(path).text)
                if token is not None:
                    form["csrfmiddlewaretoken"] = token[1]
                    assert browser.post(path, data=form, headers={"Referer": self.hub.url}).is_success
            return dict(browser.cookies)

    def remove_member(self, name: str) -> None:
        """By a manifest, in a process of its own."""
        retired = _MEMBER.format(name=name, more="retire = true")
        apply(self.hub, f'[[agency]]\ncode = "ops"\nname = "Operations"\n{retired}')


def populate(
    hub: WholeHub, races: Mapping[str, int], *, conditional: tuple[str, ...], members: tuple[str, ...]
) -> World:
    """A dataset of so many rows for each name, loaded; ``members`` name those read by a person."""
    folder = hub.folder.parent / "files"
    for rows in set(races.values()):
        with (folder / f"{rows}.csv").open("w") as lines:
            lines.write("id,word\n")
            lines.writelines(f"{n},secret {n} {'x' * 80}\n" for n in range(1, rows + 1))
    people = "".join(_MEMBER.format(name=name, more="") for name in members)
    manifest = _CAST.format(folder=folder, members=people)
    for name, rows in races.items():
        terms = _CONDITIONAL if name in conditional else ""
        manifest += _RACE.format(name=name, path=f"{rows}.csv", terms=terms)
    said = apply(hub, manifest)
    clients = {"admin": "adm", "other": "adm", "author": "dot", "second": "dot"}
    tokens = {client: hub.token(agency, client) for client, agency in clients.items()}
    world = World(hub, tokens, dict(re.findall(r"(\S+@\S+) sets a password .*(/invitations/\S+)", said)))
    for name in races:
        world.call("author", "POST", f"streams/{name}/sync")
    until = time.monotonic() + 120
    while any(not world.call("author", "GET", f"runs?stream={name}&status=succeeded")["data"] for name in races):
        assert time.monotonic() < until
        time.sleep(0.2)
    return world


def apply(hub: WholeHub, manifest: str) -> str:
    path = Path(hub.folder.parent / "manifest.toml")
    path.write_text(manifest)
    return hub.manage("apply", str(path)).stdout
