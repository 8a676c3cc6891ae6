"""A row filter as a sentence in the visitor's language."""

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hub.predicates import FilterError, parse
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
    Or,
    Predicate,
    Value,
)

_COMPARED: Final = {
    "=": gettext_lazy("%(left)s is %(right)s"),
    "<>": gettext_lazy("%(left)s is not %(right)s"),
    "<": gettext_lazy("%(left)s is below %(right)s"),
    "<=": gettext_lazy("%(left)s is at most %(right)s"),
    ">": gettext_lazy("%(left)s is above %(right)s"),
    ">=": gettext_lazy("%(left)s is at least %(right)s"),
}


def in_words(text: str) -> str:
    """The filter said in words; one that cannot be read stays as it is written."""
    try:
        return _said(parse(text))
    except FilterError:
        return text


def _said(tree: Predicate) -> str:
    match tree:
        case And(items):
            return _(", and ").join(map(_part, items))
        case Or(items):
            return _(", or ").join(map(_part, items))
        case Not(IsNull(value)):
            return _("%(left)s has a value") % {"left": _value(value)}
        case Not(item):
            return _("it is not so that %(said)s") % {"said": _part(item)}
        case Comparison(op, left, right):
            return str(_COMPARED[op]) % {"left": _value(left), "right": _value(right)}
        case In(value, options):
            listed = _(", ").join(map(_value, options))
            return _("%(left)s is one of %(options)s") % {"left": _value(value), "options": listed}
        case Between(value, low, high):
            bounds = {"left": _value(value), "low": _value(low), "high": _value(high)}
            return _("%(left)s is from %(low)s to %(high)s") % bounds
        case Like(value, pattern):
            return _("%(left)s looks like %(right)s") % {"left": _value(value), "right": _value(pattern)}
        case IsNull(value):
            return _("%(left)s has no value") % {"left": _value(value)}


def _part(item: Predicate) -> str:
    return f"({_said(item)})" if isinstance(item, And | Or) else _said(item)


def _value(value: Value) -> str:
    match value:
        case Name(name):
            return name
        case CaseI(inner):
            return _("%(value)s in any letter case") % {"value": _value(inner)}
        case Literal(bool() as flag):
            return _("true") if flag else _("false")
        case Literal(str() as text):
            return _("“%(text)s”") % {"text": text}
        case Literal(other):
            return str(other)
