"""CQL2 text (OGC 21-065, the operators of the public interface) to a tree, bounded in length, depth and digits."""

import re
from functools import lru_cache
from typing import cast

from lark import Lark, Token, UnexpectedCharacters, UnexpectedInput
from lark.parsers.lalr_interactive_parser import InteractiveParser

from hub.predicates.building import TreeBuilder
from hub.predicates.errors import FilterError
from hub.predicates.tree import Predicate

MAX_BYTES = 8192
MAX_DEPTH = 32

RESERVED = frozenset({"and", "or", "not", "in", "between", "like", "is", "null", "true", "false"})
"""Words that are never a bare name; ``date``, ``timestamp`` and ``casei`` are names unless ``(`` follows."""

GRAMMAR = r"""
?start: conjunction (_OR conjunction)*                      -> disjunction
?conjunction: negation (_AND negation)*
?negation: _NOT negation                                    -> negation
    | _OPEN start _CLOSE
    | predicate
?predicate: (name | boolean)                                -> truth
    | value COMPARE value                                   -> comparison
    | value _IN _OPEN option (_COMMA option)* _CLOSE        -> within
    | value _NOT _IN _OPEN option (_COMMA option)* _CLOSE   -> not_within
    | value _BETWEEN value _AND value                       -> between
    | value _NOT _BETWEEN value _AND value                  -> not_between
    | value _LIKE pattern                                   -> like
    | value _NOT _LIKE pattern                              -> not_like
    | name _IS _NULL                                        -> is_null
    | name _IS _NOT _NULL                                   -> is_not_null
?value: name
    | option
    | _CASEI _OPEN name _CLOSE                              -> casei
?option: string | number | boolean | date | timestamp
    | _CASEI _OPEN string _CLOSE                            -> casei
?pattern: like_string
    | _CASEI _OPEN like_string _CLOSE                       -> casei
name: NAME | QUOTED_NAME
string: STRING
like_string: STRING
number: NUMBER
boolean: TRUE | FALSE
date: _DATE _OPEN STRING _CLOSE
timestamp: _TIMESTAMP _OPEN STRING _CLOSE

_AND.3: /and(?!\w)/i
_OR.3: /or(?!\w)/i
_NOT.3: /not(?!\w)/i
_IN.3: /in(?!\w)/i
_BETWEEN.3: /between(?!\w)/i
_LIKE.3: /like(?!\w)/i
_IS.3: /is(?!\w)/i
_NULL.3: /null(?!\w)/i
TRUE.3: /true(?!\w)/i
FALSE.3: /false(?!\w)/i
_CASEI.3: /casei(?=\s*\()/i
_DATE.3: /date(?=\s*\()/i
_TIMESTAMP.3: /timestamp(?=\s*\()/i
COMPARE: /<>|<=|>=|=|<|>/
NUMBER: /[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w)/
STRING: /'(?:[^']|'')*'/
QUOTED_NAME: /"(?:[^"]|"")+"/
NAME: /[^\W\d]\w*/
_OPEN: "("
_CLOSE: ")"
_COMMA: ","
%ignore /\s+/
"""


@lru_cache(maxsize=2048)
def parse(text: str) -> Predicate:
    """Read a filter; names and comparisons are not checked yet, that is ``bind``'s.

    Raises ``FilterError`` with the position of the fault for anything that is not a filter within the bounds.
    """
    _check_characters(text)
    parser = _parser().parse_interactive(text)
    depth = _Depth()
    try:
        for token in parser.iter_parse():
            depth.count(token)
        return cast(Predicate, parser.feed_eof())
    except UnexpectedInput as error:
        raise _syntax_error(text, error, parser) from None


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", lexer="basic", transformer=TreeBuilder())


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


class _Depth:
    """Counts open parentheses and pending NOTs token by token: deep nesting ends before a tree is built from it."""

    def __init__(self) -> None:
        self._outer: list[int] = []
        self._level = 0

    def count(self, token: Token) -> None:
        if token.type == "_OPEN":
            self._outer.append(self._level)
            self._level += 1
        elif token.type == "_NOT":
            self._level += 1
        elif token.type == "_CLOSE":
            self._level = self._outer.pop() if self._outer else 0
        else:
            self._level = self._outer[-1] + 1 if self._outer else 0
        if self._level > MAX_DEPTH:
            raise FilterError(f"The filter is nested more than {MAX_DEPTH} deep", position=token.start_pos)


_WORDS = {
    "COMPARE": "a comparison",
    "NAME": "a field",
    "NUMBER": "a value",
    "_CLOSE": "')'",
    "_COMMA": "','",
    "_OPEN": "'('",
    "_AND": "AND",
    "STRING": "a text in single quotes",
    "$END": "the end",
}


def _syntax_error(text: str, error: UnexpectedInput, parser: InteractiveParser) -> FilterError:
    if isinstance(error, UnexpectedCharacters):
        return _lexical_error(text, error.pos_in_stream or 0)
    token = getattr(error, "token", None)
    at_end = token is None or token.type == "$END"
    position = len(text) if at_end or token is None else token.start_pos
    found = "The filter ends too early" if at_end else f"Unexpected {_shown(text, position or 0)}"
    accepted = parser.accepts()
    expected = [words for terminal, words in _WORDS.items() if terminal in accepted]
    return FilterError(f"{found}; expected {' or '.join(expected)}" if expected else found, position=position)


def _lexical_error(text: str, position: int) -> FilterError:
    if text[position] == "'":
        return FilterError("A text in single quotes does not end", position=position, hint="Write ' within it as ''.")
    if text[position] == '"':
        return FilterError("A name in double quotes is empty or does not end", position=position)
    return FilterError(f"Unexpected {_shown(text, position)}", position=position)


def _shown(text: str, position: int) -> str:
    word = re.compile(r"\w{1,40}|.", re.DOTALL).match(text, position)
    return repr(word.group()) if word else "character"
