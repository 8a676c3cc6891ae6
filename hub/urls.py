"""Every address of the hub."""

from django.urls import include, path

from hub.api.views.health import Healthz, Metrics, Readyz

urlpatterns = [
    path("healthz", Healthz.as_view(), name="healthz"),
    path("readyz", Readyz.as_view(), name="readyz"),
    path("metrics", Metrics.as_view(), name="metrics"),
    path("api/v1/", include("hub.api.urls")),
    path("", include("hub.web.urls")),
]

handler404 = "hub.api.middleware.not_found"
handler500 = "hub.api.middleware.server_error"
