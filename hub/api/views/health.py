"""Whether the hub lives, whether it can work, and what it measures of itself; and its own description."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiTypes, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.views import APIView

from hub.accounts.caller import Caller
from hub.api.base import covers_management
from hub.api.documents import hub_document
from hub.api.errors import MEDIA_TYPE
from hub.api.schema import HubSchema, Problem
from hub.errors import Forbidden
from hub.operations.health import dependencies
from hub.operations.metrics import as_text, contents, own_state

_FRESH = {"Cache-Control": "no-store"}


class Live(serializers.Serializer[Any]):
    """The process answers."""

    status = serializers.CharField()


class Ready(Live):
    """Each dependency with its state: `ok`, or what is wrong."""

    dependencies = serializers.DictField(child=serializers.CharField())


class _Public(APIView):
    """Answers to whoever watches the server."""

    schema = HubSchema()
    is_public = True
    metadata_class = None
    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = ()


class Healthz(_Public):
    """Asks nothing but the process itself."""

    @extend_schema(summary="Whether the hub lives", responses={200: Live})
    def get(self, request: Request) -> HttpResponse:
        return JsonResponse({"status": "ok"}, headers=_FRESH)


class Readyz(_Public):
    """200 while every dependency answers, else 503."""

    @extend_schema(summary="Whether the hub can work", responses={200: Ready, 503: Ready})
    def get(self, request: Request) -> HttpResponse:
        states = dependencies()
        is_ready = all(state == "ok" for state in states.values())
        body = {"status": "ok" if is_ready else "unavailable", "dependencies": dict(states)}
        return JsonResponse(body, status=200 if is_ready else 503, headers=_FRESH)


class Metrics(_Public):
    """The hub's own state for anybody; with a platform role's token or session also counts over its contents."""

    authentication_classes = APIView.authentication_classes

    @extend_schema(
        summary="What the hub measures of itself, for Prometheus",
        responses={
            (200, "text/plain"): OpenApiTypes.STR,
            (401, MEDIA_TYPE): Problem,
            (403, MEDIA_TYPE): Problem,
            (503, MEDIA_TYPE): Problem,
        },
    )
    def get(self, request: Request) -> HttpResponse:
        gauges = list(own_state(dependencies()))
        caller: Any = request.auth
        if isinstance(caller, Caller):
            if not (caller.has_role("system", "authority", "auditor") and covers_management(caller)):
                raise Forbidden("Counts over everybody's data are for platform roles.")
            gauges += contents()
        return HttpResponse(as_text(gauges), content_type="text/plain; version=0.0.4; charset=utf-8", headers=_FRESH)


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document."""
    return HttpResponse(_document(), content_type="application/json")


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The document as a page, from files of the hub's own; no inline script needs to be allowed."""
    return HttpResponse(loader.render_to_string("hub_api/docs.html"))


@lru_cache(maxsize=1)
def _document() -> str:
    return json.dumps(hub_document(), ensure_ascii=False)
