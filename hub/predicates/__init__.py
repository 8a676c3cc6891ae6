"""The filter language: CQL2 text to a typed tree and back, with a closed set of operators; pure."""

from hub.predicates.binding import bind
from hub.predicates.errors import FilterError
from hub.predicates.evaluation import evaluate, fold
from hub.predicates.grammar import MAX_BYTES, MAX_DEPTH, parse
from hub.predicates.text import to_text
from hub.predicates.tree import (
    FIELD_TYPES,
    And,
    Between,
    CaseI,
    Comparison,
    FieldType,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Not,
    Operator,
    Or,
    Predicate,
    Scalar,
    Value,
    names,
)

__all__ = [
    "FIELD_TYPES",
    "MAX_BYTES",
    "MAX_DEPTH",
    "And",
    "Between",
    "CaseI",
    "Comparison",
    "FieldType",
    "FilterError",
    "In",
    "IsNull",
    "Like",
    "Literal",
    "Name",
    "Not",
    "Operator",
    "Or",
    "Predicate",
    "Scalar",
    "Value",
    "bind",
    "evaluate",
    "fold",
    "names",
    "parse",
    "to_text",
]
