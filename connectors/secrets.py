"""Seals what signs the hub in at sources, with a key derived from the hub's own: a dump alone tells nothing."""

import base64
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from hub.errors import Unavailable


def seal(secrets: Mapping[str, str]) -> bytes:
    """The stored form of a source's secrets; empty for none."""
    return _fernet().encrypt(json.dumps(dict(secrets)).encode()) if secrets else b""


def unseal(sealed: bytes) -> dict[str, str]:
    """What ``seal`` was given; raises ``Unavailable`` where the hub's key is not the one that sealed it."""
    if not sealed:
        return {}
    try:
        return cast(dict[str, str], json.loads(_fernet().decrypt(bytes(sealed))))
    except InvalidToken:
        raise Unavailable(
            "The secrets of the source were sealed with another key.",
            code="secrets-sealed",
            hint="Start the hub with the HUB_SECRET_KEY it had, or enter the source's secrets again.",
        ) from None


@lru_cache(maxsize=1)
def _fernet() -> Fernet:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"source secrets").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
