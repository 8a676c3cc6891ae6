"""The terms of a stream: what may differ from what was agreed before a person is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hub.errors import FieldError, Invalid

_REACTIONS: Mapping[str, tuple[str, ...]] = {
    "columns": ("hold", "evolve", "fail"),
    "types": ("quarantine", "fail"),
    "rows": ("quarantine", "fail"),
}


@dataclass(frozen=True, slots=True)
class Terms:
    """``max_rejects`` and ``max_shrink`` are shares from 0 to 1, of the rows read and of the rows there were."""

    columns: str = "hold"
    types: str = "quarantine"
    rows: str = "quarantine"
    max_rejects: Decimal = Decimal("0.01")
    max_shrink: Decimal = Decimal("0.5")

    @classmethod
    def parse(cls, table: Mapping[str, Any]) -> "Terms":
        """From a stream's ``contract``; raises ``Invalid`` naming each key at fault."""
        errors: list[FieldError] = []
        values: dict[str, Any] = {}
        for key, value in table.items():
            if key in _REACTIONS and value in _REACTIONS[key]:
                values[key] = value
            elif key in ("max_rejects", "max_shrink") and (share := _share(value)) is not None:
                values[key] = share
            else:
                errors.append(FieldError(f"contract.{key}", "contract-invalid", _expected(key)))
        if errors:
            raise Invalid(errors[0].message, code="contract-invalid", errors=errors)
        return cls(**values)


def _share(value: object) -> Decimal | None:
    text = str(value).strip()
    try:
        share = Decimal(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ArithmeticError:
        return None
    return share if not isinstance(value, bool) and 0 <= share <= 1 else None


def _expected(key: str) -> str:
    if key in _REACTIONS:
        return f"{key} is one of {', '.join(_REACTIONS[key])}."
    if key in ("max_rejects", "max_shrink"):
        return f'{key} is a share such as "1%" or 0.01.'
    return f"A contract has no {key}; it has columns, types, rows, max_rejects and max_shrink."
