"""What programs read, answered without the middleware that is for browsers, and without what it takes to pass it.

The answer is what the whole of it would give: what a read has to do with is done here.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, cast

from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.security import SecurityMiddleware
from django.utils.log import log_response

from hub.api.compression import SMALL, CompressionMiddleware
from hub.api.middleware import read_program
from hub.api.views.reading import SHARED, Answer

_COMPRESSIBLE: Final = f"{SHARED['Vary']}, Accept-Encoding"
_shielded: Callable[[HttpRequest], HttpResponseBase | Answer] = convert_exception_to_response(cast(Any, read_program))  # type: ignore[assignment]


def answer_program(request: HttpRequest) -> HttpResponseBase | Answer:
    """The answer to a read at an address that ``is_program`` takes."""
    answer = _shielded(request)
    if not isinstance(answer, Answer):
        return _passed(request, answer)
    if len(answer.content) >= SMALL:
        if "HTTP_ACCEPT_ENCODING" in request.META:
            return _passed(request, answer.response())
        answer.headers["Vary"] = _COMPRESSIBLE
    answer.headers.update(_guards(request.is_secure()))
    return answer


def _passed(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """The response as the middleware leaves it that has to do with reads."""
    if response.status_code >= 400 and isinstance(response, HttpResponse):
        log_response("%s: %s", response.reason_phrase, request.path, response=response, request=request)
    response = CompressionMiddleware(lambda _: response)(request)
    for name, text in _guards(request.is_secure()).items():
        response.headers.setdefault(name, text)
    return response


@cache
def _guards(is_secure: bool) -> Mapping[str, str]:
    """The headers that keep browsers from using an answer otherwise than it is meant."""
    request = HttpRequest()
    request.is_secure = lambda: is_secure  # type: ignore[method-assign]
    guarded = SecurityMiddleware(lambda _: HttpResponse())(request)
    assert isinstance(guarded, HttpResponse)
    return {name: text for name, text in guarded.items() if name != "Content-Type"}
