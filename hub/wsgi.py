"""The web server's entrance."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
application = get_wsgi_application()
# What is loaded now stays: to look for garbage among it would hold up some request for a tenth of a second.
assert get_resolver().url_patterns
gc.freeze()
