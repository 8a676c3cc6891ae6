"""Changes to sources and streams, and the start and end of runs on request."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from connectors import registry
from connectors.models import Outbox, Run, Source, Stream
from connectors.permissions import require_loader, require_source_editor
from connectors.runs.deletions import deleted_faults
from connectors.runs.dispatch import announce, open_run
from connectors.runs.overlap import overlap_faults
from connectors.runs.pacing import check_windows
from connectors.runs.schedule import check_schedule, next_due
from connectors.runs.terms import Terms
from connectors.secrets import seal, unseal
from connectors.uploads import KIND as UPLOAD
from hub.accounts.caller import Caller
from hub.accounts.models import Agency
from hub.accounts.permissions import require_act
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.errors import Conflict, FieldError, Invalid

_SOURCE_VALUES = frozenset({"config", "secrets", "is_active"})
_STREAM_VALUES = frozenset({"select", "mode", "cursor", "overlap", "deleted", "schedule", "contract", "is_active"})


@transaction.atomic
def register_source(
    *, actor: Caller, key: str, agency: Agency, kind: str, config: Mapping[str, Any], secrets: Mapping[str, str] = {}
) -> Source:
    """A system of ``agency`` to read from. Raises ``Invalid`` for settings that its kind does not know."""
    require_act(actor, "load", agency.code, what="Registering sources")
    _check_key(Source, key, agency=agency)
    _check_settings(kind, config, secrets)
    source = Source(key=key, agency=agency, kind=kind, config=dict(config))
    source.secrets = seal(secrets, source.pk)
    source.save()
    record(actor=actor, kind="source.registered", subject=key, source_kind=kind)
    return source


@transaction.atomic
def edit_source(*, actor: Caller, source: Source, **values: Any) -> Source:
    """Change ``config``, ``secrets`` (all of them) or ``is_active``."""
    require_source_editor(actor, source)
    _only(values, _SOURCE_VALUES)
    secrets = values.pop("secrets", None)
    config = values.get("config", source.config)
    _check_settings(source.kind, config, unseal(source.secrets, source.pk) if secrets is None else secrets)
    if secrets is not None:
        source.secrets = seal(secrets, source.pk)
    for name, value in values.items():
        setattr(source, name, value)
    changed = sorted([*values, *(["secrets"] if secrets is not None else [])])
    source.save(update_fields=changed)  # and no more: a run that ends just now writes down that the source is down
    record(actor=actor, kind="source.edited", subject=source.key, changed=changed)
    return source


@transaction.atomic
def register_stream(
    *,
    actor: Caller,
    key: str,
    source: Source,
    dataset: Dataset,
    select: Mapping[str, Any],
    mode: str = "replace",
    cursor: str = "",
    overlap: str = "",
    deleted: Mapping[str, Any] = {},
    schedule: str = "",
    contract: Mapping[str, Any] = {},
) -> Stream:
    """What to read from ``source`` into ``dataset``; both belong to one agency."""
    require_source_editor(actor, source)
    require_act(actor, "load", dataset.agency.code, dataset, what=f"Loading {dataset.key}")
    _check_key(Stream, key, owner=dataset.agency)
    if source.agency_id != dataset.agency_id:
        _refuse("source", f"The source {source.key} is another agency's than {dataset.key}.")
    stream = Stream(key=key, owner=dataset.agency, source=source, dataset=dataset, select=dict(select))
    stream.mode, stream.cursor, stream.schedule, stream.contract = mode, cursor, schedule, dict(contract)
    stream.overlap, stream.deleted = overlap, dict(deleted)
    _check_stream(stream)
    stream.next_due_at = next_due(schedule, now())
    stream.save()
    record(actor=actor, kind="stream.registered", dataset=dataset.key, subject=key, mode=mode)
    return stream


@transaction.atomic
def edit_stream(*, actor: Caller, stream: Stream, **values: Any) -> Stream:
    """Change ``select``, ``mode``, ``cursor``, ``overlap``, ``deleted``, ``schedule``, ``contract`` or
    ``is_active``.

    With another selection, mode or cursor, or other rows that are gone, the next run reads everything again.
    """
    require_source_editor(actor, stream.source)
    require_loader(actor, stream)
    _only(values, _STREAM_VALUES)
    for name, value in values.items():
        setattr(stream, name, value)
    _check_stream(stream)
    changed = set(values)  # and no more: a run that ends just now writes down how far it has come
    if not values.keys().isdisjoint({"select", "mode", "cursor", "deleted"}):
        stream.cursor_value, stream.state, stream.columns, stream.ends_lines = "", {}, {}, None
        changed |= {"cursor_value", "state", "columns", "ends_lines"}
    if "schedule" in values:
        stream.next_due_at = next_due(stream.schedule, now())
        changed.add("next_due_at")
    stream.save(update_fields=changed)
    record(actor=actor, kind="stream.edited", dataset=stream.dataset.key, subject=stream.key, changed=sorted(values))
    return stream


@transaction.atomic
def request_run(*, actor: Caller, stream: Stream, full: bool = False) -> Run:
    """Start a run of ``stream`` now; one that is open already is returned instead.

    A ``full`` one reads everything again, as if the stream were new; raises ``Conflict`` where another is at work.
    """
    require_loader(actor, stream)
    if stream.source.kind == UPLOAD:
        raise Conflict(f"{stream.dataset.key} takes files by hand.", hint="POST one to the dataset's uploads.")
    if not (stream.is_active and stream.source.is_active):
        raise Conflict(f"The stream {stream.key} or its source is switched off.", hint="Switch it on first.")
    if full:
        _forget_progress(stream)
    run = open_run(stream, actor.name)
    told: dict[str, Any] = {"stream": stream.key, **({"full": True} if full else {})}
    record(actor=actor, kind="run.requested", dataset=stream.dataset.key, subject=str(run.pk), **told)
    return run


def _forget_progress(stream: Stream) -> None:
    Stream.objects.select_for_update().get(pk=stream.pk)
    if Run.objects.filter(stream=stream, status=Run.Status.RUNNING).exists():
        raise Conflict(
            f"A run of {stream.key} is at work, and goes on from where the last one came to.",
            code="run-at-work",
            hint="Wait for its end or cancel it, then ask again.",
        )
    Stream.objects.filter(pk=stream.pk).update(cursor_value="", state={})


@transaction.atomic
def cancel_run(*, actor: Caller, run: Run) -> Run:
    """End a run without a change to the data: at once while it waits, within seconds while it works."""
    require_loader(actor, run.stream)
    run = Run.objects.select_for_update().get(pk=run.pk)
    if run.status not in Run.OPEN:
        raise Conflict(f"The run is over: {run.status}.", code="run-over", hint="Nothing is left to cancel.")
    run.is_cancel_requested = True
    if run.status == Run.Status.QUEUED:
        run.status, run.finished_at, run.error_code = Run.Status.CANCELLED, now(), "cancelled"
        run.error_message = "The run was cancelled before it began."
    run.save()
    record(actor=actor, kind="run.cancelled", dataset=run.stream.dataset.key, subject=str(run.pk))
    return run


@transaction.atomic
def release_run(*, actor: Caller, run: Run) -> Run:
    """Let a held run go on: it reads again, and the difference that a person has seen passes, but no more than that."""
    run = _held(actor, run)
    if Run.objects.filter(stream=run.stream, status__in=Run.OPEN).exists():
        raise Conflict("Another run of the stream is on its way.", hint="Wait for its end; it takes this one's place.")
    accepted = {**run.accepted, run.error_code: run.difference}
    record(actor=actor, kind="run.released", dataset=run.stream.dataset.key, subject=str(run.pk), accepted=accepted)
    run.status, run.accepted, run.difference, run.attempts = Run.Status.QUEUED, accepted, {}, 0
    run.error_code = run.error_message = run.error_hint = run.stage = ""
    run.finished_at = None
    run.save()
    Outbox.objects.update_or_create(run=run, defaults={"sent_at": None})
    announce(run.pk)
    return run


@transaction.atomic
def drop_run(*, actor: Caller, run: Run) -> Run:
    """End a held run: the dataset stays as it is."""
    run = _held(actor, run)
    run.status, run.finished_at = Run.Status.CANCELLED, now()
    run.save(update_fields=["status", "finished_at"])
    record(actor=actor, kind="run.dropped", dataset=run.stream.dataset.key, subject=str(run.pk))
    return run


def _held(actor: Caller, run: Run) -> Run:
    require_loader(actor, run.stream)
    run = (
        Run.objects.select_for_update(of=("self",))
        .select_related("stream__dataset__agency", "stream__source")
        .get(pk=run.pk)
    )
    if run.status != Run.Status.HELD:
        raise Conflict(f"The run is not held: it is {run.status}.", code="run-not-held", hint="Look at it again.")
    return run


def _check_key(model: type[Source] | type[Stream], key: str, **owner: Agency) -> None:
    if not key or len(key) > 100 or not all(c.isalnum() or c in "._-" for c in key) or not key[0].isalnum():
        _refuse("key", f"{key!r} is no key: letters, digits, and . _ - between them.")
    if model._default_manager.filter(key=key, **owner).exists():
        _refuse("key", f"There is already a {model._meta.verbose_name} {key}.")


def _check_settings(kind: str, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
    connector = registry.load(kind)
    if kind == UPLOAD:
        _refuse("kind", "Files by hand need no source: bring them to the dataset's uploads.")
    errors = registry.faults(connector.config_schema, dict(config), "config")
    errors += registry.faults(connector.secrets_schema, dict(secrets), "secrets")
    if errors:
        raise Invalid(errors[0].message, code="settings-invalid", errors=errors)
    check_windows(config)


def _check_stream(stream: Stream) -> None:
    dataset = stream.dataset
    connector = registry.load(stream.source.kind)
    errors = registry.faults(connector.select_schema, dict(stream.select), "select")
    if errors:
        raise Invalid(errors[0].message, code="select-invalid", errors=errors)
    if stream.mode not in Stream.Mode.values:
        _refuse("mode", f"The mode is one of {', '.join(Stream.Mode.values)}.")
    has_key = bool(dataset.primary_key) or dataset.is_discovered
    type_ = dataset.fields.filter(name=stream.cursor).values_list("type", flat=True).first()
    errors = deleted_faults(stream.deleted, stream.mode, has_key=has_key)
    errors += overlap_faults(stream.overlap, stream.cursor, type_)
    if errors:
        raise Invalid(errors[0].message, errors=errors)
    if not has_key and (stream.mode == "merge" or stream.cursor):
        _refuse("mode", f"To merge, or to go on from a cursor, {dataset.key} needs a primary key.")
    if stream.mode == "replace" and stream.cursor:
        _refuse("cursor", "A stream that replaces everything has no cursor; merge or append goes on from one.")
    if stream.cursor and not dataset.is_discovered and not dataset.fields.filter(name=stream.cursor).exists():
        _refuse("cursor", f"{dataset.key} has no field {stream.cursor}.")
    others = Stream.objects.filter(dataset=dataset, is_active=True).exclude(pk=stream.pk)
    if stream.is_active and others.filter(mode="replace").exists() | (stream.mode == "replace" and others.exists()):
        _refuse("mode", f"{dataset.key} has another stream; one that replaces everything has to be the only one.")
    check_schedule(stream.schedule)
    Terms.parse(stream.contract)


def _only(values: Mapping[str, Any], known: frozenset[str]) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        _refuse(unknown[0], f"{unknown[0]} cannot be changed; {', '.join(sorted(known))} can.")


def _refuse(field: str, message: str) -> None:
    raise Invalid(message, errors=[FieldError(field, "invalid", message)])
