"""Finds the kinds of source there are: each module in ``connectors.kinds`` is one."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final

from jsonschema import Draft202012Validator

from connectors import kinds
from connectors.base import Connector, JsonSchema
from hub.errors import FieldError, Invalid

KINDS: Final[Mapping[str, str]] = {
    **{module.name: f"{kinds.__name__}.{module.name}" for module in iter_modules(kinds.__path__)},
    "upload": "connectors.uploads",
}
"""Each kind's module by its name; imported only when one is asked for, with the library that it needs."""


def load(kind: str) -> type[Connector]:
    """The connector class of a kind; raises ``Invalid`` for a kind there is not."""
    if kind not in KINDS:
        message = f"There is no kind of source {kind!r}."
        hint = f"Known: {', '.join(KINDS)}."
        raise Invalid(message, code="unknown-kind", hint=hint, errors=[FieldError("kind", "unknown-kind", message)])
    module = import_module(KINDS[kind])
    return next(one for one in vars(module).values() if isinstance(one, type) and vars(one).get("kind") == kind)


def faults(schema: JsonSchema, value: Any, at: str = "") -> tuple[FieldError, ...]:
    """What ``schema`` finds wrong with ``value``, each with its dotted place below ``at``; values are not repeated."""
    found = sorted(Draft202012Validator(schema).iter_errors(value), key=lambda error: list(map(str, error.path)))
    return tuple(
        FieldError(
            field=".".join(filter(None, (at, *map(str, error.path)))),
            code=str(error.validator),
            message=_sentence(error.validator, error.validator_value, error.instance, error.schema),
        )
        for error in found
    )


def _sentence(rule: str, demand: Any, value: Any, schema: Any) -> str:
    if rule == "additionalProperties":
        unknown = sorted(set(value) - set(schema.get("properties", ())))
        return f"There is no setting {', '.join(unknown)}. Known: {', '.join(schema.get('properties', ()))}."
    if rule == "required":
        return f"Needed: {', '.join(name for name in demand if name not in value)}."
    if rule == "enum":
        return f"One of: {', '.join(map(str, demand))}."
    if rule == "type":
        return f"This must be of type {demand if isinstance(demand, str) else ' or '.join(demand)}."
    return str(schema.get("description", "")) or f"This breaks the rule {rule} = {demand}."
