"""What may be chosen on a form."""

from collections.abc import Iterable
from html import escape

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag
def options(choices: Iterable[tuple[str, object]], chosen: str) -> SafeString:
    """An option for each value with its text; a hub of a thousand agencies has as many, so they are made in one go."""
    lines = (
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(str(text))}</option>'
        for value, text in choices
    )
    return mark_safe("".join(lines))
