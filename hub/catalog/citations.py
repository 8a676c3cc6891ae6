"""What a legal basis has to look like, wherever one is given."""

from collections.abc import Mapping
from typing import Any, Final

from hub.catalog.texts import text_faults
from hub.errors import FieldError

_CITATION: Final = {"title": 500, "article": 200, "url": 500, "kind": 60}


def basis_faults(basis: Any, field: str = "legal_basis") -> list[FieldError]:
    """A legal basis is a list of citations; each has a title, and may have an article and an address."""
    if not isinstance(basis, list | tuple):
        return [FieldError(field, "invalid", "A legal basis is a list of { title, article, url }.")]
    errors = []
    for index, citation in enumerate(basis):
        place = f"{field}[{index}]"
        if not isinstance(citation, Mapping) or not citation.keys() <= _CITATION.keys():
            errors.append(FieldError(place, "invalid", "A legal basis names the law: { title, article, url, kind }."))
            continue
        errors += text_faults(f"{place}.title", citation.get("title", ""), _CITATION["title"], is_required=True)
        for key in ("article", "url", "kind"):
            errors += text_faults(f"{place}.{key}", citation.get(key, ""), _CITATION[key])
    return errors
