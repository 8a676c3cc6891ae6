"""Brings the hub to what a manifest declares: all of it or nothing, and nothing where nothing differs."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from django.db import transaction

from connectors.models import Source, Stream
from hub.accounts import commands as accounts
from hub.accounts.caller import HUB
from hub.accounts.keys import keyed
from hub.accounts.models import Agency, AgencyGroup
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.errors import FieldError, HubError, Invalid
from hub.manifest import making, things
from hub.manifest.reading import Entry, Fault, Manifest, read_manifest
from hub.manifest.schema import IDENTITY, ORDER, check_shape, name_of, owner_of
from policies.models import Agreement, Rule


@dataclass(frozen=True, slots=True)
class Change:
    """What was done, or would be, to one thing: ``make``, ``change`` or ``retire``; ``what`` names the keys."""

    act: str
    name: str
    what: tuple[str, ...] = ()


@dataclass(slots=True)
class Report:
    """All changes in the order they were made, and the links for people who have no password yet, by address."""

    changes: list[Change] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)


class _OnlyPlanned(Exception):
    """Takes back what was done to see what would be done."""


def apply_manifest(path: Path, *, is_plan: bool = False) -> Report:
    """Apply the file; with ``is_plan`` answer the same report and leave everything as it was.

    Raises ``Invalid`` with all faults found, each with file, line, thing and key; then nothing was changed.
    """
    manifest = read_manifest(path)
    _refuse(manifest, check_shape(manifest))
    work = _Work(Report())
    try:
        with transaction.atomic():
            faults = work.carry_out(manifest)
            _refuse(manifest, faults)
            if is_plan:
                raise _OnlyPlanned
            if work.report.changes:
                changes = [f"{change.act} {change.name}" for change in work.report.changes]
                record(actor=HUB, kind="manifest.applied", subject=path.name, digest=manifest.digest, changes=changes)
    except _OnlyPlanned:
        work.report.links.clear()
    return work.report


def _refuse(manifest: Manifest, faults: list[Fault]) -> None:
    if faults:
        lines = [f"{manifest.path.name}:{fault.line}: {fault.where}: {fault.message}" for fault in faults]
        errors = [FieldError(line.partition(": ")[0], "invalid", line.partition(": ")[2]) for line in lines]
        raise Invalid(
            f"{manifest.path.name} has {len(faults)} fault{'s' * (len(faults) > 1)}; nothing was changed.",
            code="manifest-invalid",
            errors=errors,
        )


@dataclass
class _Work:
    report: Report

    def carry_out(self, manifest: Manifest) -> list[Fault]:
        """Every entry in the order in which things refer to one another; answers the faults of all."""
        faults: list[Fault] = []
        for kind in ORDER:
            for entry in manifest.entries.get(kind, []):
                faults += self._tried(entry, _ENSURE[kind])
                for member in entry.inner.get("member", []):
                    faults += self._tried(member, partial(_Work._member, code=entry.table["code"]))
        for entry in manifest.entries.get("agency", []):
            faults += self._tried(entry, _Work._agency_rest)
        return faults

    def _tried(self, entry: Entry, ensure: "Callable[[_Work, Entry], None]") -> Iterator[Fault]:
        try:
            with transaction.atomic():
                ensure(self, entry)
        except HubError as error:
            yield from _faults(entry, error)

    def _agency(self, entry: Entry) -> None:
        if things.agency(entry.table["code"]) is None and not entry.table.get("retire"):
            making.make_agency(dict(entry.table))
            self._say("make", entry)

    def _agency_rest(self, entry: Entry) -> None:
        """What refers to other agencies, once all are there."""
        thing = things.agency(entry.table["code"])
        if thing is not None:
            self._change(entry, things.agency_values(thing), lambda changed: making.change_agency(thing, changed))

    def _member(self, entry: Entry, code: str) -> None:
        email, thing = entry.table["email"], things.member(code, entry.table["email"])
        name = f"member {email} of {code}"
        if entry.table.get("retire"):
            if thing is not None:
                accounts.remove_member(actor=HUB, membership=thing)
                self.report.changes.append(Change("retire", name))
        elif thing is None or sorted(thing.roles) != sorted(entry.table["roles"]):
            agency = making.needed(Agency, "agency", code=code)
            _, link = accounts.set_member(actor=HUB, agency=agency, email=email, roles=entry.table["roles"])
            self.report.changes.append(Change("make" if thing is None else "change", name, ("roles",) if thing else ()))
            if link:
                self.report.links[email] = link

    def _group(self, entry: Entry) -> None:
        thing = AgencyGroup.objects.filter(key=entry.table["key"]).first()
        wanted = [] if entry.table.get("retire") else sorted(entry.table["agencies"])
        if thing is None or list(things.group_values(thing)["agencies"]) != wanted:
            making.set_group({**entry.table, "agencies": wanted})
            self._say("change" if thing else "make", entry, ("agencies",) if thing else ())

    def _client(self, entry: Entry) -> None:
        thing = things.client(entry.table["agency"], entry.table["name"])
        self._ensure(entry, thing, things.client_values, making.make_client, making.change_client)

    def _team(self, entry: Entry) -> None:
        thing = things.team(entry.table["agency"], entry.table["name"])
        self._ensure(entry, thing, things.team_values, making.make_team, making.change_team)

    def _source(self, entry: Entry) -> None:
        thing = keyed(Source.objects.select_related("agency"), entry.table["key"], owner_of(entry))
        self._ensure(entry, thing, things.source_values, making.make_source, making.change_source)

    def _stream(self, entry: Entry) -> None:
        related = Stream.objects.select_related("source", "dataset__agency")
        thing = keyed(related, entry.table["key"], owner_of(entry))
        self._ensure(entry, thing, things.stream_values, making.make_stream, making.change_stream)

    def _rule(self, entry: Entry) -> None:
        thing = keyed(Rule.objects.all(), entry.table["key"], owner_of(entry))
        if thing is not None and thing.status == Rule.Status.DRAFT and not entry.table.get("retire"):
            entry = replace(entry, table={**entry.table, "status": Rule.Status.APPROVED})
        self._ensure(entry, thing, things.rule_values, making.make_rule, making.change_rule)

    def _agreement(self, entry: Entry) -> None:
        related = Agreement.objects.select_related("dataset__agency", "agency")
        thing = keyed(related, entry.table["key"], owner_of(entry))
        self._ensure(entry, thing, things.agreement_values, making.make_agreement, making.change_agreement)

    def _dataset(self, entry: Entry) -> None:
        fields = [dict(inner.table) for inner in entry.inner.get("field", [])]
        if "indexes" in entry.table:  # a set, as the order tells nothing
            entry = replace(entry, table={**entry.table, "indexes": sorted(entry.table["indexes"])})
        thing = Dataset.objects.select_related("agency").filter(key=entry.table["key"]).first()
        if thing is None:
            if not entry.table.get("retire"):
                making.make_dataset(dict(entry.table), fields)
                self._say("make", entry)
            return
        present = {f.name: things.field_values(f) for f in thing.fields.all()}
        differing = [table for table in fields if _differences(table, present.get(table["name"], {}))]
        words = tuple(f"field {table['name']}" for table in differing)
        values = things.dataset_values(thing)
        self._change(
            entry, values, lambda changed: making.change_dataset(thing, changed, entry.table, differing), words
        )

    def _ensure(
        self,
        entry: Entry,
        thing: Any,
        values_of: Callable[[Any], Mapping[str, Any]],
        make: Callable[[dict[str, Any]], None],
        change: Callable[[Any, dict[str, Any]], None],
    ) -> None:
        if thing is not None:
            self._change(entry, values_of(thing), lambda changed: change(thing, changed))
        elif not entry.table.get("retire"):
            make({key: value for key, value in entry.table.items() if key != "retire"})
            self._say("make", entry)

    def _change(
        self,
        entry: Entry,
        present: Mapping[str, Any],
        change: Callable[[dict[str, Any]], None],
        also: tuple[str, ...] = (),
    ) -> None:
        """Change what differs from ``present``, if anything does; what is declared anew is not retired any more."""
        declared = {"retire": False, **entry.table}
        changed = _differences(declared, present)
        if changed or also:
            change(dict(changed))
            is_end = changed.get("retire") is True
            self._say("retire" if is_end else "change", entry, () if is_end else (*changed, *also))

    def _say(self, act: str, entry: Entry, what: tuple[str, ...] = ()) -> None:
        self.report.changes.append(Change(act, name_of(entry), what))


_ENSURE: Final[Mapping[str, Callable[[_Work, Entry], None]]] = {kind: getattr(_Work, f"_{kind}") for kind in ORDER}


def _differences(declared: Mapping[str, Any], present: Mapping[str, Any]) -> dict[str, Any]:
    """The declared values that are not so yet; the keys that name the thing are left out."""
    names = {key for keys in IDENTITY.values() for key in keys} | {"key", "field", "member"}
    rest = {key: value for key, value in declared.items() if key not in names or key in present}
    if not present:
        return rest
    return {key: value for key, value in rest.items() if key in present and not _is_same(value, present[key])}


def _is_same(declared: Any, present: Any) -> bool:
    if isinstance(declared, datetime) or isinstance(present, datetime):
        return declared == present
    if isinstance(declared, date):
        return declared.isoformat() == present
    if isinstance(present, str) and not isinstance(declared, str):
        return str(declared) == present
    if isinstance(declared, list) and isinstance(present, list):
        return [str(item) if isinstance(item, int | float) else item for item in declared] == [
            str(item) if isinstance(item, int | float) else item for item in present
        ]
    return declared == present


def _faults(entry: Entry, error: HubError) -> Iterator[Fault]:
    name = name_of(entry)
    for fault in error.errors or (FieldError("", error.code, f"{error.message} {error.hint}".strip()),):
        where = f"{name}: {fault.field}" if fault.field else name
        yield Fault(entry.place.line_of(fault.field), where, fault.message)
