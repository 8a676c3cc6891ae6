"""Lines of COPY text on their way in: whole ones, those of a sure form, and all of them as a file that is read."""

import re
from collections.abc import Callable, Iterable, Iterator


def sorted_out(
    match: Callable[[bytes, int], "re.Match[bytes] | None"], chunks: Iterable[bytes], keep: Callable[[bytes], object]
) -> Iterator[bytes]:
    """The lines that ``match`` finds, as many as there are at a time; the others go to ``keep``."""
    for chunk in chunks:
        found, at = [], 0
        while at < len(chunk):
            matched = match(chunk, at)
            end = matched.end() if matched else at
            found.append(chunk[at:end])
            at = chunk.index(b"\n", end) + 1 if end < len(chunk) else end
            keep(chunk[end:at])
        yield b"".join(found)


def whole(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The chunks, each ending where a line ends."""
    rest = b""
    for chunk in chunks:
        if rest or not chunk.endswith(b"\n"):
            chunk = rest + chunk
            end = chunk.rfind(b"\n") + 1
            chunk, rest = chunk[:end], chunk[end:]
        if chunk:
            yield chunk
    if rest:
        yield rest + b"\n"


class Lines:
    """Chunks of bytes as the file that psycopg2 reads from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks: Iterator[bytes] = iter(chunks)
        self._rest = memoryview(b"")
        self.error: Exception | None = None

    def read(self, size: int) -> bytes:
        """The next bytes; what goes wrong in making them is kept too, as the driver does not hand it on."""
        try:
            return self._read(size)
        except Exception as error:
            self.error = error
            raise

    def _read(self, size: int) -> bytes:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return b""
            self._rest = memoryview(chunk)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken.tobytes()
