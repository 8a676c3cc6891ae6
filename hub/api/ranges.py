"""Parts of a representation (RFC 9110, section 14): one range of bytes, or all of it."""

import re
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.http import parse_etags

from hub.api.errors import RangeNotSatisfiable


@dataclass(frozen=True, slots=True)
class Part:
    """``length`` bytes from ``start`` on; ``is_all`` where no part was asked for."""

    start: int
    length: int
    is_all: bool = False

    def told(self, size: int) -> str:
        """The header ``Content-Range``."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def part_of(request: HttpRequest, etag: str, size: int) -> Part:
    """The part that is asked for of ``size`` bytes with this strong ``etag``, in quotes.

    Several ranges, other units and what cannot be read are all of it, as the standard has it; so is a range that holds
    only if the bytes are others. Raises ``RangeNotSatisfiable``.
    """
    whole = Part(0, size, is_all=True)
    asked = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.META.get("HTTP_RANGE", "").replace(" ", ""))
    if asked is None or asked[0] == "bytes=-" or request.META.get("HTTP_IF_RANGE", etag).strip() != etag:
        return whole
    first, last = asked[1], asked[2]
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(size, int(last) + 1) if last else size
        if last and int(last) < start:
            return whole
    if start >= size:
        raise RangeNotSatisfiable(f"There are {size} bytes, and none from {start} on.")
    return Part(start, end - start)


def has_it(request: HttpRequest, etag: str) -> bool:
    """Whether the caller has these bytes already (``If-None-Match``)."""
    known = request.META.get("HTTP_IF_NONE_MATCH", "")
    tags = {tag.removeprefix("W/") for tag in parse_etags(known)} if known else set()
    return known.strip() == "*" or etag in tags
