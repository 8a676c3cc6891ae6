"""The web server's entrance."""

import gc
import os
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
django.setup(set_prefix=False)

from django.core.handlers.wsgi import WSGIHandler, WSGIRequest  # noqa: E402
from django.db import connections  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from hub.api.middleware import is_program  # noqa: E402


class Handler(WSGIHandler):
    """Django's; what a program reads is answered without the signals around a request, a fifth of what it takes.

    Of all that listens to them only the look after connections has to do with a read.
    """

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        if not is_program(environ):
            return super().__call__(environ, start_response)
        for connection in connections.all(initialized_only=True):
            connection.close_if_unusable_or_obsolete()
        response: Any = self.get_response(WSGIRequest(environ))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return response if response.streaming else (response.content,)


application = Handler()
# What is loaded now stays: to look for garbage among it would hold up some request for a tenth of a second.
assert get_resolver().url_patterns
gc.freeze()
