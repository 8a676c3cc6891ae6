"""The composition root: one settings file, fed by the environment and by ``*_FILE`` variables for secrets."""

import os
import urllib.parse
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from hub.local import connection

BASE_DIR = Path(__file__).resolve().parent.parent


def _flag(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "on" if default else "off").lower() in {"1", "on", "true", "yes"}


def _words(name: str) -> list[str]:
    return [word for word in os.environ.get(name, "").replace(",", " ").split() if word]


def _limits(name: str, **limits: int | None) -> dict[str, int | None]:
    """Limits such as ``requests_per_minute=600 rows_per_day=none``; what the variable leaves out is as given."""
    for word in _words(name):
        limit, _, count = word.partition("=")
        if limit not in limits or not (count == "none" or (count.isascii() and count.isdigit() and int(count))):
            raise ImproperlyConfigured(f"{name}: {word} is no limit; write {'=…, '.join(limits)}=…")
        limits[limit] = None if count == "none" else int(count)
    return limits


def _database(url: str, **options: object) -> dict[str, object]:
    """A Django database entry from ``postgresql://user:password@host:port/name?host=/socket/folder``."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query))
    return {
        "ENGINE": "hub.store.postgresql",
        "NAME": urllib.parse.unquote(parts.path.lstrip("/")),
        "USER": urllib.parse.unquote(parts.username or ""),
        "PASSWORD": urllib.parse.unquote(parts.password or ""),
        "HOST": query.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or query.pop("port", "")),
        "CONN_MAX_AGE": 600,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**query, **options},
    }


os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # Arrow's own takes some 15 MB more for a file
SECRET_KEY = connection.secret_key()
DEBUG = False
HUB_URL = (os.environ.get("HUB_URL") or connection.running_url() or "http://127.0.0.1:8000").rstrip("/")
_HOST = urllib.parse.urlsplit(HUB_URL).hostname or ""
ALLOWED_HOSTS = _words("HUB_ALLOWED_HOSTS") or list({"localhost", "127.0.0.1", "[::1]", _HOST})
CSRF_TRUSTED_ORIGINS = _words("HUB_TRUSTED_ORIGINS")
HUB_SECRETS_KEYS = connection.from_environment("HUB_SECRETS_KEYS") or ""
HUB_REGIME = os.environ.get("HUB_REGIME", "default")
HUB_CHECKPOINT_SECONDS = float(os.environ.get("HUB_CHECKPOINT_SECONDS", "30"))
HUB_RATE_LIMITS = _flag("HUB_RATE_LIMITS", default=True)
HUB_CLIENT_LIMITS = _limits(
    "HUB_CLIENT_LIMITS",
    requests_per_minute=6_000,
    burst=None,
    concurrent=64,
    requests_per_day=None,
    rows_per_day=None,
    bytes_per_day=None,
)
HUB_AGENCY_LIMITS = _limits(
    "HUB_AGENCY_LIMITS",
    requests_per_minute=60_000,
    burst=None,
    concurrent=256,
    requests_per_day=None,
    rows_per_day=None,
    bytes_per_day=None,
)
HUB_STATEMENT_SECONDS = int(os.environ.get("HUB_STATEMENT_SECONDS", "30"))
HUB_PREPARED_STATEMENTS = _flag("HUB_PREPARED_STATEMENTS", default=True)
HUB_DATA = connection.data_dir()
HUB_FILE_ROWS = int(os.environ.get("HUB_FILE_ROWS", "500000"))
HUB_FILES_BYTES = int(os.environ.get("HUB_FILES_BYTES", str(10 << 30)))
HUB_FILES_DAYS = int(os.environ.get("HUB_FILES_DAYS", "7"))
HUB_SCAN_ROWS = int(os.environ.get("HUB_SCAN_ROWS", "5000000"))
HUB_INDEX_ROWS = int(os.environ.get("HUB_INDEX_ROWS", "100000"))
HUB_INDEX_SECONDS = int(os.environ.get("HUB_INDEX_SECONDS", "60"))
HUB_INDEX_IDLE_DAYS = int(os.environ.get("HUB_INDEX_IDLE_DAYS", "30"))
if _flag("HUB_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    USE_X_FORWARDED_HOST = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HUB_URL.startswith("https://")
SESSION_COOKIE_HTTPONLY = True

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "hub.audit",
    "hub.accounts",
    "hub.catalog",
    "hub.store",
    "policies",
    "connectors",
    "hub.query",
    "hub.exports",
    "hub.operations",
    "hub.subscriptions",
    "hub.api",
    "hub.web",
    "hub.manifest",
    "hub.local",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "hub.api.compression.CompressionMiddleware",
    "hub.api.middleware.OutageMiddleware",
    "hub.api.middleware.ProgramsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "hub.urls"
WSGI_APPLICATION = "hub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "hub.web.context.member",
            ]
        },
    }
]

_OWNER = _database(connection.database_url(), options="-c timezone=UTC -c datestyle=ISO")
_SERVING = _database(
    connection.serving_database_url(),
    options=f"-c timezone=UTC -c datestyle=ISO -c statement_timeout={HUB_STATEMENT_SECONDS}s"
    " -c idle_in_transaction_session_timeout=60s -c plan_cache_mode=force_generic_plan",
)
SERVING_ROLE_IS_GIVEN = connection.is_serving_role_given()
DATABASES = {"default": _OWNER, "serving": {**_SERVING, "TEST": {"MIRROR": "default"}}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
GUARDIAN_MONKEY_PATCH_USER = False
ANONYMOUS_USER_NAME = None
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "home"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "hub" / "web" / "locale"]
HUB_MAIL_LANGUAGE = os.environ.get("HUB_MAIL_LANGUAGE", "en").lower()
if HUB_MAIL_LANGUAGE not in dict(LANGUAGES):
    raise ImproperlyConfigured(f"HUB_MAIL_LANGUAGE is one of {', '.join(dict(LANGUAGES))}, not {HUB_MAIL_LANGUAGE}.")
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["hub.api.authentication.TokenAuthentication", "hub.api.authentication.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["hub.api.rendering.FastJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "hub.api.errors.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Data-sharing hub",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "POSTPROCESSING_HOOKS": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
}

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
    }
}

CELERY_BROKER_URL = connection.broker_url()
HUB_VALKEY_URL = connection.valkey_url()
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 10, "socket_connect_timeout": 5, "health_check_interval": 10}
CELERY_TASK_DEFAULT_QUEUE = "runs"
CELERY_TASK_ROUTES = {
    "hub.operations.tasks.tick": {"queue": "ticks"},
    "hub.exports.tasks.make": {"queue": "exports"},
    "hub.operations.tasks.keep_indexes": {"queue": "exports"},
    "hub.subscriptions.tasks.*": {"queue": "notices"},
}
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE = {"tick": {"task": "hub.operations.tasks.tick", "schedule": 3.0, "options": {"expires": 3}}}

HUB_WEBHOOK_HOSTS = tuple(_words("HUB_WEBHOOK_HOSTS"))
HUB_HAS_MAIL = "EMAIL_HOST" in os.environ
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
if HUB_HAS_MAIL:
    EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    EMAIL_HOST = os.environ["EMAIL_HOST"]
    EMAIL_TIMEOUT = 10
    EMAIL_PORT = int(os.environ.get("EMAIL_PORT", "25"))
    EMAIL_HOST_USER = os.environ.get("EMAIL_HOST_USER", "")
    EMAIL_HOST_PASSWORD = connection.from_environment("EMAIL_HOST_PASSWORD") or ""
    EMAIL_USE_TLS = _flag("EMAIL_USE_TLS")
    EMAIL_USE_SSL = _flag("EMAIL_USE_SSL")
DEFAULT_FROM_EMAIL = os.environ.get("EMAIL_FROM", "hub@localhost")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("HUB_LOG_LEVEL", "INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}
