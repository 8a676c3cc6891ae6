"""Unpacks gzip files and zip archives, a bounded number of bytes at a time; nothing in them names a file on disk."""

import gzip
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import PurePosixPath, PureWindowsPath
from typing import IO, BinaryIO, Final, cast

from connectors.fetching.globs import is_pattern, matches
from hub.errors import SourceError, SourceMalformed, SourceMissing, SourceRefused

MAX_UNPACKED: Final = 4 << 30
MAX_RATIO: Final = 200
"""So many times its packed size no table of real rows comes to."""
RATIO_FROM: Final = 64 << 20
PACKED: Final = frozenset({"gz", "zip"})
_ARCHIVES: Final = PACKED | {"tgz", "tar", "bz2", "xz", "7z", "rar", "zst"}
_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1 << 18
_IN_MEMORY: Final = 4 << 20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_IS_ENCRYPTED: Final = 0x1
_DAMAGED: Final = (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError)
_MAX_DIRECTORY: Final = 16 << 20
_END: Final = b"PK\x05\x06"
_BIG_END: Final = b"PK\x06\x06"

Part = tuple[str, BinaryIO]
Scratch = Callable[[], AbstractContextManager[BinaryIO]]
"""Gives an empty file to write into, until its ``with`` ends."""


def spooled() -> AbstractContextManager[BinaryIO]:
    """A file in memory as long as it is small."""
    import tempfile  # takes long to load, and who is given a scratch file needs none

    return cast(AbstractContextManager[BinaryIO], tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY))


def parts(
    file: BinaryIO, name: str, member: str, where: str, is_data: Callable[[str], bool], scratch: Scratch = spooled
) -> Iterator[Part]:
    """The files in ``file``, itself where it is not packed; each with its name, seekable until the next is asked for.

    Of a zip archive that is what ``member``, a path or pattern, says, in order of names; without it, the one file for
    whose name ``is_data`` holds. Raises ``SourceError``.
    """
    extension = extension_of(name)
    if extension == "zip":
        yield from _members(file, member, where, is_data, scratch)
    elif extension != "gz":
        yield name, file
    else:
        inner = name[: -len(".gz")]
        if extension_of(inner) in _ARCHIVES:
            raise _nested(where)
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        is_packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if is_packed:
            yield from _unpacked(cast(IO[bytes], gzip.GzipFile(fileobj=file, mode="rb")), inner, size, where, scratch)
        else:  # a web server may have taken the gzip off on the way
            yield inner, file


def extension_of(path: str) -> str:
    """The end of a file's name, in lower case and without its dot."""
    return PurePosixPath(path).suffix.lower().removeprefix(".")


def _members(
    file: BinaryIO, member: str, where: str, is_data: Callable[[str], bool], scratch: Scratch
) -> Iterator[Part]:
    with _archive(file, where) as archive:
        for entry in _chosen(archive, member, where, is_data):
            inside = f"{entry.filename} in {where}"
            _check_entry(entry, inside)
            try:
                packed = archive.open(entry)
            except (*_DAMAGED, NotImplementedError) as error:
                raise _damaged(inside) from error
            yield from _unpacked(packed, entry.filename, entry.compress_size, inside, scratch)


def _archive(file: BinaryIO, where: str) -> zipfile.ZipFile:
    """Names not marked as UTF-8 are what Windows writes in China, GB18030, or what every byte stands for in DOS."""
    _check_directory(file, where)
    for encoding in ("gb18030", "cp437"):
        try:
            return zipfile.ZipFile(file, metadata_encoding=encoding)
        except UnicodeDecodeError:
            continue
        except (*_DAMAGED, NotImplementedError) as error:
            raise _damaged(where) from error
    raise _damaged(where)


def _chosen(archive: zipfile.ZipFile, member: str, where: str, is_data: Callable[[str], bool]) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir() and not _is_litter(entry.filename)]
    if member:
        found = [entry for entry in entries if matches(entry.filename, member)]
    else:
        found = [entry for entry in entries if is_data(entry.filename)]
    if not found and any(extension_of(entry.filename) in _ARCHIVES for entry in entries):
        raise _nested(where)
    if not found:
        raise SourceMissing(
            f"{where} holds no file {member!r}." if member else f"{where} holds no file of a known format.",
            code="source-no-file",
            hint=f"It holds: {_listed(entries)}. Correct the stream's select.member, or say the format.",
        )
    if len(found) > 1 and not is_pattern(member):
        raise SourceMissing(
            f"{where} holds more than one file that may be meant: {_listed(found)}.",
            code="source-several-members",
            hint='Name one as the stream\'s select.member, or all of them by a pattern such as "*.csv".',
        )
    return sorted(found, key=lambda entry: entry.filename)


def _is_litter(name: str) -> bool:
    """Whether a packing program has left it: what begins with a dot, and the Finder's own folder."""
    return name.startswith("__MACOSX/") or PureWindowsPath(name).name.startswith(".")


def _check_entry(entry: zipfile.ZipInfo, where: str) -> None:
    if entry.filename.startswith(("/", "\\")) or ".." in entry.filename.replace("\\", "/").split("/"):
        raise SourceMalformed(
            f"{where} has a name that leads out of the archive.",
            code="source-member-path",
            hint="No program writes such names by itself: ask who made it. Nothing was loaded.",
        )
    if extension_of(entry.filename) in _ARCHIVES:
        raise _nested(where)
    if entry.flag_bits & _IS_ENCRYPTED:
        raise SourceRefused(
            f"{where} is encrypted.",
            code="source-encrypted",
            hint="Have the archive written without a password.",
        )
    if entry.compress_type not in _METHODS:
        raise SourceMalformed(
            f"{where} is packed by the method {entry.compress_type}, which is not read.",
            code="source-packing",
            hint="Have the archive written by the usual method (deflate).",
        )


def _check_directory(file: BinaryIO, where: str) -> None:
    """Look at how long the archive says its list of members is, before all of it is read into memory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 128))
    tail = file.read()
    end, big = tail.rfind(_END), tail.rfind(_BIG_END)
    length = int.from_bytes(tail[end + 12 : end + 16], "little") if end >= 0 else 0
    if big >= 0:
        length = max(length % 0xFFFFFFFF, int.from_bytes(tail[big + 40 : big + 48], "little"))
    if length > _MAX_DIRECTORY:
        raise SourceMalformed(
            f"{where} holds too many files to look through.",
            code="source-too-large",
            hint="Have fewer files written into one archive.",
        )


def _unpacked(packed: IO[bytes], name: str, packed_size: int, where: str, scratch: Scratch) -> Iterator[Part]:
    with scratch() as spool:
        count = 0
        try:
            with packed:
                while chunk := packed.read(_CHUNK):
                    count += len(chunk)
                    check_size(count, packed_size, where)
                    spool.write(chunk)
        except _DAMAGED as error:
            raise _damaged(where) from error
        spool.seek(0)
        yield name, spool


def check_size(unpacked: int, packed: int, where: str) -> None:
    """Raise where more bytes come out of ``packed`` ones than of a table of real rows."""
    if unpacked > MAX_UNPACKED or (unpacked > RATIO_FROM and unpacked > MAX_RATIO * packed):
        raise SourceMalformed(
            f"{where} unpacks from {packed} to more than {unpacked >> 20} MiB.",
            code="source-too-large",
            hint="Nothing was loaded. Have the data written as several smaller files.",
        )


def _listed(entries: list[zipfile.ZipInfo]) -> str:
    names = [entry.filename for entry in entries[:10]]
    return (", ".join(names) or "nothing") + (" …" if len(entries) > len(names) else "")


def _nested(where: str) -> SourceError:
    return SourceMalformed(
        f"{where} holds an archive within an archive.",
        code="source-nested-archive",
        hint="Have the data packed once.",
    )


def _damaged(where: str) -> SourceError:
    return SourceMalformed(
        f"{where} is cut short or damaged: it does not unpack.",
        code="source-truncated",
        hint="Nothing was loaded. Run again; if it stays so, have it packed again.",
    )
