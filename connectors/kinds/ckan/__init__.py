"""The kind ``ckan``: the resources of a CKAN site, as tables of its DataStore or as the files that they lead to."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from connectors.base import LIMITS_SCHEMA, Batch, CannotResume, Connector, Extract, Found, JsonSchema
from connectors.confined.parser import Parser
from connectors.kinds.ckan import site, tables
from connectors.kinds.ckan.files import Linked
from connectors.kinds.ckan.site import Resource
from connectors.kinds.file import FORM, MAX_LISTED
from hub.errors import SourceError


class Ckan(Connector):
    """A CKAN site."""

    kind: ClassVar[str] = "ckan"
    title: ClassVar[str] = "CKAN"
    config_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["url"],
        "properties": {
            "url": {
                "description": "The site's address, as http(s)://host/path/, below which api/3/action lies.",
                "type": "string",
                "pattern": r"^https?://[^/@?#]+(/|$)",
            },
            "organization": {
                "description": "The name of the organization whose datasets are discovered; by default all.",
                "type": "string",
                "pattern": "^[a-z0-9_-]+$",
            },
            **LIMITS_SCHEMA,
        },
    }
    secrets_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"token": {"description": "An API token, where resources are private.", "type": "string"}},
    }
    select_schema: ClassVar[JsonSchema] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["resource"],
        "properties": {
            "resource": {
                "description": "The id of the resource: its table in the DataStore is read, or its file where it has "
                "none or more is said here of the file.",
                "type": "string",
            },
            **FORM,
        },
    }

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        super().__init__(config, secrets)
        self._at_work: list[Linked] = []

    def test(self) -> None:
        with site.opened(self.config, self.secrets) as http:
            site.asked(http, "status_show", {})

    def discover(self) -> Iterator[Found]:
        """All tables of all datasets, and their first files of a format we know; what does not answer is left out."""
        files = 0
        with site.opened(self.config, self.secrets) as http, Parser() as parser:
            for resource in site.resources(http, self.config.get("organization", "")):
                select = {"resource": resource.id}
                try:
                    if resource.has_table:
                        found = tables.found(http, select)
                    elif files < MAX_LISTED:
                        file = Linked(self.config, self.secrets, resource, select)
                        files += 1
                        found = file.proposed(parser)
                    else:
                        continue
                except SourceError:
                    continue
                yield replace(found, name=resource.title)

    def describe(self, select: Mapping[str, Any]) -> Found:
        with site.opened(self.config, self.secrets) as http:
            resource = site.shown(http, select["resource"])
            if _is_table(resource, select):
                return tables.found(http, select)
        return Linked(self.config, self.secrets, resource, select).describe(select)

    def read(self, extract: Extract) -> Iterator[Batch]:
        with site.opened(self.config, self.secrets) as http:
            resource = site.shown(http, extract.select["resource"])
            is_table = _is_table(resource, extract.select)
            if extract.resume and is_table != tables.is_state(extract.resume):
                raise CannotResume
            if is_table:
                yield from tables.read(http, extract)
                return
        file = Linked(self.config, self.secrets, resource, extract.select)
        self._at_work.append(file)
        try:
            yield from file.read(extract)
        finally:
            self._at_work.remove(file)

    def stop(self) -> None:
        for file in tuple(self._at_work):
            file.stop()


def _is_table(resource: Resource, select: Mapping[str, Any]) -> bool:
    """A table goes before, its types being sure; who says how a file is written, such as its sheet, means the file."""
    return resource.has_table and not select.keys() & FORM.keys()
