"""The same table through Django REST Framework alone, as its tutorial has it: the measure for ``tests.bench.reading``.

A ``ListAPIView`` with serializer, keyset pages and a token that the ORM looks up, in a project as ``startproject``
makes it; connections last, which they do not by default. No policy, no masks, no record. Served by the hub's web
server, with as many processes.
"""

import os
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
settings.DATABASES["default"] |= {"ENGINE": "django.db.backends.postgresql", "CONN_HEALTH_CHECKS": False}

from django.core.wsgi import get_wsgi_application  # noqa: E402

application = get_wsgi_application()

from django.db import models  # noqa: E402
from django.db.models import QuerySet  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils.timezone import now  # noqa: E402
from rest_framework import authentication, exceptions, generics, pagination, permissions, serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402

from hub.accounts.models import Token  # noqa: E402
from hub.accounts.queries import token_digest  # noqa: E402


class Moment(models.DateTimeField):
    """A point in time as the hub stores it: in UTC, without saying so."""

    def from_db_value(self, value: datetime | None, *_: object) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


class Big(models.Model):
    """A row of ``tests.bench.files.fill``."""

    id = models.BigIntegerField(primary_key=True, db_column="c1")
    integer2 = models.BigIntegerField(db_column="c2")
    integer3 = models.BigIntegerField(db_column="c3")
    integer4 = models.BigIntegerField(db_column="c4")
    integer5 = models.BigIntegerField(db_column="c5")
    string6 = models.TextField(db_column="c6")
    string7 = models.TextField(db_column="c7")
    string8 = models.TextField(db_column="c8")
    datetime9 = Moment(db_column="c9")
    decimal10 = models.DecimalField(db_column="c10", max_digits=38, decimal_places=2)
    number11 = models.FloatField(db_column="c11")
    boolean12 = models.BooleanField(db_column="c12")
    date13 = models.DateField(db_column="c13")

    class Meta:
        app_label = "listing"
        managed = False
        db_table = os.environ["BENCH_TABLE"].replace(".", '"."')

    def __str__(self) -> str:
        return str(self.id)


class BigShown(serializers.ModelSerializer[Big]):
    class Meta:
        model = Big
        fields = "__all__"


class Pages(pagination.CursorPagination):
    page_size = 100
    ordering = "id"


class TokenAuthentication(authentication.TokenAuthentication):
    """DRF's own, with the hub's table of tokens."""

    keyword = "Bearer"

    def authenticate_credentials(self, key: str) -> tuple[None, Token]:
        held = {"digest": token_digest(key), "revoked_at": None, "expires_at__gt": now()}
        token = Token.objects.select_related("client").filter(**held).first()
        if token is None or not token.client.is_active:
            raise exceptions.AuthenticationFailed
        return None, token


class HasToken(permissions.BasePermission):
    def has_permission(self, request: Request, view: Any) -> bool:
        return request.auth is not None


class Listing(generics.ListAPIView[Big]):
    authentication_classes = (TokenAuthentication,)
    permission_classes = (HasToken,)
    pagination_class = Pages
    serializer_class = BigShown

    def get_queryset(self) -> QuerySet[Big]:
        rows = Big.objects.all()
        return rows.filter(id=self.request.GET["id"]) if "id" in self.request.GET else rows


urlpatterns = [path("rows", Listing.as_view())]
