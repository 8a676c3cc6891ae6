"""Files brought by hand: kept in the database until their run is over, and read as any other file."""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, ClassVar, Final, cast

from django.db import transaction

from connectors import registry
from connectors.base import Extract, Found, JsonSchema
from connectors.fetching.globs import EVERYTHING
from connectors.fetching.places import Place
from connectors.kinds.file import File
from connectors.models import Outbox, Run, Source, Stream, Upload, UploadPart
from connectors.runs.dispatch import announce
from hub.accounts.caller import Caller
from hub.accounts.permissions import require_act
from hub.audit.commands import record
from hub.catalog.models import Dataset
from hub.errors import Conflict, FieldError, Invalid, SourceMissing
from hub.store.intake.records import lines_of
from hub.store.models import Quarantined

KIND: Final = "upload"
MAX_BYTES: Final = 1 << 30
_PART: Final = 1 << 20
REASONS: Final = frozenset({"_line", "_field", "_rule", "_message", "_record"})
"""Columns of a list of rejects that say why a record stayed out: one that was corrected is brought as it stands."""
_IN_MEMORY: Final = 4 << 20


class Uploaded(File):
    """Files that people bring by hand; ``upload`` is the one of this run."""

    kind: ClassVar[str] = KIND
    title: ClassVar[str] = "Files brought by hand"
    ignored: ClassVar[frozenset[str]] = REASONS
    config_schema: ClassVar[JsonSchema] = {"type": "object", "additionalProperties": False, "properties": {}}
    secrets_schema: ClassVar[JsonSchema] = config_schema
    upload: Upload | None = None

    def test(self) -> None:
        """There is nothing to reach."""

    def discover(self) -> Iterator[Found]:
        """There is nothing to find: what is brought is loaded at once."""
        return iter(())

    def read(self, extract: Extract) -> Iterator[Any]:
        if self.upload is None:
            raise SourceMissing(
                "No file was brought.", code="source-no-file", hint="POST one to the dataset's uploads."
            )
        return super().read(extract)

    def _place(self) -> Place:
        assert self.upload is not None
        return _Kept(self.upload)


class _Kept(Place):
    """The one file of an upload."""

    def __init__(self, upload: Upload) -> None:
        super().__init__({}, {})
        self._upload = upload

    def test(self) -> None:
        return

    def paths(self, pattern: str = EVERYTHING) -> Iterator[str]:
        yield self._upload.name

    def matching(self, path: str, *, is_none_fine: bool = False) -> list[str]:
        return [self._upload.name]

    def identities(self, paths: Iterable[str]) -> dict[str, str]:
        return {}

    def name(self, path: str) -> str:
        return self._upload.name

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
            parts = UploadPart.objects.filter(upload=self._upload).order_by("number")
            for data in parts.values_list("data", flat=True).iterator(chunk_size=4):
                file.write(data)
            if file.tell() != self._upload.size:
                raise SourceMissing(
                    f"{self._upload.name} is not kept any more.", code="source-no-file", hint="Bring it again."
                )
            file.seek(0)
            yield cast(BinaryIO, file)


@transaction.atomic
@transaction.atomic
def retry_records(*, actor: Caller, run: Run) -> Run:
    """Bring the records that ``run`` kept in quarantine in again, as they came, by a run of their own.

    They are appended: a record whose key has come in meanwhile with other values stays out, as it may be older. Those
    that pass leave the quarantine with that run, once and for all; those that do not are kept anew, with the rule they
    break by now. Raises ``Conflict`` where nothing is kept.
    """
    dataset, stream = run.stream.dataset, run.stream
    if not Quarantined.objects.filter(dataset=dataset, run=run.pk, cells__isnull=False).exists():
        raise Conflict(
            "No record of this run is kept to be tried again.",
            code="nothing-kept",
            hint="Records go once they were tried again, or a later run has replaced all rows; sync the stream.",
        )
    timezone = _select_of(run).get("timezone")
    select = {"format": "ndjson", **({"timezone": timezone} if timezone else {})}
    name, mode = f"kept out of {stream.key}.ndjson", Stream.Mode.APPEND
    again = bring_file(actor=actor, dataset=dataset, name=name, chunks=lines_of(dataset, run.pk), mode=mode, **select)
    Upload.objects.filter(run=again).update(retries=run.pk)
    again.accepted = {"too-many-rejects": {"read": 1, "rejected": 1}}  # that they may all fail again is known
    again.save(update_fields=["accepted"])
    return again


def _select_of(run: Run) -> dict[str, Any]:
    upload: Upload | None = getattr(run, "upload", None)
    return dict(upload.select if upload is not None else run.stream.select)


@transaction.atomic
def bring_file(
    *, actor: Caller, dataset: Dataset, name: str, chunks: Iterable[bytes], mode: str = "", **select: Any
) -> Run:
    """Load a file into ``dataset`` by a run of its own; ``select`` says how it is written, as a stream's would.

    Without a ``mode`` it replaces what there is, as far as nothing else fills the dataset. Raises ``Invalid``,
    ``Conflict``.
    """
    require_act(actor, "load", dataset.agency.code, dataset, what=f"Loading {dataset.key}")
    if dataset.status == Dataset.Status.RETIRED:
        raise Conflict(f"{dataset.key} is retired.", code="retired", hint="Register a new dataset.")
    mode = mode or Stream.Mode.REPLACE
    _check(dataset, mode, select)
    run = Run.objects.create(stream=_stream_of(dataset), requested_by=actor.name)
    upload = Upload.objects.create(run=run, name=name[:200] or "upload", mode=mode, select=select)
    _keep(upload, chunks)
    Outbox.objects.create(run=run)
    announce(run.pk)
    told: dict[str, Any] = {"file": upload.name, "bytes": upload.size, "sha256": upload.sha256, "mode": mode}
    record(actor=actor, kind="run.requested", dataset=dataset.key, subject=str(run.pk), **told)
    return run


def _check(dataset: Dataset, mode: str, select: dict[str, Any]) -> None:
    errors = registry.faults(Uploaded.select_schema, select)
    if mode not in Stream.Mode.values:
        errors += (FieldError("mode", "invalid", f"The mode is one of {', '.join(Stream.Mode.values)}."),)
    if mode == Stream.Mode.MERGE and not dataset.primary_key:
        errors += (FieldError("mode", "invalid", f"To merge, {dataset.key} needs a primary key."),)
    if errors:
        raise Invalid(errors[0].message, errors=errors)
    others = Stream.objects.filter(dataset=dataset, is_active=True).exclude(source__kind=KIND)
    if mode == Stream.Mode.REPLACE and others.exists():
        raise Conflict(
            f"{dataset.key} is filled by the stream {others[0].key}.",
            code="other-stream",
            hint="Bring the file with mode merge or append, or switch the stream off.",
        )
    if Run.objects.filter(stream__dataset=dataset, stream__source__kind=KIND, status__in=Run.OPEN).exists():
        raise Conflict(f"Another file is on its way into {dataset.key}.", hint="Wait for the end of its run.")


def _stream_of(dataset: Dataset) -> Stream:
    """The stream under which the dataset's uploads run; it and its source are made with the first one."""
    source, _ = Source.objects.get_or_create(
        key=f"{KIND}:{dataset.agency.code}", agency=dataset.agency, defaults={"kind": KIND}
    )
    values = {"source": source, "dataset": dataset, "mode": Stream.Mode.APPEND}
    stream, _ = Stream.objects.get_or_create(key=f"{KIND}:{dataset.key}", owner=dataset.agency, defaults=values)
    return stream


def _keep(upload: Upload, chunks: Iterable[bytes]) -> None:
    digest = hashlib.sha256()
    for number, part in enumerate(_parts(chunks)):
        digest.update(part)
        upload.size += len(part)
        if upload.size > MAX_BYTES:
            message = f"The file has more than {MAX_BYTES >> 20} MiB."
            raise Invalid(
                message,
                hint="Bring it in parts, or put it where a stream reads it.",
                errors=[FieldError("file", "too-large", message)],
            )
        UploadPart.objects.create(upload=upload, number=number, data=part)
    upload.sha256 = digest.hexdigest()
    upload.save(update_fields=["size", "sha256"])


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of a size that rows of a table take well."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        while len(rest) >= _PART:
            yield rest[:_PART]
            rest = rest[_PART:]
    if rest:
        yield rest
