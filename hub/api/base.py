"""What all views share: one caller, only known parameters, pages, and answers that no shared cache keeps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, TypeVar, cast

from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from hub.accounts.caller import Caller
from hub.api.authentication import nobody
from hub.api.pagination import DEFAULT_LIMIT, Shown, as_they_are, page_of, slice_of
from hub.api.params import PAGING, Parameter, narrowed, parse_query
from hub.api.schema import HubSchema
from hub.api.throttling import tell
from hub.errors import FieldError, Forbidden, Invalid, NotFound
from hub.limits.admission import Admission, admit

MANAGE = "manage"
"""The scope under which a token may do more than read data."""

AGREEMENT = {"Hub-Agreement": "Key of the agreement under which this is asked."}
"""The header, for the OpenAPI document."""

BY_KEY = ("key", "id")
"""The order of things whose keys are unique within their owner alone."""

_M = TypeVar("_M", bound=Model)
_T = TypeVar("_T")


class ApiView(APIView):
    """``parameters`` are those of GET; ``is_administrative`` keeps tokens made for reading data alone out.

    ``posted`` are the parameters of POST. ``is_read_by_post`` says that POST asks for data, so that such tokens may.
    """

    schema = HubSchema()
    metadata_class = None
    permission_classes = ()
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    posted: ClassVar[tuple[Parameter, ...]] = ()
    is_administrative: ClassVar[bool] = True
    is_read_by_post: ClassVar[bool] = False
    asked: dict[str, Any]
    admission = Admission()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if str(request.method) not in self.allowed_methods:
            raise MethodNotAllowed(str(request.method))
        if request.auth is None:
            raise nobody()
        self.admission = admit(self.caller, is_read=False)
        is_read = request.method in SAFE_METHODS
        if (self.is_administrative or not (is_read or self.is_read_by_post)) and not covers_management(self.caller):
            raise Forbidden(
                "This token's scopes do not cover it.", code="scope", hint=f"Use one without scopes, or with {MANAGE}."
            )
        self.asked = parse_query(self.parameters if is_read else self.posted, dict(request.query_params.lists()))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers.setdefault("Cache-Control", "private")
        response.headers["Vary"] = "Authorization, Cookie"
        tell(response, self.admission)
        return response

    @property
    def caller(self) -> Caller:
        return cast(Caller, self.request.auth)

    def body(self, serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The request's body, checked; a partial one where the method is PATCH."""
        checked = serializer(data=self.request.data, partial=self.request.method == "PATCH")
        checked.is_valid(raise_exception=True)
        return dict(checked.validated_data)

    def page(
        self,
        things: QuerySet[Any],
        serializer: type[BaseSerializer[Any]],
        order: tuple[str, ...] = ("key",),
        context: Mapping[str, Any] | None = None,
        *,
        empty: Q | None = None,
        shown: Shown = as_they_are,
        **more: Any,
    ) -> Response:
        """The page of ``things`` that was asked for, narrowed by the parameters that are filters."""
        asked = {name: value for name, value in self.asked.items() if name not in ("limit", "cursor")}
        page = page_of(
            narrowed(things, self.parameters, self.asked),
            order,
            limit=self.asked.get("limit", DEFAULT_LIMIT),
            after=self.asked.get("cursor", ""),
            binding=repr((self.caller.agency, self.caller.name, self.request.path, sorted(asked.items()))),
            empty=empty,
            shown=shown,
        )
        told = serializer(page.items, many=True, context={"caller": self.caller, **(context or {})})
        return Response({"data": told.data, "page": page.told(), **more})

    def listed(
        self, things: Sequence[_T], serializer: type[BaseSerializer[Any]], position: Callable[[_T], tuple[str, ...]]
    ) -> Response:
        """The page that was asked for of ``things``, which stand in the order of their ``position``."""
        asked = {name: value for name, value in self.asked.items() if name not in ("limit", "cursor")}
        page = slice_of(
            things,
            position,
            limit=self.asked.get("limit", DEFAULT_LIMIT),
            after=self.asked.get("cursor", ""),
            binding=repr((self.caller.agency, self.caller.name, self.request.path, sorted(asked.items()))),
        )
        return Response({"data": serializer(page.items, many=True).data, "page": page.told()})

    def one(self, thing: Model, serializer: type[BaseSerializer[Any]], *, status: int = 200, at: str = "") -> Response:
        """``thing`` as a bare object; ``at`` is its address below ``/api/v1`` where it is new."""
        headers = {"Location": f"/api/v1/{at}"} if at else None
        return Response(serializer(thing, context={"caller": self.caller}).data, status=status, headers=headers)


class ListView(ApiView):
    """A collection: takes ``limit`` and ``cursor`` beside its own ``filters``."""

    filters: ClassVar[tuple[Parameter, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.parameters = (*cls.filters, *PAGING)


def found(things: QuerySet[_M], what: str, **by: Any) -> _M:
    """The one of ``things`` that an address names; raises ``NotFound``."""
    thing = things.filter(**by).first()
    if thing is None:
        raise NotFound(f"There is no {what} {', '.join(map(str, by.values()))}.")
    return thing


def named(things: QuerySet[_M], field: str, **by: Any) -> _M:
    """The one of ``things`` that a body names in ``field``; raises ``Invalid``."""
    thing = things.filter(**by).first()
    if thing is None:
        message = f"There is no {field} {'/'.join(map(str, by.values()))}."
        raise Invalid(message, errors=[FieldError(field, "unknown", message)])
    return thing


def covers_management(caller: Caller) -> bool:
    return not caller.scopes or MANAGE in caller.scopes


def agreement_of(request: Request) -> str:
    """The agreement that a request names."""
    return str(request.headers.get("Hub-Agreement", "")).strip()
