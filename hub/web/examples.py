"""How a program reads a dataset, with the names and one value that the visitor sees: written to be run as it stands."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.predicates import FilterError, names, parse

_LIMIT: Final = 10
_NAMED: Final = 4
_LONGEST: Final = 60
_EQUAL: Final = ("string", "integer", "decimal", "boolean", "date")
"""Types whose values are worth looking for, and equal the same thing in every language."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the examples ask for: rows in which ``field`` is ``value``, or anything at all where that is None."""

    address: str
    agreement: str
    properties: tuple[str, ...]
    field: str
    type: str
    value: str | None
    has_files: bool

    @property
    def filter(self) -> str:
        """The condition in CQL2."""
        name = self.field if _is_bare(self.field) else f'"{self.field}"'
        return f"{name} IS NOT NULL" if self.value is None else f"{name} = {self._literal('DATE({})')}"

    @property
    def where(self) -> str:
        """The condition in SQL."""
        name = _identifier(self.field)
        return f"{name} IS NOT NULL" if self.value is None else f"{name} = {self._literal('DATE {}')}"

    def _literal(self, date: str) -> str:
        value = self.value or ""
        if self.type == "date":
            return date.format(_sql(value))
        return _sql(value) if self.type == "string" else value

    @property
    def params(self) -> dict[str, str]:
        return {"filter": self.filter, "properties": ",".join(self.properties), "limit": str(_LIMIT)}


def examples(
    address: str,
    agreement: str,
    fields: Sequence[Mapping[str, Any]],
    row: Mapping[str, Any] | None,
    *,
    key: Sequence[str] = (),
    has_files: bool = True,
) -> list[tuple[str, str, str]]:
    """Id, name and text of each example; none where the visitor sees no field.

    ``fields`` are those that the visitor sees (``name``, ``type``, ``access``), ``row`` the first row as it is shown,
    with numbers as texts. ``address`` is the dataset's in the API.
    """
    if not fields:
        return []
    field, value = _sought(fields, row or {}, key)
    others = [other["name"] for other in fields if other["name"] != field["name"]]
    wish = Wish(
        address=address,
        agreement=agreement,
        properties=(field["name"], *others[: _NAMED - 1]),
        field=field["name"],
        type=field["type"],
        value=value,
        has_files=has_files,
    )
    told = [("curl", "curl", _curl(wish)), ("python", "Python", _python(wish)), ("r", "R", _r(wish))]
    return [*told, ("duckdb", "DuckDB", _duckdb(wish))] if has_files else told


def _sought(
    fields: Sequence[Mapping[str, Any]], row: Mapping[str, Any], key: Sequence[str]
) -> tuple[Mapping[str, Any], str | None]:
    """A field that the visitor sees in clear with a short value of it, rather none of the key; else one without."""
    for field in sorted(fields, key=lambda field: field["name"] in key):
        value = row.get(field["name"])
        text = str(value).lower() if isinstance(value, bool) else value
        if field["access"] == "clear" and field["type"] in _EQUAL and isinstance(text, str) and _is_short(text):
            return field, text
    return fields[0], None


def _is_short(text: str) -> bool:
    return 0 < len(text) <= _LONGEST and text.isprintable()


def _is_bare(name: str) -> bool:
    """Whether the filter language takes the name without quotes."""
    try:
        return set(names(parse(f"{name} IS NULL"))) == {name}
    except FilterError:
        return False


def _curl(wish: Wish) -> str:
    lines = ['curl -sS --compressed -G -H "Authorization: Bearer $HUB_TOKEN"']
    if wish.agreement:
        lines.append(f"-H {shlex.quote(f'Hub-Agreement: {wish.agreement}')}")
    lines += [f"--data-urlencode {shlex.quote(f'{name}={text}')}" for name, text in wish.params.items()]
    return " \\\n  ".join([*lines, shlex.quote(f"{wish.address}/rows")])


def _python(wish: Wish) -> str:
    agreement = f', "Hub-Agreement": {wish.agreement!r}' if wish.agreement else ""
    params = "\n".join(f'    "{name}": {text!r},' for name, text in wish.params.items())
    lines = [
        "import os",
        "",
        *(("import pandas",) if wish.has_files else ()),
        "import requests",
        "",
        f'headers = {{"Authorization": "Bearer " + os.environ["HUB_TOKEN"]{agreement}}}',
        f"address = {wish.address!r}",
        f"params = {{\n{params}\n}}",
        'answer = requests.get(address + "/rows", params=params, headers=headers, timeout=60)',
        "answer.raise_for_status()",
        'print(answer.json()["data"])',
    ]
    if wish.has_files:
        lines += ["", "# all of it", 'print(pandas.read_parquet(address + "/file.parquet", storage_options=headers))']
    return "\n".join(lines)


def _r(wish: Wish) -> str:
    agreement = f"\n  req_headers(`Hub-Agreement` = {_quoted(wish.agreement)}) |>" if wish.agreement else ""
    params = ", ".join(f"{name} = {_quoted(text)}" for name, text in wish.params.items())
    return (
        "library(httr2)\n\n"
        f"answer <- request({_quoted(f'{wish.address}/rows')}) |>\n"
        f'  req_auth_bearer_token(Sys.getenv("HUB_TOKEN")) |>{agreement}\n'
        f"  req_url_query({params}) |>\n"
        "  req_perform()\n"
        "print(resp_body_json(answer, simplifyVector = TRUE)$data)"
    )


def _duckdb(wish: Wish) -> str:
    site = re.sub(r"(?<=[^:/])/.*", "/", wish.address)
    headers = {"Authorization": "Bearer $HUB_TOKEN", **({"Hub-Agreement": wish.agreement} if wish.agreement else {})}
    told = ", ".join(f"{_sql(name)}: {_sql(text)}" for name, text in headers.items())
    columns = ", ".join(map(_identifier, wish.properties))
    return (
        "INSTALL httpfs;\nLOAD httpfs;\n"
        "-- with your token in the place of $HUB_TOKEN; it is sent to the hub alone\n"
        f"CREATE SECRET hub (TYPE http, SCOPE {_sql(site)}, EXTRA_HTTP_HEADERS MAP {{{told}}});\n\n"
        f"SELECT {columns}\n"
        f"FROM read_parquet({_sql(f'{wish.address}/file.parquet')})\n"
        f"WHERE {wish.where}\n"
        f"LIMIT {_LIMIT};"
    )


def _sql(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _quoted(text: str) -> str:
    """A string of R, whose escapes are those of JSON but for ``\\/``, which is not written here."""
    return json.dumps(text, ensure_ascii=False)
