"""The ways in which APIs hand out long lists, each with an end that is sure to come."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final

import httpx

from connectors.base import JsonSchema
from connectors.fetching.answers import Answer, place
from connectors.formats import json, tokens
from hub.errors import SourceMalformed, SourceMissing

MAX_PAGES: Final = 100_000


def _parameter(default: str, meaning: str) -> JsonSchema:
    return {"description": f"The query parameter that takes {meaning}.", "type": "string", "default": default}


PAGING_SCHEMA: JsonSchema = {
    "description": "How the API hands out long lists: by page number, by offset, by the Link header's rel=next, by a "
    "field with the next address (next), or by a field with a cursor to send back (cursor). Without it, one request.",
    "type": "object",
    "additionalProperties": False,
    "required": ["kind"],
    "properties": {
        "kind": {"description": "The way of paging.", "enum": ["page", "offset", "link", "next", "cursor"]},
        "page_param": _parameter("page", "the page's number, for kind page"),
        "first": {"description": "The number of the first page.", "type": "integer", "default": 1},
        "offset_param": _parameter("offset", "how many records to skip, for kind offset"),
        "cursor_param": _parameter("cursor", "the cursor, for kind cursor"),
        "field": {
            "description": "The dotted path of the field with the next address (default next) or cursor (default "
            "cursor).",
            "type": "string",
            "minLength": 1,
        },
        "size_param": _parameter("", "how many records to give at most"),
        "size": {"description": "How many records to ask for at a time.", "type": "integer", "minimum": 1},
    },
    "dependentRequired": {"size_param": ["size"], "size": ["size_param"]},
}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, its document opened, the records in it, and where to go on after it; None after the last."""

    answer: Answer
    document: Any
    records: list[Any]
    onward: Mapping[str, Any] | None = None


Fetch = Callable[[str], Page]
Params = Mapping[str, str]


def pages(
    fetch: Fetch, url: str, params: Params, paging: Mapping[str, Any] | None, onward: Mapping[str, Any] | None = None
) -> Iterator[Page]:
    """All pages of the list at ``url``, at least one; raises ``SourceMalformed`` where they would never end.

    With the ``onward`` of an earlier page, those behind it, perhaps none.
    """
    if paging is None:
        return iter((fetch(_with(url, params)),))
    if "size" in paging:
        params = {**params, paging["size_param"]: str(paging["size"])}
    if paging["kind"] in ("page", "offset"):
        return _counted(fetch, url, params, paging, onward or {})
    return _followed(fetch, url, params, paging, onward or {})


def _counted(
    fetch: Fetch, url: str, params: Params, paging: Mapping[str, Any], onward: Mapping[str, Any]
) -> Iterator[Page]:
    """By number of page or record, until a page is empty, or short where the first one had the size asked for."""
    by_page = paging["kind"] == "page"
    name = paging.get("page_param", "page") if by_page else paging.get("offset_param", "offset")
    number = onward.get("number", paging.get("first", 1) if by_page else 0)
    size, is_full, before = paging.get("size", 0), onward.get("is_full", False), onward.get("digest", "")
    for count in range(onward.get("count", 0), MAX_PAGES):
        try:
            page = fetch(_with(url, {**params, name: str(number)}))
        except SourceMissing:
            if count:
                return  # Some answer "no such page" after the last one.
            raise
        digest = sha256(page.answer.body).hexdigest()
        if page.records and digest == before:
            raise _endless(page, f"the same records for {name}={number} as before")
        # A server may cap the size: short pages end the list only where the first one was as long as asked.
        is_full = is_full or (not count and len(page.records) == size)
        is_last = not page.records or (is_full and len(page.records) < size)
        number, before = number + (1 if by_page else len(page.records)), digest
        if page.records or not count:
            after = {"number": number, "is_full": is_full, "digest": digest, "count": count + 1}
            yield replace(page, onward=None if is_last else after)
        if is_last:
            return
    raise _endless(page, f"more than {MAX_PAGES} pages")


def _followed(
    fetch: Fetch, url: str, params: Params, paging: Mapping[str, Any], onward: Mapping[str, Any]
) -> Iterator[Page]:
    """By what each answer says comes next, until it says nothing."""
    address = onward.get("address") or _with(url, params)
    seen = {address}
    for count in range(onward.get("count", 0), MAX_PAGES):
        page = fetch(address)
        address = _following(page, url, params, paging)
        yield replace(page, onward={"address": address, "count": count + 1} if address else None)
        if not address:
            return
        if address in seen:
            raise _endless(page, "a next page that was read before")
        seen.add(address)
    raise _endless(page, f"more than {MAX_PAGES} pages")


def _following(page: Page, url: str, params: Params, paging: Mapping[str, Any]) -> str:
    kind = paging["kind"]
    if kind == "link":
        return str(page.answer.url.join(page.answer.next_link)) if page.answer.next_link else ""
    try:
        value = tokens.dig(page.document, paging.get("field", kind))
    except LookupError:
        return ""
    if not isinstance(value, str) or not value:
        return ""
    value = json.text(value)
    if kind == "next":
        return str(page.answer.url.join(value))
    return _with(url, {**params, paging.get("cursor_param", "cursor"): value})


def _with(url: str, params: Params) -> str:
    return str(httpx.URL(url).copy_merge_params(params)) if params else url


def _endless(page: Page, what: str) -> SourceMalformed:
    return SourceMalformed(
        f"{place(page.answer.url)} would page for ever: it gave {what}.",
        code="source-endless-pages",
        hint="Check the source's paging: its kind and the names of its parameters.",
    )
