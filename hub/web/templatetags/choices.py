"""What may be chosen on a form."""

from collections.abc import Iterable

from django import template
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()
_SELECTED = mark_safe(" selected")


@register.simple_tag
def options(choices: Iterable[tuple[str, object]], chosen: str) -> SafeString:
    """An option for each value with its text; a hub of a thousand agencies has as many, so they are made in one go."""
    lines = ((value, _SELECTED if value == chosen else "", text) for value, text in choices)
    return format_html_join("", '<option value="{}"{}>{}</option>', lines)
