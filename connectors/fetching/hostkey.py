"""The key by which an SFTP server shows that it is the one meant: what is pinned, held against what is shown."""

import base64
import binascii
from contextlib import suppress
from typing import Final

import asyncssh
from asyncssh import SSHKey

_KEY_TYPES: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)


class HostKey(asyncssh.SSHClient):
    """Accepts the pinned host key alone, and remembers which one was shown."""

    def __init__(self, pinned: str) -> None:
        self.pinned = pinned.strip()
        self.shown = "none"
        self._blob = _blob_of(self.pinned)

    @property
    def key_types(self) -> list[str]:
        """The algorithms by which the pinned key can be shown; a server with several keys is to show that one."""
        if not self._blob:
            return list(_KEY_TYPES)
        kind = self._blob[4 : 4 + int.from_bytes(self._blob[:4])].decode("ascii", "replace")
        return [name for name in _KEY_TYPES if name == kind or (kind == "ssh-rsa" and name.startswith("rsa-"))]

    def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
        self.shown = f"{key.get_algorithm()} {key.get_fingerprint()}"
        if self._blob:
            return key.public_data == self._blob
        return bool(self.pinned) and self.pinned.rstrip("=") in (key.get_fingerprint().rstrip("="), self.shown)


def _blob_of(pinned: str) -> bytes:
    """The key itself in a line as OpenSSH writes it, with or without a host's name; empty for a fingerprint."""
    for word in pinned.split():
        if word.startswith("AAAA"):
            with suppress(binascii.Error):
                return base64.b64decode(word, validate=True)
    return b""
