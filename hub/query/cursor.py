"""Cursors and positions of feeds: encrypted, and good only for the caller and the question they were made for."""

import base64
import hmac
import json
import os
import time
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from hub.errors import Invalid

LIFETIME_SECONDS = 24 * 3600
_NONCE: Final = 12
_MARK: Final = "cur_"


def seal(position: tuple[str | None, ...], binding: str) -> str:
    """The opaque form of a page's end; ``binding`` names caller, query and decision."""
    body, nonce = json.dumps([int(time.time()), *position], ensure_ascii=False).encode(), os.urandom(_NONCE)
    sealed = _cipher(binding).encrypt(nonce, body, None)
    return _MARK + base64.urlsafe_b64encode(nonce + sealed).decode().rstrip("=")


def unseal(cursor: str, binding: str, lifetime: int | None = LIFETIME_SECONDS) -> tuple[str | None, ...]:
    """The position sealed in ``cursor`` no more than ``lifetime`` seconds ago, None for ever.

    Raises ``Invalid`` (``cursor-invalid``) for any other binding.
    """
    try:
        text = cursor.removeprefix(_MARK)
        opened = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        sealed_at, *position = json.loads(_cipher(binding).decrypt(opened[:_NONCE], opened[_NONCE:], None))
    except (InvalidTag, ValueError):
        raise _foreign() from None
    if lifetime is not None and time.time() - sealed_at > lifetime:
        raise _foreign()
    return tuple(position)


def _foreign() -> Invalid:
    return Invalid(
        "This cursor does not go on from here.",
        code="cursor-invalid",
        hint="It has expired or belongs to another query, caller or state of the rules: start again without it.",
    )


def _cipher(binding: str) -> AESGCM:
    """AES-256-GCM under a key of this binding alone, so that no key seals more than random nonces are good for."""
    return AESGCM(hmac.digest(_key(), binding.encode(), "sha256"))


@lru_cache(maxsize=1)
def _key() -> bytes:
    return HKDF(hashes.SHA256(), 32, salt=None, info=b"cursors of a binding").derive(settings.SECRET_KEY.encode())
