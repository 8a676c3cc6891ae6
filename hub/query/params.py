"""A read as it was asked for: query parameters become one plain, checked value."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from hub.errors import FieldError, Invalid
from hub.store.select.aggregates import TAKES, Function
from policies.facts import Mode

Format = Literal["json", "ndjson", "csv"]
Count = Literal["none", "estimate", "exact"]

DEFAULT_LIMIT = 100
MAX_LIMIT = 10_000
RESERVED = frozenset({"filter", "properties", "sortby", "limit", "cursor", "count", "f", "numbers", "csv"})
OF_AGGREGATES = frozenset({"groupby", "agg", "filter", "sortby", "limit", "cursor", "count", "numbers"})


@dataclass(frozen=True, slots=True)
class SortKey:
    """One field to sort by; nulls come last in either direction."""

    name: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class RowsQuery:
    """What is asked of a dataset's rows. ``limit`` None is the whole view; empty ``properties`` are all fields.

    ``equals`` are names of fields with texts of their values, None for none.
    """

    mode: ClassVar[Mode] = "rows"
    event: ClassVar[str] = "rows.read"

    equals: tuple[tuple[str, str | None], ...] = ()
    filter: str = ""
    properties: tuple[str, ...] = ()
    sortby: tuple[SortKey, ...] = ()
    limit: int | None = DEFAULT_LIMIT
    cursor: str = ""
    count: Count = "none"
    format: Format = "json"
    numbers_as_strings: bool = False
    csv_safe: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """One aggregate of each group; ``count`` is of no field."""

    function: Function
    field: str = ""

    @property
    def name(self) -> str:
        """How the answer calls it."""
        return f"{self.function}_{self.field}" if self.field else self.function


@dataclass(frozen=True, slots=True)
class AggregateQuery:
    """What is asked of groups of a dataset's rows. Without ``groupby`` all rows are one group.

    ``sortby`` names columns of the answer.
    """

    mode: ClassVar[Mode] = "aggregate"
    event: ClassVar[str] = "rows.aggregated"

    equals: tuple[tuple[str, str], ...] = ()
    filter: str = ""
    groupby: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = (Measure("count"),)
    sortby: tuple[SortKey, ...] = ()
    limit: int = DEFAULT_LIMIT
    cursor: str = ""
    count: Count = "none"
    numbers_as_strings: bool = False


def parse_rows_query(params: Mapping[str, Sequence[str]], *, accept: str = "") -> RowsQuery:
    """Check ``params`` (every value a list, as a query string has it) and the ``Accept`` header.

    Raises ``Invalid`` with a ``FieldError`` for each parameter at fault. Names of fields are checked later, against
    the caller's own schema.
    """
    errors: list[FieldError] = []
    single, equals = _taken(params, RESERVED, errors)
    form = _choice(single, "f", _accepted(accept), get_args(Format), errors)
    query = RowsQuery(
        equals=equals,
        filter=_filter(single, errors),
        properties=_names(single, "properties", errors),
        sortby=_sort_keys(single, errors),
        limit=_limit(single, form, errors),
        cursor=single.get("cursor", ""),
        count=_choice(single, "count", "none", get_args(Count), errors),  # type: ignore[arg-type]
        format=form,  # type: ignore[arg-type]
        numbers_as_strings=_choice(single, "numbers", "exact", ("exact", "string"), errors) == "string",
        csv_safe=_choice(single, "csv", "exact", ("exact", "safe"), errors) == "safe",
    )
    _raise_first(errors)
    return query


def parse_aggregate_query(params: Mapping[str, Sequence[str]]) -> AggregateQuery:
    """The same for groups of rows."""
    errors: list[FieldError] = []
    single, equals = _taken(params, OF_AGGREGATES, errors)
    groupby, measures = _names(single, "groupby", errors), _measures(single, errors)
    columns = [*groupby, *(measure.name for measure in measures)]
    for name in {name for name in columns if columns.count(name) > 1 and groupby.count(name) < 2}:
        errors.append(FieldError("agg", "parameter-invalid", f"Two columns of the answer would be called {name}."))
    query = AggregateQuery(
        equals=equals,
        filter=_filter(single, errors),
        groupby=groupby,
        measures=measures,
        sortby=_sort_keys(single, errors),
        limit=_limit(single, "json", errors) or DEFAULT_LIMIT,
        cursor=single.get("cursor", ""),
        count=_choice(single, "count", "none", get_args(Count), errors),  # type: ignore[arg-type]
        numbers_as_strings=_choice(single, "numbers", "exact", ("exact", "string"), errors) == "string",
    )
    _raise_first(errors)
    return query


def _taken(
    params: Mapping[str, Sequence[str]], reserved: frozenset[str], errors: list[FieldError]
) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """The parameters of the route, and what all others ask to be equal."""
    for name, values in params.items():
        if name in reserved and len(values) > 1:
            errors.append(FieldError(name, "repeated", f"The parameter {name} may be given once."))
    single = {name: values[-1] for name, values in params.items() if name in reserved}
    return single, tuple((name, value) for name, values in params.items() if name not in reserved for value in values)


def _filter(single: Mapping[str, str], errors: list[FieldError]) -> str:
    text = single.get("filter", "")
    if "filter" in single and not text.strip():
        errors.append(FieldError("filter", "filter-invalid", "The filter is empty; leave it out to read all rows."))
    return text


def _sort_keys(single: Mapping[str, str], errors: list[FieldError]) -> tuple[SortKey, ...]:
    names = _names(single, "sortby", errors)
    return tuple(SortKey(name.removeprefix("-"), name.startswith("-")) for name in names)


def _measures(single: Mapping[str, str], errors: list[FieldError]) -> tuple[Measure, ...]:
    if "agg" not in single:
        return (Measure("count"),)
    measures = []
    for text in single["agg"].split(","):
        function, _, field = text.strip().partition(":")
        if (function == "count" and text.strip() == "count") or (function in TAKES and field.strip()):
            measures.append(Measure(function, field.strip()))  # type: ignore[arg-type]
        else:
            known = ", ".join(["count", *(f"{function}:<field>" for function in TAKES)])
            errors.append(FieldError("agg", "parameter-invalid", f"{text!r} is no aggregate; there are {known}."))
    return tuple(measures)


def _raise_first(errors: list[FieldError]) -> None:
    if errors:
        raise Invalid(errors[0].message, code="parameter-invalid", errors=errors)


@dataclass(frozen=True, slots=True)
class ChangesQuery:
    """What is asked of a dataset's change feed; an empty ``since`` is the beginning."""

    since: str = ""
    limit: int = DEFAULT_LIMIT
    numbers_as_strings: bool = False


def parse_changes_query(params: Mapping[str, Sequence[str]]) -> ChangesQuery:
    """Check ``params`` (every value a list); raises ``Invalid`` with a ``FieldError`` for each one at fault."""
    errors: list[FieldError] = []
    single = {name: values[-1] for name, values in params.items()}
    for name, values in params.items():
        if name not in ("since", "limit", "numbers"):
            errors.append(FieldError(name, "parameter-invalid", f"There is no parameter {name}."))
        elif len(values) > 1:
            errors.append(FieldError(name, "repeated", f"The parameter {name} may be given once."))
    query = ChangesQuery(
        since=single.get("since", ""),
        limit=_limit(single, "json", errors) or DEFAULT_LIMIT,
        numbers_as_strings=_choice(single, "numbers", "exact", ("exact", "string"), errors) == "string",
    )
    if errors:
        raise Invalid(errors[0].message, code="parameter-invalid", errors=errors)
    return query


def _accepted(accept: str) -> str:
    known = {"application/x-ndjson": "ndjson", "application/ndjson": "ndjson", "text/csv": "csv"}
    for part in accept.split(","):
        media = part.split(";")[0].strip().lower()
        if media in known:
            return known[media]
        if media in {"application/json", "*/*"}:
            break
    return "json"


def _choice(single: Mapping[str, str], name: str, default: str, words: Sequence[str], errors: list[FieldError]) -> str:
    value = single.get(name, default)
    if value not in words:
        errors.append(FieldError(name, "parameter-invalid", f"{name} is one of {', '.join(words)}."))
        return default
    return value


def _names(single: Mapping[str, str], parameter: str, errors: list[FieldError]) -> tuple[str, ...]:
    if parameter not in single:
        return ()
    names = tuple(name.strip() for name in single[parameter].split(","))
    bare = [name.removeprefix("-") for name in names] if parameter == "sortby" else list(names)
    if "" in bare:
        errors.append(FieldError(parameter, "parameter-invalid", f"{parameter} names no field in one place."))
    elif len(set(bare)) < len(bare):
        errors.append(FieldError(parameter, "parameter-invalid", f"{parameter} names a field twice."))
    return names


def _limit(single: Mapping[str, str], form: str, errors: list[FieldError]) -> int | None:
    text = single.get("limit", str(DEFAULT_LIMIT))
    if text == "all" and form != "json":
        return None
    if text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= MAX_LIMIT and len(text) <= 6:
        return int(text)
    hint = "" if form == "json" else ", or all"
    errors.append(FieldError("limit", "parameter-invalid", f"limit is a number from 1 to {MAX_LIMIT}{hint}."))
    return DEFAULT_LIMIT
