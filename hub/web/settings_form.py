"""The settings of a source as inputs of a form, made of its kind's JSON Schema; and what was typed, as settings."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from connectors.base import LIMITS_SCHEMA, JsonSchema
from hub.errors import FieldError, Invalid

_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class Input:
    """One input, by its dotted ``place``; ``form`` says how it is typed.

    ``group`` is none but says what the next ones are for. ``lines`` has one text a line, ``pairs`` a name and a value.
    ``is_seldom`` is one that most sources do without. The ``value`` of a secret is never given.
    """

    place: str
    label: str
    description: str
    form: str
    value: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    is_required: bool = False
    is_seldom: bool = False


def inputs(schema: JsonSchema, place: str, value: Mapping[str, Any] = {}, label: str = "") -> Iterator[Input]:
    """The inputs for what ``schema`` describes, those of an object within it among them, filled with ``value``."""
    if not schema.get("properties") and schema.get("additionalProperties"):
        yield Input(place, place, schema.get("description", ""), "pairs", _pairs(value))
        return
    for name, one in schema["properties"].items():
        at, told, form = f"{place}.{name}", f"{label}{name}", _form(one)
        is_seldom = not label and name in LIMITS_SCHEMA
        if form == "group":
            yield Input(at, told, one.get("description", ""), form)
            yield from inputs(one, at, value.get(name) or {}, f"{told}.")
            continue
        yield Input(
            at,
            told,
            one.get("description", ""),
            form,
            _typed(form, value[name]) if name in value else "",
            tuple(one.get("enum", ())),
            str(one.get("default", "")),
            is_required=not label and name in schema.get("required", ()),
            is_seldom=is_seldom,
        )


def secret_inputs(schema: JsonSchema) -> list[Input]:
    """The inputs for secrets: empty ones, whatever the hub has."""
    return list(inputs(schema, "secrets"))


def settings(said: QueryDict, schema: JsonSchema, place: str) -> dict[str, Any]:
    """What was typed for ``schema``; what is of another form than it wants is left as it is, for it to refuse.

    Raises ``Invalid`` for a line without a colon where names and values are wanted.
    """
    if not schema.get("properties"):
        return _read_pairs(said.get(place, ""), place)
    read = {name: _read(said, one, f"{place}.{name}") for name, one in schema["properties"].items()}
    return {name: value for name, value in read.items() if value is not _NOTHING}


def storable(text: str) -> Any:
    """What is written as JSON; raises ``ValueError`` where it is none, or has what PostgreSQL keeps in no text."""
    value = json.loads(text)
    if "\\u0000" in json.dumps(value, ensure_ascii=False).encode().decode():
        raise ValueError("PostgreSQL has no text with U+0000.")
    return value


def _form(schema: JsonSchema) -> str:
    if schema.get("enum"):
        return "choice"
    if schema.get("type") == "object":
        return "group" if schema.get("properties") else "pairs" if schema.get("additionalProperties") else "json"
    if schema.get("contentMediaType"):
        return "text"
    return {"integer": "number", "boolean": "check", "array": "lines"}.get(str(schema.get("type")), "line")


def _typed(form: str, value: Any) -> str:
    if form == "pairs":
        return _pairs(value)
    if form == "lines" and isinstance(value, list):
        return "\n".join(map(str, value))
    return json.dumps(value, ensure_ascii=False, indent=2) if form in ("json", "check") else str(value)


def _pairs(value: Any) -> str:
    return "\n".join(f"{name}: {text}" for name, text in value.items()) if isinstance(value, Mapping) else str(value)


def _read(said: QueryDict, schema: JsonSchema, place: str) -> Any:
    form, text = _form(schema), said.get(place, "")
    if form == "group":
        return settings(said, schema, place) or _NOTHING
    if form == "check":
        is_on = place in said
        return _NOTHING if is_on == schema.get("default", False) else is_on
    if not text.strip():
        return _NOTHING
    if form == "number":
        return int(text) if text.strip().isascii() and text.strip().isdigit() else text
    if form == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if form == "pairs":
        return _read_pairs(text, place)
    if form == "json":
        try:
            return storable(text)
        except ValueError:
            return text
    return text if place.startswith("secrets") else text.strip()


def _read_pairs(text: str, place: str) -> dict[str, str]:
    lines = [line.partition(":") for line in text.splitlines() if line.strip()]
    if not all(colon for _, colon, _ in lines):
        message = "Write a name and a value on each line, with a colon between them."
        raise Invalid(message, errors=[FieldError(place, "invalid", message)])
    return {name.strip(): rest.strip() for name, _, rest in lines}
