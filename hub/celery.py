"""The Celery application; what it runs is in the ``tasks`` modules."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
# Django's checks load every page and view, which no worker shows; they are the build's to run.
os.environ.setdefault("CELERY_SKIP_CHECKS", "yes")
app = Celery("hub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["connectors", "hub.exports", "hub.operations", "hub.subscriptions"])
