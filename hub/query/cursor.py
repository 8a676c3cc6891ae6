"""Cursors and positions of feeds: encrypted, and good only for the caller and the question they were made for."""

import base64
import hashlib
import json
import time
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from hub.errors import Invalid

LIFETIME_SECONDS = 24 * 3600


def seal(position: tuple[str | None, ...], binding: str) -> str:
    """The opaque form of a page's end; ``binding`` names caller, query and decision."""
    body = json.dumps([_digest(binding), *position], ensure_ascii=False).encode()
    return _fernet().encrypt(body).decode().rstrip("=")


def unseal(cursor: str, binding: str, lifetime: int | None = LIFETIME_SECONDS) -> tuple[str | None, ...]:
    """The position sealed in ``cursor`` no more than ``lifetime`` seconds ago, None for ever.

    Raises ``Invalid`` (``cursor-invalid``) for any other binding.
    """
    try:
        padded = (cursor + "=" * (-len(cursor) % 4)).encode()
        opened = (
            _fernet().decrypt_at_time(padded, lifetime, int(time.time())) if lifetime else _fernet().decrypt(padded)
        )
        bound, *position = json.loads(opened)
    except (InvalidToken, ValueError):
        raise _foreign() from None
    if bound != _digest(binding):
        raise _foreign()
    return tuple(position)


def _foreign() -> Invalid:
    return Invalid(
        "This cursor does not go on from here.",
        code="cursor-invalid",
        hint="It has expired or belongs to another query, caller or state of the rules: start again without it.",
    )


def _digest(binding: str) -> str:
    return hashlib.sha256(binding.encode()).hexdigest()[:32]


@lru_cache(maxsize=1)
def _fernet() -> Fernet:
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"page cursors").derive(settings.SECRET_KEY.encode())
    return Fernet(base64.urlsafe_b64encode(key))
