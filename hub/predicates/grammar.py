"""CQL2 text (OGC 21-065, the operators of the public interface) to a tree, bounded in length, depth and digits.

By recursive descent over the matches of one expression, which ends at the first fault: a filter of the greatest length
takes some milliseconds, be it right or wrong.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, cast

from hub.predicates import building
from hub.predicates.errors import FilterError
from hub.predicates.tree import (
    And,
    Between,
    CaseI,
    Comparison,
    In,
    IsNull,
    Like,
    Literal,
    Name,
    Not,
    Operator,
    Or,
    Predicate,
    Value,
)

MAX_BYTES = 8192
MAX_DEPTH = 32

RESERVED = frozenset({"and", "or", "not", "in", "between", "like", "is", "null", "true", "false"})
"""Words that are never a bare name; ``date``, ``timestamp`` and ``casei`` are names unless ``(`` follows."""

_TOKEN: Final = re.compile(
    r"""\s*+(?:
        (?P<word>[^\W\d]\w*+)
        |(?P<compare><>|<=|>=|=|<|>)
        |(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))
        |(?P<string>'[^']*+(?:''[^']*+)*+')
        |(?P<sign>[(),])
        |(?P<name>"(?:[^"]|"")+")
        |(?P<end>\Z)
    )""",
    re.VERBOSE,
)
_SPACE: Final = re.compile(r"\s*")
_SHOWN: Final = re.compile(r"\w{1,40}|.", re.DOTALL)
_CALLED: Final = re.compile(r"\s*\(")
_CALLS: Final = frozenset({"casei", "date", "timestamp"})
_CONSTANTS: Final[Mapping[str, Callable[[str, int], Literal]]] = {
    "number": building.number,
    "string": building.string,
    "true": building.boolean,
    "false": building.boolean,
}
_MOMENTS: Final[Mapping[str, Callable[[str, int], Literal]]] = {
    "date": building.date,
    "timestamp": building.timestamp,
}

_TEXT: Final = "a text in single quotes"
_OPTION: Final = f"a value or {_TEXT}"
_VALUE: Final = f"a field or {_OPTION}"
_PREDICATE: Final = f"a field or a value or '(' or {_TEXT}"


@lru_cache(maxsize=256)  # the tree of a long text takes some hundred KB
def parse(text: str) -> Predicate:
    """Read a filter; names and comparisons are not checked yet, that is ``bind``'s.

    Raises ``FilterError`` with the position of the fault for anything that is not a filter within the bounds.
    """
    _check_characters(text)
    return _Reader(text).filter()


def _check_characters(text: str) -> None:
    if "\0" in text:
        raise FilterError("A filter cannot hold the character NUL", position=text.index("\0"))
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise FilterError("A filter cannot hold half of a surrogate pair", position=error.start) from None
    if size > MAX_BYTES:
        raise FilterError(f"The filter has {size:,} bytes; at most {MAX_BYTES:,} are read")
    if not text.strip():
        raise FilterError("The filter is empty", position=0)


class _Reader:
    """Stands at one word or sign of the text, which ``kind`` names: reserved words and signs by themselves."""

    def __init__(self, text: str) -> None:
        self._whole, self._after = text, 0
        self._kind, self._text, self._at = "", "", 0
        self._depth = 0
        self._step()

    def filter(self) -> Predicate:
        tree = self._disjunction()
        self._need("end", "AND or the end")
        return tree

    def _disjunction(self) -> Predicate:
        items = [self._conjunction()]
        while self._took("or"):
            items.append(self._conjunction())
        return building.joined(Or, items)

    def _conjunction(self) -> Predicate:
        items = [self._negation()]
        while self._took("and"):
            items.append(self._negation())
        return building.joined(And, items)

    def _negation(self) -> Predicate:
        if self._kind not in ("not", "("):
            return self._predicate()
        if self._depth == MAX_DEPTH:
            raise FilterError(f"The filter is nested more than {MAX_DEPTH} deep", position=self._at)
        self._depth += 1
        tree: Predicate
        if self._took("not"):
            tree = Not(self._negation())
        else:
            self._step()
            tree = self._disjunction()
            self._need(")", "')' or AND")
        self._depth -= 1
        return tree

    def _predicate(self) -> Predicate:
        value = self._value(_PREDICATE)
        if self._kind == "compare":
            operator = cast(Operator, self._text)
            self._step()
            return Comparison(operator, value, self._value(_VALUE))
        if isinstance(value, Name) and self._took("is"):
            is_negated = self._took("not")
            self._need("null")
            return Not(IsNull(value)) if is_negated else IsNull(value)
        if self._took("not"):
            return Not(self._test(value))
        if self._kind in ("in", "between", "like"):
            return self._test(value)
        if isinstance(value, CaseI) or (isinstance(value, Literal) and value.type != "boolean"):
            raise self._unexpected("a comparison")
        if self._kind not in ("and", "or", ")", "end"):
            raise self._unexpected("a comparison or AND")
        return Comparison("=", value, Literal(True, "boolean"))

    def _test(self, value: Value) -> Predicate:
        if self._took("in"):
            self._need("(", "'('")
            options = [self._option()]
            while self._kind == ",":
                self._step()
                options.append(self._option())
            self._need(")", "')' or ','")
            return In(value, tuple(options))
        if self._took("between"):
            low = self._value(_VALUE)
            self._need("and", "AND")
            return Between(value, low, self._value(_VALUE))
        self._need("like", "IN or BETWEEN or LIKE")
        return Like(value, self._casei(self._pattern) if self._kind == "casei" else self._pattern())

    def _value(self, expected: str) -> Value:
        if self._kind == "name":
            return self._name()
        return self._casei(self._name_or_string) if self._kind == "casei" else self._constant(expected)

    def _option(self) -> Value:
        return self._casei(self._string) if self._kind == "casei" else self._constant(_OPTION)

    def _constant(self, expected: str) -> Literal:
        make = _CONSTANTS.get(self._kind)
        if make is not None:
            constant = make(self._text, self._at)
            self._step()
        elif self._kind in _MOMENTS:
            make = _MOMENTS[self._kind]
            self._open()
            constant = self._made(make, _TEXT)
            self._need(")", "')'")
        else:
            raise self._unexpected(expected)
        return constant

    def _casei(self, content: Callable[[], Name | Literal]) -> CaseI:
        self._open()
        inner = content()
        self._need(")", "')'")
        return CaseI(inner)

    def _name_or_string(self) -> Name | Literal:
        return self._name() if self._kind == "name" else self._made(building.string, f"a field or {_TEXT}")

    def _string(self) -> Literal:
        return self._made(building.string, _TEXT)

    def _pattern(self) -> Literal:
        return self._made(building.pattern, _TEXT)

    def _name(self) -> Name:
        name = building.name(self._text, self._at)
        self._step()
        return name

    def _made(self, make: Callable[[str, int], Literal], expected: str) -> Literal:
        """What ``make`` makes of the text in quotes that has to stand here."""
        if self._kind != "string":
            raise self._unexpected(expected)
        constant = make(self._text, self._at)
        self._step()
        return constant

    def _open(self) -> None:
        """Past a function's name, which is one because of the parenthesis behind it, and past that."""
        self._step()
        self._step()

    def _took(self, kind: str) -> bool:
        if self._kind != kind:
            return False
        self._step()
        return True

    def _need(self, kind: str, expected: str = "") -> None:
        if self._kind != kind:
            raise self._unexpected(expected)
        if kind != "end":
            self._step()

    def _step(self) -> None:
        found = _TOKEN.match(self._whole, self._after)
        if found is None:
            raise self._unreadable()
        kind = cast(str, found.lastgroup)
        text = self._text = found[kind]
        self._at, self._after = found.span(kind)
        if kind == "sign":
            kind = text
        elif kind == "word":
            word = text.lower()
            is_call = word in _CALLS and _CALLED.match(self._whole, self._after)
            kind = word if is_call or word in RESERVED else "name"
        self._kind = kind

    def _unexpected(self, expected: str) -> FilterError:
        found = "The filter ends too early" if self._kind == "end" else f"Unexpected {self._shown(self._at)}"
        position = len(self._whole) if self._kind == "end" else self._at
        return FilterError(f"{found}; expected {expected}" if expected else found, position=position)

    def _unreadable(self) -> FilterError:
        position = cast(re.Match[str], _SPACE.match(self._whole, self._after)).end()
        if self._whole[position] == "'":
            message, hint = "A text in single quotes does not end", "Write ' within it as ''."
            return FilterError(message, position=position, hint=hint)
        if self._whole[position] == '"':
            return FilterError("A name in double quotes is empty or does not end", position=position)
        return FilterError(f"Unexpected {self._shown(position)}", position=position)

    def _shown(self, position: int) -> str:
        return repr(cast(re.Match[str], _SHOWN.match(self._whole, position)).group())
