"""What a source offers, as drafts of datasets with the streams that fill them: proposed, typed over, registered."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from django.db import transaction
from django.http import QueryDict

from connectors.base import Found
from connectors.commands import register_stream
from connectors.models import Source, Stream
from hub.accounts.caller import Caller
from hub.catalog.commands import register_dataset
from hub.catalog.models import Dataset
from hub.errors import FieldError, HubError, Invalid
from hub.web.settings_form import storable

_EXTENSION: Final = re.compile(
    r"\.(csv|tsv|txt|xlsx|json|ndjson|jsonl|parquet)(\.(gz|zip|bz2|xz|zst))?$", re.IGNORECASE
)
_TYPED: Final = ("key", "title", "stream", "mode", "cursor", "schedule")


@dataclass
class Draft:
    """A dataset and its stream, as one form says them.

    ``offer`` is what a source told of a table or file, as ``offered`` wrote it; ``sensitivities`` are by field.
    ``primary_key`` has the fields that tell a row from all others.
    """

    number: int
    offer: str
    words: dict[str, str]
    sensitivities: Mapping[str, str] = field(default_factory=dict)
    primary_key: Sequence[str] = ()
    faults: Sequence[FieldError] = ()

    def __post_init__(self) -> None:
        self.told = _parsed(self.offer)

    @property
    def columns(self) -> list[dict[str, Any]]:
        return [{**one, "sensitivity": self.sensitivities.get(one["name"], "")} for one in self.told["columns"]]


def offered(found: Found) -> str:
    """All of it but its samples, in one text that a form can hold."""
    told = {name: value for name, value in asdict(found).items() if name != "samples"}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def proposed(offers: Sequence[str], owner: str) -> list[Draft]:
    """A draft for each of ``offers``; what looks like personal data is proposed as such, and nothing as open."""
    drafts = []
    for number, offer in enumerate(offers):
        told = _parsed(offer)
        name = _name(told["name"])
        words = {"key": f"{owner}.{name}", "title": told["name"], "stream": name, "mode": "replace"}
        hinted = {one["name"]: "personal" if one.get("hint") else "unclassified" for one in told["columns"]}
        drafts.append(Draft(number, offer, words, hinted, told["primary_key"]))
    return drafts


def typed(said: QueryDict) -> list[Draft]:
    """The drafts of a form, as they were typed."""
    drafts = []
    for number, offer in enumerate(said.getlist("offer")):
        words = {name: said.get(f"{number}-{name}", "").strip() for name in _TYPED}
        draft = Draft(number, offer, words)
        names = [str(one["name"]) for one in draft.told["columns"]]
        draft.primary_key = said.getlist(f"{number}-id")
        draft.sensitivities = {name: said.get(f"{number}-as-{name}", "unclassified") for name in names}
        drafts.append(draft)
    return drafts


@transaction.atomic
def bring_in(actor: Caller, source: Source, drafts: Sequence[Draft]) -> list[Stream]:
    """Register them all, or none. Raises what the commands raise, and notes in the draft at fault what it was."""
    return [_stream(actor, source, draft, _dataset(actor, source, draft)) for draft in drafts]


def _dataset(actor: Caller, source: Source, draft: Draft) -> Dataset:
    words = draft.words
    fields = [
        {
            "name": one["name"],
            "type": one["type"],
            "title": one.get("title") or "",
            "required": bool(one.get("required")),
            "sensitivity": one["sensitivity"],
        }
        for one in draft.columns
    ]
    with _noted_in(draft):
        return register_dataset(
            actor=actor,
            agency=source.agency,
            key=words["key"],
            title=words["title"],
            fields=fields,
            primary_key=draft.primary_key,
        )


def _stream(actor: Caller, source: Source, draft: Draft, dataset: Dataset) -> Stream:
    words: Mapping[str, Any] = {name: draft.words[name] for name in ("mode", "cursor", "schedule")}
    ends = {"source": source, "dataset": dataset, "select": draft.told["select"]}
    with _noted_in(draft, key="stream"):
        return register_stream(actor=actor, key=draft.words["stream"], **ends, **words)


@contextmanager
def _noted_in(draft: Draft, key: str = "key") -> Iterator[None]:
    """What is refused is noted at the inputs of the draft; ``key`` is the one for the key of what is registered."""
    try:
        yield
    except HubError as error:
        faults = error.errors or (FieldError("", error.code, f"{error.message} {error.hint}".strip()),)
        places = [key if fault.field == "key" else fault.field for fault in faults]
        draft.faults = [
            replace(fault, field=place and f"{draft.number}-{place}")
            for fault, place in zip(faults, places, strict=True)
        ]
        raise


def _parsed(offer: str) -> dict[str, Any]:
    """Raises ``Invalid`` for a text that ``offered`` did not write."""
    try:
        told = storable(offer)
        is_whole = all(isinstance(one["name"], str) and isinstance(one["type"], str) for one in told["columns"])
        is_whole = is_whole and isinstance(told["name"], str) and isinstance(told["select"], dict)
        is_whole = is_whole and isinstance(told["primary_key"], list)
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        raise Invalid("This is nothing that the source offers.", hint="Discover it again, and choose there.")
    return told


def _name(offered: str) -> str:
    """A dataset's name made of a table's or file's; empty where it has no letter that may be in one."""
    last = offered.rpartition("/")[2]
    short = _EXTENSION.sub("", last)
    short = short.rpartition(".")[2] if short == last else short
    return re.sub(r"[^a-z0-9_-]+", "_", short.lower()).strip("_-").lstrip("0123456789_-")[:60]
