"""What a CKAN site tells by its Action API (version 3): which resources there are, and what each of them is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from connectors.base import Limits
from connectors.fetching.answers import place
from connectors.fetching.http import Http
from connectors.formats import json
from hub.errors import SourceMalformed, SourceMissing

_MAX_ANSWER: Final = 32 << 20
_PACKAGES: Final = 100
_MAX_PACKAGES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Resource:
    """A table, a file or a mere link, as CKAN tells of it.

    ``url`` is where it leads, as it was typed in; ``said`` what CKAN calls its format and its media type, if it does.
    """

    id: str
    title: str
    url: str
    said: tuple[str, ...]
    has_table: bool


def opened(config: Mapping[str, Any], secrets: Mapping[str, str]) -> Http:
    """The way to the site of a source, and to where else the source may reach; the token goes to the site alone."""
    url = config["url"]
    headers = {"Authorization": secrets["token"]} if "token" in secrets else {}
    return Http(url if url.endswith("/") else url + "/", Limits.of(config), headers)


def resources(http: Http, organization: str) -> Iterator[Resource]:
    """All resources, or those of an organization, in the order of their datasets' names."""
    params = {"rows": str(_PACKAGES), "sort": "name asc"}
    if organization:
        params["fq"] = f"organization:{organization}"
    for start in range(0, _MAX_PACKAGES, _PACKAGES):
        count, found = _listed(asked(http, "package_search", {**params, "start": str(start)}), str(http.url))
        yield from found
        if count < _PACKAGES:
            return


def shown(http: Http, resource: str) -> Resource:
    """The resource of that id; raises ``SourceError``."""
    try:
        return _resource(asked(http, "resource_show", {"id": resource}))
    except SourceMissing as error:
        raise SourceMissing(
            f"The site has no resource {resource}.",
            hint="Check the stream's select.resource, and the source's url: below it lies api/3/action.",
        ) from error
    except (KeyError, TypeError, AttributeError) as error:
        raise no_ckan(str(http.url)) from error


def asked(http: Http, action: str, params: Mapping[str, str]) -> Any:
    """What the action gives; raises ``SourceError``."""
    answer = http.get(str(httpx.URL(f"api/3/action/{action}", params=params)), _MAX_ANSWER)
    json.check_weight(answer.body, place(answer.url))
    try:
        document = json.parse(answer.body)
    except json.NotJson as error:
        raise json.not_json(place(answer.url), answer.media_type) from error
    if not isinstance(document, dict) or document.get("success") is not True or "result" not in document:
        raise no_ckan(place(answer.url))
    return document["result"]


def no_ckan(where: str) -> SourceMalformed:
    """The error for an answer that is none of CKAN's."""
    return SourceMalformed(
        f"{where} does not answer as CKAN does.",
        code="source-not-ckan",
        hint="Check the source's url: below it lies api/3/action.",
    )


def _listed(result: Any, where: str) -> tuple[int, list[Resource]]:
    """How many datasets there are in an answer, and their resources."""
    try:
        packages = result["results"]
        return len(packages), [
            _resource(one, package.get("title") or package["name"])
            for package in packages
            for one in package.get("resources", ())
        ]
    except (KeyError, TypeError, AttributeError) as error:
        raise no_ckan(where) from error


def _resource(told: Any, dataset: str = "") -> Resource:
    return Resource(
        json.text(told["id"]),
        " / ".join(filter(None, (dataset, told.get("name")))),
        json.text(told.get("url") or ""),
        tuple(json.text(told[name]).strip().lower() for name in ("format", "mimetype") if told.get(name)),
        bool(told.get("datastore_active")),
    )
