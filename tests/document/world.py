"""A hub with something of every kind in it, made by a manifest, for whoever asks all that the document offers."""

from collections.abc import Mapping
from pathlib import Path

from connectors.models import Run, Stream
from connectors.runs.runner import carry_out
from hub.accounts.caller import HUB
from hub.accounts.commands import issue_token
from hub.accounts.models import Client
from hub.manifest.apply import apply_manifest
from hub.operations.tasks import tick

KEYS = ("dot.flights", "dot.planes", "dot.none")
_FIELDS = """
[[dataset.field]]
name = "id"
type = "integer"
sensitivity = "public"
[[dataset.field]]
name = "名字"
type = "string"
sensitivity = "public"
[[dataset.field]]
name = "delay"
type = "decimal"
sensitivity = "internal"
[[dataset.field]]
name = "at"
type = "datetime"
sensitivity = "public"
[[dataset.field]]
name = "ssn"
type = "string"
sensitivity = "personal"
"""
_MANIFEST = """
[[agency]]
code = "dot"
name = "Transport"
[[agency.member]]
email = "publisher@dot.example"
roles = ["publisher"]
[[client]]
agency = "dot"
name = "admin"
roles = ["publisher", "reviewer", "requester", "system", "authority", "auditor"]
[[agency]]
code = "ops"
name = "Operations"
[[client]]
agency = "ops"
name = "reader"
[[group]]
key = "emergency"
agencies = ["ops"]
[[source]]
key = "files"
agency = "dot"
kind = "file"
config = {{ url = "file://{folder}/" }}
[[dataset]]
key = "dot.flights"
title = "Flights"
primary_key = ["id"]
theme = "transport"
{fields}
[[dataset]]
key = "dot.planes"
title = "Planes"
primary_key = ["id"]
class = "conditional"
conditions = "For statistics"
reason = "Owners are named"
legal_basis = [{{ title = "Aviation Act", article = "12" }}]
{fields}
[[stream]]
key = "flights"
source = "files"
dataset = "dot.flights"
select = {{ path = "rows.csv" }}
[[stream]]
key = "planes"
source = "files"
dataset = "dot.planes"
select = {{ path = "rows.csv" }}
[[rule]]
key = "flights-name"
target = "dot.flights#名字"
party = "everyone"
access = {{ kind = "partial", head = 1, tail = 0 }}
reason = "Persons are named"
valid_to = 2099-01-01T00:00:00Z
[[agreement]]
key = "ops-planes"
dataset = "dot.planes"
agency = "ops"
fields = {{ id = "clear", delay = "clear" }}
purpose = "Fleet statistics"
legal_basis = [{{ title = "Aviation Act", article = "12" }}]
valid_to = 2099-01-01T00:00:00Z
"""


def make_world(folder: Path) -> Mapping[str, str]:
    """Fill the database; the tokens by party, of which a stranger has none."""
    rows = (f"{n},名{n},{n}.50,2020-01-01T00:00:0{n % 10}Z,secret-{n}" for n in range(1, 21))
    (folder / "rows.csv").write_text("\n".join(("id,名字,delay,at,ssn", *rows, "x,y,z,,")) + "\n")
    manifest = folder / "hub.toml"
    manifest.write_text(_MANIFEST.format(folder=folder, fields=_FIELDS))
    apply_manifest(manifest)
    for stream in Stream.objects.all():
        Stream.objects.filter(pk=stream.pk).update(contract={**stream.contract, "max_rejects": "100%"})
        carry_out(Run.objects.create(stream=stream).pk)
    tick()
    clients = {"administrator": "admin", "reader": "reader"}
    tokens = {party: issue_token(actor=HUB, client=Client.objects.get(name=name))[1] for party, name in clients.items()}
    return {**tokens, "stranger": ""}
