"""The web server's entrance."""

import gc
import os
from http.client import responses
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
django.setup(set_prefix=False)

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest  # noqa: E402
from django.db import connections  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from hub.api.entrance import answer_program  # noqa: E402
from hub.api.middleware import is_program  # noqa: E402
from hub.waiting import is_within  # noqa: E402


class Handler(WSGIHandler):
    """Django's; what a program reads is answered past its middleware and the signals around a request.

    Of all that listens to them only the look after connections has to do with a read.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if not is_program(environ):
            return super().__call__(environ, start_response)
        if not is_within():  # where no such connection is used
            for connection in connections.all(initialized_only=True):
                connection.close_if_unusable_or_obsolete()
        response: Any = answer_program(WSGIRequest(environ))
        start_response(f"{response.status_code} {responses[response.status_code]}", list(response.headers.items()))
        return response if response.streaming else (response.content,)


application = Handler()
# What is loaded now stays: to look for garbage among it would hold up some request for a tenth of a second.
assert get_resolver().url_patterns
gc.freeze()
