"""Seals what signs the hub in elsewhere: AES-256-GCM, bound to its row, under a key with an id that can be changed."""

import base64
import binascii
import json
import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, cast
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models

from hub.errors import Unavailable

OWN: Final = "own"
"""The id of the key derived from the hub's own, which seals where ``HUB_SECRETS_KEYS`` names none."""
_NONCE: Final = 12
_KEY: Final = 32


class SealedField(models.BinaryField):  # type: ignore[type-arg]
    """What ``seal`` made for this row; ``manage.py secrets rotate`` finds every column of this type."""


def seal(secrets: Mapping[str, str], row: UUID) -> bytes:
    """The stored form of the secrets of the row with this id, under the newest key; empty for none.

    That is the key's id, a NUL, 96 random bits, and the ciphertext with its tag (NIST SP 800-38D).
    """
    if not secrets:
        return b""
    name, key = next(iter(_keys().items()))
    head, nonce = name.encode() + b"\0", os.urandom(_NONCE)
    return head + nonce + AESGCM(key).encrypt(nonce, json.dumps(dict(secrets)).encode(), head + row.bytes)


def unseal(sealed: bytes, row: UUID) -> dict[str, str]:
    """What ``seal`` was given for the same row; raises ``Unavailable`` without the key, and for another row's."""
    if not sealed:
        return {}
    name, _, rest = bytes(sealed).partition(b"\0")
    key = _keys().get(name.decode(errors="replace"))
    try:
        if key is None:
            raise InvalidTag
        opened = AESGCM(key).decrypt(rest[:_NONCE], rest[_NONCE:], name + b"\0" + row.bytes)
        return cast(dict[str, str], json.loads(opened))
    except (InvalidTag, ValueError):
        raise Unavailable(
            f"These secrets were sealed with the key {name[:40].decode(errors='replace')!r}, which is not here.",
            code="secrets-sealed",
            hint="Start the hub with the HUB_SECRET_KEY and HUB_SECRETS_KEYS it had, or enter the secrets again.",
        ) from None


def is_newest(sealed: bytes) -> bool:
    """Whether the newest key sealed it, or there is nothing in it."""
    return not sealed or bytes(sealed).partition(b"\0")[0] == next(iter(_keys())).encode()


def newest_key() -> str:
    """The id of the key that seals from now on."""
    return next(iter(_keys()))


def fresh_key() -> str:
    """Random bits for a key, as ``HUB_SECRETS_KEYS`` takes them."""
    return base64.b64encode(os.urandom(_KEY)).decode()


def _keys() -> Mapping[str, bytes]:
    return _parsed(settings.HUB_SECRETS_KEYS, settings.SECRET_KEY)


@lru_cache(maxsize=4)
def _parsed(given: str, own: str) -> Mapping[str, bytes]:
    """The keys by id, the newest first; the hub's own last, to open what it sealed before there were others."""
    keys = {}
    for number, word in enumerate(given.replace(",", " ").split(), start=1):
        name, _, bits = word.partition(":")
        try:
            keys[name] = base64.b64decode(bits, validate=True)
        except binascii.Error:
            keys[name] = b""
        if not name or name == OWN or len(keys[name]) != _KEY:
            raise ImproperlyConfigured(
                f"Key number {number} of HUB_SECRETS_KEYS is not an id, a colon and {_KEY} bytes in base64; "
                "manage.py secrets key prints one."
            )
    keys[OWN] = HKDF(hashes.SHA256(), _KEY, salt=None, info=b"sealed secrets").derive(own.encode())
    return keys
