"""Files on an SFTP server, whose host key is pinned: whoever answers with another one is not told a password."""

import asyncio
import logging
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, BinaryIO, Final, TypeVar, cast
from urllib.parse import unquote, urlsplit

import asyncssh
from asyncssh import SFTPAttrs, SFTPClient, SSHKey

from connectors.base import Limits
from connectors.fetching import places
from connectors.fetching.globs import EVERYTHING, leads_to, matches
from connectors.fetching.hostkey import HostKey
from connectors.fetching.places import IN_MEMORY, SETTLED_AFTER, Place
from connectors.fetching.reach import Reach
from hub.errors import SourceDown, SourceError, SourceMissing, SourceRefused

CONNECT_SECONDS: Final = 10.0
LOGIN_SECONDS: Final = 30.0
QUIET_SECONDS = 60.0
"""How long the server may take over one request."""
_CLOSE_SECONDS: Final = 5.0
_SEEN_FACTOR: Final = 4

T = TypeVar("T")

logging.getLogger("asyncssh").setLevel(logging.WARNING)  # it tells of each connection, login and request


class Sftp(Place):
    """A folder or file on an SFTP server; files are fetched whole, each operation by a connection of its own."""

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(config, secrets)
        parts = urlsplit(config["url"])
        self._host, self._port = parts.hostname or "", parts.port or 22
        self._user = unquote(parts.username or "")
        self._base = unquote(parts.path).removeprefix("/~/") or "."
        self._listed: dict[str, str] = {}

    def test(self) -> None:
        self._asked("", lambda client: client.stat(self._actual("")))

    def paths(self, pattern: str = EVERYTHING) -> Iterator[str]:
        self._listed = self._asked("", lambda client: self._walked(client, pattern))
        return iter(self._listed)

    def identities(self, paths: Iterable[str]) -> dict[str, str]:
        """Size and time of the last change, as the listing that went before told them, or as the server tells now."""
        listed, self._listed = self._listed, {}
        told = {path: listed[path] for path in paths if path in listed}
        unknown = [path for path in paths if path not in listed]
        if unknown:
            told |= self._asked("", lambda client: self._told_of(client, unknown))
        return {path: identity for path, identity in told.items() if identity}

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
            file = cast(BinaryIO, spool)
            self._asked(path, lambda client: self._poured(client, path, file))
            yield file

    def name(self, path: str) -> str:
        base = self._base if self._base.startswith("/") else f"/~/{self._base}"
        port = "" if self._port == 22 else f":{self._port}"
        return f"sftp://{self._host}{port}{_joined(base, path)}"

    def _actual(self, path: str) -> str:
        return _joined(self._base, path)

    async def _walked(self, client: SFTPClient, pattern: str) -> dict[str, str]:
        """The files below the place that match, or itself where it is one; each with its identity."""
        if (await _in_time(client.stat(self._actual("")))).type == asyncssh.FILEXFER_TYPE_REGULAR:
            return await self._told_of(client, [""])
        found: dict[str, str] = {}
        folders, seen = [""], 0
        while folders:
            folder = folders.pop()
            entries = client.scandir(self._actual(folder))
            while (entry := await _in_time(anext(entries, None))) is not None:
                seen += 1
                if seen > _SEEN_FACTOR * places.MAX_FILES:
                    raise self.too_many()
                name = str(entry.filename)
                path = f"{folder}/{name}" if folder else name
                if name in (".", "..") or "/" in name or "\0" in name:
                    continue
                if entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                    folders += [path] if leads_to(path, pattern) else []
                elif matches(path, pattern) and entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR:
                    found[path] = _identity(entry.attrs)
                elif matches(path, pattern):
                    found |= await self._told_of(client, [path])
        return found

    async def _told_of(self, client: SFTPClient, paths: Iterable[str]) -> dict[str, str]:
        """The identities of those that are files or lead to one; what is wrong with others is told by opening them."""
        found = {}
        for path in paths:
            with suppress(asyncssh.SFTPError):
                about = await _in_time(client.stat(self._actual(path)))
                if about.type in (asyncssh.FILEXFER_TYPE_REGULAR, asyncssh.FILEXFER_TYPE_UNKNOWN):
                    found[path] = _identity(about)
        return found

    async def _poured(self, client: SFTPClient, path: str, into: BinaryIO) -> None:
        """Fetch the whole file, seen to be the same before and after."""
        handle = await _in_time(client.open(self._actual(path), "rb", encoding=None))
        before = await _in_time(handle.stat())
        size = before.size or 0
        if size > places.MAX_FILE:
            raise self.too_large(path)
        blocks, fetched = aiter(await handle.read_parallel(size)), 0
        while (block := await _in_time(anext(blocks, None))) is not None:
            into.seek(block[0])
            into.write(block[1])
            fetched += len(block[1])
        after = await _in_time(handle.stat())
        if fetched != size or (before.size, before.mtime) != (after.size, after.mtime):
            raise self.changed(path)
        into.seek(0)

    def _asked(self, path: str, ask: Callable[[SFTPClient], Coroutine[Any, Any, T]]) -> T:
        """What one connection to the server answers about ``path``; raises ``SourceError``."""

        async def asked() -> T:
            # Requests that were under way when the first one failed need not tell of it too.
            asyncio.get_running_loop().set_exception_handler(lambda loop, about: None)
            async with self._connected() as client:
                return await ask(client)

        try:
            return asyncio.run(asked())
        except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as error:
            raise self.absent(path) from error
        except asyncssh.SFTPPermissionDenied as error:
            raise SourceRefused(
                f"{self.name(path)} may not be read by {self._user!r}.",
                hint="Let the account of the source read this path.",
            ) from error
        except (asyncssh.SFTPFailure, asyncssh.SFTPBadMessage) as error:
            raise self._unreadable(path) from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise SourceDown(
                f"The connection to the {self._server()} broke off.",
                hint="Nothing was loaded; the next run tries again by itself.",
            ) from error

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[SFTPClient]:
        guard, keys = HostKey(str(self.config.get("host_key", ""))), self._keys()
        try:
            connection = await asyncssh.connect(
                self._host,
                self._port,
                sock=self._socket(),
                client_factory=lambda: guard,
                known_hosts=b"",
                server_host_key_algs=guard.key_types,
                username=self._user,
                password=self.secrets.get("password"),
                client_keys=keys,
                # Nothing of whoever runs the hub: no configuration, agent or ticket of theirs.
                config=None,
                agent_path=None,
                gss_kex=False,
                gss_auth=False,
                login_timeout=LOGIN_SECONDS,
            )
        except asyncssh.HostKeyNotVerifiable as error:
            raise self._unverified(guard) from error
        except asyncssh.PermissionDenied as error:
            raise SourceRefused(
                f"The {self._server()} refused the login of {self._user!r}.",
                hint="Check the user in the source's url, and its password or private_key.",
            ) from error
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise SourceDown(
                f"The {self._server()} does not answer as an SFTP server.",
                hint="Check host and port in the source's url, and that the server runs; the next run tries again.",
            ) from error
        try:
            encoding = self.config.get("filename_encoding", "utf-8")
            yield await _in_time(connection.start_sftp_client(path_encoding=encoding, path_errors="strict"))
        finally:  # without a farewell, for which one would have to wait
            connection.abort()
            with suppress(TimeoutError):
                await asyncio.wait_for(connection.wait_closed(), _CLOSE_SECONDS)

    def _socket(self) -> socket.socket:
        """Connected to an address that the source may reach."""
        fault: OSError | None = None
        for address in Reach(self._host, self._port, Limits.of(self.config)).addresses(self._host, self._port):
            try:
                return socket.create_connection((address, self._port), timeout=CONNECT_SECONDS)
            except OSError as error:
                fault = error
        raise SourceDown(
            f"Nothing answers at {self._host} port {self._port}.",
            hint="Check that the server runs and that the hub's machine can reach it; the next run tries again by "
            "itself.",
        ) from fault

    def _keys(self) -> list[SSHKey] | None:
        if "private_key" not in self.secrets:
            return None
        try:
            return [asyncssh.import_private_key(self.secrets["private_key"], self.secrets.get("passphrase"))]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
            raise SourceRefused(
                "The source's private_key cannot be read.",
                code="source-private-key",
                hint="Give it whole, in the OpenSSH or PEM form, with its passphrase where it has one.",
            ) from None

    def _server(self) -> str:
        return f"SFTP server at {self._host} port {self._port}"

    def _unverified(self, guard: HostKey) -> SourceError:
        if guard.pinned:
            return SourceRefused(
                f"The {self._server()} showed another host key than the one pinned: {guard.shown}.",
                code="source-host-key",
                hint="Nothing was sent to it. Ask who runs the server whether its key was changed, compare, and only "
                "then pin the new one as the source's host_key.",
            )
        return SourceRefused(
            f"The source pins no host key; the {self._server()} showed {guard.shown}.",
            code="source-host-key",
            hint="Nothing was sent to it. Compare this with what who runs the server says, and pin it as the source's "
            "host_key.",
        )

    def _unreadable(self, path: str) -> SourceMissing:
        return SourceMissing(
            f"{self.name(path)} is no file or folder that the {self._server()} gives out.",
            code="source-no-file",
            hint="Check the stream's select.path; where names are not UTF-8, set the source's filename_encoding.",
        )


async def _in_time(answer: Any) -> Any:
    async with asyncio.timeout(QUIET_SECONDS):
        return await answer


def _identity(about: SFTPAttrs) -> str:
    """Empty where it would not be another one after a change; the protocol tells times in whole seconds."""
    if about.size is None or about.mtime is None or abs(time.time() - about.mtime) < SETTLED_AFTER:
        return ""
    return f"{about.size} bytes, {about.mtime}"


def _joined(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}" if path else base
