"""Finds the encoding of a whole text file before a single cell of it is believed."""

import codecs
import os
from typing import BinaryIO, Final

from hub.errors import SourceMalformed

_CHUNK: Final = 1 << 20
# So many characters beyond ASCII do not decode as UTF-8 by chance (each would with about one in ten): what fails after
# them is damaged UTF-8, and reading it as GB18030 would turn it into other characters without a word.
_SURELY_UTF8: Final = 16


def encoding_of(file: BinaryIO, declared: str, where: str) -> str:
    """The codec that decodes all of ``file``: as declared, or UTF-8 (with BOM), or GB18030; else raises."""
    if declared:
        _check_declared(file, declared, where)
        return declared
    file.seek(0)
    codec = "utf-8-sig" if file.read(3) == codecs.BOM_UTF8 else "utf-8"
    fault = _first_fault(file, "utf-8")
    if fault is None:
        return codec
    if fault.is_at_end and fault.characters:
        raise _cut(where)
    if codec == "utf-8" and fault.characters <= _SURELY_UTF8 and _first_fault(file, "gb18030") is None:
        return "gb18030"
    raise _undecodable(file, where, fault.offset)


class _Fault:
    """Where decoding failed: byte offset, characters beyond ASCII before it, and whether only the end was missing."""

    def __init__(self, offset: int, characters: int, is_at_end: bool) -> None:
        self.offset = offset
        self.characters = characters
        self.is_at_end = is_at_end


def _first_fault(file: BinaryIO, codec: str) -> _Fault | None:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(codec)("strict")
    done = characters = 0
    while True:
        chunk = file.read(_CHUNK)
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(codec)
            characters += sum(char > "\x7f" for char in good)
            offset = done - pending + error.start
            return _Fault(offset, characters, not chunk)
        if not chunk:
            return None
        if not text.isascii():
            characters += len(text) - len(text.encode("ascii", "ignore"))
        done += len(chunk)


def _check_declared(file: BinaryIO, codec: str, where: str) -> None:
    try:
        codecs.lookup(codec)
    except LookupError as error:
        raise SourceMalformed(
            f"There is no encoding {codec!r}.",
            code="source-encoding",
            hint="Set the stream's select.encoding to a name such as utf-8, gb18030, utf-16 or latin-1.",
        ) from error
    fault = _first_fault(file, codec)
    if fault is not None:
        raise SourceMalformed(
            f"{where} is not {codec} as the stream says: byte {fault.offset} does not decode.",
            code="source-encoding",
            hint="Correct the stream's select.encoding, or leave it out to have it found.",
        )


def _cut(where: str) -> SourceMalformed:
    return SourceMalformed(
        f"{where} ends within a character.",
        code="source-truncated",
        hint="The file was cut short, on its way or while it was written. Nothing was loaded.",
    )


def _undecodable(file: BinaryIO, where: str, offset: int) -> SourceMalformed:
    file.seek(0, os.SEEK_SET)
    is_utf16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    hint = "Set the stream's select.encoding, or have the file written as UTF-8."
    return SourceMalformed(
        f"{where} is neither UTF-8 nor GB18030: byte {offset} does not decode.",
        code="source-encoding",
        hint="It looks like UTF-16: set the stream's select.encoding to utf-16." if is_utf16 else hint,
    )
