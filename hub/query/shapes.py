"""The shape of a read: which of its conditions and orders an index can follow, told without a look at any row."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from hub.predicates import And, Between, Comparison, FieldType, In, IsNull, Like, Literal, Name, Or, Predicate, Value

Terms = tuple[str, ...]
"""Names of fields in order, ``-`` before one that descends, as those of an index."""
MOST_TERMS: Final = 4
"""Terms of an index that is wanted by measure."""


def follows(tree: Predicate, leading: Callable[[str], bool], *, only_equal: bool = False) -> bool:
    """Whether indexes find the rows of ``tree``: its fields, or enough of them, are each ``leading`` one.

    ``only_equal``: by equality, which narrows down wherever a value is one of many.
    """
    match tree:
        case And(items):
            return any(follows(item, leading, only_equal=only_equal) for item in items)
        case Or(items):
            return all(follows(item, leading, only_equal=only_equal) for item in items)
    found = _compared(tree)
    return found is not None and leading(found[0]) and (found[1] or not only_equal)


def compared(trees: Iterable[Predicate]) -> Iterator[tuple[str, bool]]:
    """The fields that each of ``trees`` compares with constants in all rows it takes; whether by equality."""
    for tree in trees:
        if isinstance(tree, And):
            yield from compared(tree.items)
        elif (found := _compared(tree)) is not None:
            yield found


def wished_index(equal: Iterable[str], ordered: Sequence[str], ranges: Sequence[str]) -> Terms:
    """The index that would serve best: what is equal first, in an order of its own, then the sort or else a range."""
    first = sorted(set(equal))
    rest = ordered or ranges[:1]
    terms = [*first, *(term for term in rest if term.removeprefix("-") not in first)]
    return tuple(terms[:MOST_TERMS])


def _compared(tree: Predicate) -> tuple[str, bool] | None:
    """The one field that a condition compares with constants; None where no index follows it."""
    match tree:
        case Comparison("=", left, right):
            return _beside(left, (right,), is_equal=True)
        case Comparison("<" | "<=" | ">" | ">=", left, right):
            return _beside(left, (right,), is_equal=False)
        case In(value, options):
            return _beside(value, options, is_equal=True)
        case Between(value, low, high):
            return _beside(value, (low, high), is_equal=False)
        case IsNull(Name(name)):
            return name, True
        case Like(Name(name), Literal(str() as pattern)) if pattern[:1] not in ("", "%", "_", "\\"):
            return name, False
    return None


def _beside(value: Value, others: Sequence[Value], *, is_equal: bool) -> tuple[str, bool] | None:
    if isinstance(value, Literal) and len(others) == 1:
        value, others = others[0], (value,)
    if not isinstance(value, Name) or not all(isinstance(other, Literal) for other in others):
        return None
    if any(_widens(value.type, other) for other in others):
        return None
    return value.name, is_equal


def _widens(type_: FieldType | None, other: Value) -> bool:
    """Whether the comparison is made in a wider type than the column's, of which its index knows nothing."""
    return type_ == "integer" and isinstance(other, Literal) and other.type != "integer"
