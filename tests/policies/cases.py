"""The worked cases as facts and typed rows, read from their manifests and files without any database."""

import csv
import datetime as dt
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hub.accounts.caller import Caller
from hub.predicates import FieldType
from policies.access import Access
from policies.facts import DatasetFacts, FieldFacts, GrantFacts, LegalBasis, Party, RuleFacts, Target

CASES = Path(__file__).parent.parent / "cases"
FOLDERS = tuple(sorted(folder.name for folder in CASES.iterdir() if folder.is_dir()))

READ: Mapping[str, Callable[[str], object]] = {
    "string": str,
    "integer": int,
    "decimal": Decimal,
    "boolean": lambda text: text == "true",
    "date": dt.date.fromisoformat,
}


@dataclass(frozen=True)
class Case:
    """One folder: who may ask, what there is, and what each must see."""

    callers: Mapping[str, Caller]
    datasets: Mapping[str, DatasetFacts]
    rows: Mapping[str, list[dict[str, object]]]
    rules: tuple[RuleFacts, ...]
    grants: tuple[GrantFacts, ...]
    expected: list[dict[str, Any]]


@cache
def load(folder: str) -> Case:
    manifest = tomllib.loads((CASES / folder / "manifest.toml").read_text())
    datasets = {table["key"]: _dataset(table) for table in manifest["dataset"]}
    return Case(
        callers={f"{table['agency']}/{table['name']}": _caller(table, manifest) for table in manifest["client"]},
        datasets=datasets,
        rows={key: _rows(CASES / folder / f"{key.partition('.')[2]}.csv", facts) for key, facts in datasets.items()},
        rules=tuple(map(rule, manifest.get("rule", []))),
        grants=tuple(map(grant, manifest.get("agreement", []))),
        expected=json.loads((CASES / folder / "expected.json").read_text()),
    )


def rule(table: Mapping[str, Any]) -> RuleFacts:
    return RuleFacts(
        key=table["key"],
        target=Target.parse(table["target"]),
        party=Party.parse(table["party"]),
        effect=table.get("effect"),
        access=Access.parse(table["access"]) if "access" in table else None,
        filter=table.get("filter"),
        is_firm=table.get("firm", False),
        modes=frozenset(table.get("modes", ())),
        reason=table["reason"],
        legal_basis=_basis(table),
        valid_from=table.get("valid_from"),
        valid_to=table.get("valid_to"),
    )


def grant(table: Mapping[str, Any]) -> GrantFacts:
    return GrantFacts(
        key=table["key"],
        agency=table["agency"],
        dataset=table["dataset"],
        fields={name: Access.parse(access) for name, access in table["fields"].items()},
        filter=table.get("filter"),
        modes=frozenset(table.get("modes", ())),
        reason=table["purpose"],
        legal_basis=_basis(table),
        valid_from=table.get("valid_from"),
        valid_to=table.get("valid_to"),
    )


def shown(value: object, access: Access, type_: FieldType) -> object:
    """A cell as ``expected.json`` has it."""
    if access.kind == "redact":
        return "***"
    if value is None or access.kind == "null":
        return None
    match access.kind:
        case "round":
            return as_json(rounded(value, access.to))
        case "partial":
            return partial(text(value), access.head, access.tail)
        case "hash":
            return {"hash": text(value, trimmed=True)}
    return as_json(value)


def rounded(value: object, to: object) -> object:
    match value:
        case str():
            return value[: int(str(to))]
        case dt.date():
            return value.replace(day=1) if to == "month" else value.replace(month=1, day=1) if to == "year" else value
    step = Decimal(str(to))
    return int((Decimal(str(value)) / step).quantize(Decimal(1), ROUND_HALF_UP)) * step


def partial(text: str, head: int, tail: int) -> str:
    if len(text) <= head + tail:
        return "*" * len(text)
    return text[:head] + "*" * (len(text) - head - tail) + (text[-tail:] if tail else "")


def text(value: object, *, trimmed: bool = False) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal) and trimmed:
        return f"{value.normalize():f}"
    return str(value)


def as_json(value: object) -> object:
    return value if isinstance(value, bool | None) else str(value)


def _dataset(table: Mapping[str, Any]) -> DatasetFacts:
    return DatasetFacts(
        key=table["key"],
        agency=table["key"].partition(".")[0],
        sharing_class=table.get("class", "unconditional"),
        fields=tuple(FieldFacts(field["name"], field["type"], field["sensitivity"]) for field in table["field"]),
        reason=table.get("reason", ""),
        legal_basis=_basis(table),
    )


def _caller(table: Mapping[str, Any], manifest: Mapping[str, Any]) -> Caller:
    groups = frozenset(group["key"] for group in manifest["group"] if table["agency"] in group["agencies"])
    return Caller(agency=table["agency"], client=f"{table['agency']}/{table['name']}", groups=groups)


def _rows(path: Path, dataset: DatasetFacts) -> list[dict[str, object]]:
    with path.open(newline="", encoding="utf-8") as lines:
        return [
            {field.name: READ[field.type](row[field.name]) if row[field.name] else None for field in dataset.fields}
            for row in csv.DictReader(lines)
        ]


def _basis(table: Mapping[str, Any]) -> tuple[LegalBasis, ...]:
    return tuple(LegalBasis(**basis) for basis in table.get("legal_basis", ()))
