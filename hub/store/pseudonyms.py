"""Keys of keyed hashes: derived from the hub's secret, kept padded in a table, never in a statement."""

import hashlib
import hmac

from django.conf import settings

from hub.store.models import HashKey

_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def hash_key_name(consumer: str, dataset: str, field: str, link: str) -> str:
    """One key for each consuming agency and field; fields of one owner with the same ``link`` share theirs."""
    if link:
        return f"{consumer} {dataset.partition('.')[0]}.* link {link}"
    return f"{consumer} {dataset} field {field}"


def ensure_hash_key(name: str) -> None:
    """Store the two padded blocks of HMAC-SHA256 (RFC 2104) for ``name``, unless they are there."""
    if not HashKey.objects.filter(name=name).exists():
        secret = hmac.digest(settings.SECRET_KEY.encode(), f"pseudonyms {name}".encode(), hashlib.sha256)
        padded = secret.ljust(_BLOCK, b"\0")
        HashKey.objects.bulk_create(
            [HashKey(name=name, inner=padded.translate(_INNER), outer=padded.translate(_OUTER))],
            ignore_conflicts=True,
        )
