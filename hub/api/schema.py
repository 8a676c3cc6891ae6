"""How views become the OpenAPI document: true status codes, problems, parameters, ways to sign in."""

from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiTypes, extend_schema
from rest_framework import serializers

from hub.api.errors import MEDIA_TYPE
from hub.api.params import LONGEST, MAX_LIMIT, Parameter
from hub.api.serializers.parts import Body

_ALWAYS = (400, 401, 429, 503)
_KEYS_OF_OWNERS = frozenset({"rules", "agreements", "sources", "streams"})
"""Routes whose ``{key}`` may be that of several owners' things."""
_F = TypeVar("_F", bound=Callable[..., Any])


class FieldProblem(serializers.Serializer[Any]):
    """One fault in one place of the request."""

    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class Problem(serializers.Serializer[Any]):
    """What went wrong (RFC 9457); `code` is stable."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    code = serializers.CharField()
    detail = serializers.CharField()
    hint = serializers.CharField(required=False)
    errors = FieldProblem(many=True, required=False)  # type: ignore[assignment]


class PageInfo(serializers.Serializer[Any]):
    """Where this page stands; `next` is the cursor of the following one."""

    limit = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)


def list_of(entry: type[serializers.BaseSerializer[Any]], **more: serializers.Field) -> type[serializers.Serializer]:
    """The envelope of a list: ``data`` and ``page``."""
    parts = {"data": entry(many=True), "page": PageInfo(), "__doc__": f"A page of {entry.__name__}.", **more}
    return type(f"{entry.__name__}List", (serializers.Serializer,), parts)


def operation(
    summary: str,
    answer: Any = None,
    *,
    status: int = 200,
    body: Any = None,
    problems: tuple[int, ...] = (),
    more: Mapping[Any, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Callable[[_F], _F]:
    """Documents one method of a view; ``problems`` are the errors it knows beside those of every route."""
    problems = (*problems, 415) if body is not None else problems
    sent = [
        OpenApiParameter(name, str, OpenApiParameter.HEADER, description=text) for name, text in (headers or {}).items()
    ]
    return extend_schema(
        summary=summary,
        request=body,
        responses={status: answer, **(more or {}), **{(code, MEDIA_TYPE): Problem for code in problems}},
        parameters=sent,
    )


class HubSchema(AutoSchema):
    """Adds what all routes share, and takes query parameters from where the view declares them."""

    def get_operation_id(self) -> str:
        words = [f"by_{part[1:-1]}" if part.startswith("{") else part for part in self._parts()]
        return "_".join([self.method.lower(), *words]).replace("-", "_")

    def get_auth(self) -> list[dict[str, Any]]:
        """What is public asks nobody who they are, though some of it tells those more whom it knows."""
        ways = super().get_auth()
        return [*ways, {}] if ways and getattr(self.view, "is_public", False) else ways

    def get_tags(self) -> list[str]:
        return self._parts()[:1]

    def _shared(self) -> Iterator[int]:
        """The problems that follow from what kind of route it is."""
        if getattr(self.view, "is_public", False):
            return
        yield from _ALWAYS
        if self.method != "GET" or getattr(self.view, "is_administrative", False):
            yield 403
        if "{" in self.path:
            yield 404
        if "{key}" in self.path and self._parts()[0] in _KEYS_OF_OWNERS:
            yield 409

    def _parts(self) -> list[str]:
        return self.path.removeprefix("/api/v1").strip("/").split("/")

    def get_override_parameters(self) -> list[Any]:
        declared = {"GET": "parameters", "POST": "posted"}.get(self.method, "")
        return [_documented(parameter) for parameter in getattr(self.view, declared, ())]

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        return str(super()._get_serializer_name(serializer, direction, bypass_extensions)).replace("Shown", "")

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Any:
        told = super()._map_basic_serializer(serializer, direction)
        return {**told, "additionalProperties": False} if isinstance(serializer, Body) else told

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        """What is asked for says where a text may not be empty, and that a file is its bytes."""
        told = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, serializers.FileField):
            return {**told, "format": "binary"}
        if not _is_asked(field):
            return told
        if isinstance(field, serializers.CharField) and not field.allow_blank:
            return {**told, "minLength": 1}
        if isinstance(field, serializers.ListField) and not field.allow_empty:
            return {**told, "minItems": 1}
        return told

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for status in self._shared():
            if str(status) not in bodies:
                bodies[str(status)] = self._get_response_for_code(Problem, str(status), [MEDIA_TYPE], direction)
        for code, body in bodies.items():
            body["description"] = body["description"] or HTTPStatus(int(code)).phrase
        return dict(sorted(bodies.items()))


def _is_asked(field: Any) -> bool:
    """Whether it stands in a body, however deep."""
    while field is not None and not isinstance(field, Body):
        field = field.parent
    return field is not None


def _documented(parameter: Parameter) -> OpenApiParameter:
    types: dict[str, Any] = {
        "moment": OpenApiTypes.DATETIME,
        "number": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT},
        "id": OpenApiTypes.UUID,
        "word": OpenApiTypes.STR if parameter.choices else {"type": "string", "maxLength": LONGEST},
    }
    return OpenApiParameter(
        parameter.name,
        types.get(parameter.kind, OpenApiTypes.STR),
        OpenApiParameter.QUERY,
        description=parameter.description,
        enum=parameter.choices or None,
        many=parameter.kind == "several",
        explode=False if parameter.kind == "several" else None,
        style="form" if parameter.kind == "several" else None,
    )


class TokenScheme(OpenApiAuthenticationExtension):
    target_class = "hub.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A client's token."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "hub.api.authentication.Session"
    name = "session"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "The portal's session."}
