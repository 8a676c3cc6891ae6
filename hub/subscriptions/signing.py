"""Signs what webhooks carry, as the Standard Webhooks specification has it, so that a receiver can tell it is ours."""

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from secrets import token_bytes
from typing import Final

_PREFIX: Final = "whsec_"


def new_secret() -> str:
    """A signing secret of 32 random bytes in the specification's form."""
    return _PREFIX + b64encode(token_bytes(32)).decode()


def headers_of(secrets: Iterable[str], id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature for each secret, so that a receiver may hold either while it changes them.

    ``timestamp`` is that of this try in seconds, ``id`` the same at each try.
    """
    signed = f"{id}.{timestamp}.".encode() + body
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(_PREFIX))
    return b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
