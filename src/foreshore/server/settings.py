"""Django's settings for the service: one workspace, named by the environment.

`FORESHORE_WORKSPACE` is the workspace's folder; `DATABASE_URL` puts accounts, jobs and decisions into
PostgreSQL; `FORESHORE_HOSTS` are the names under which the service may be called, separated by commas;
`FORESHORE_HTTPS=1` says that a proxy in front speaks TLS; `FORESHORE_EMAIL_URL` is an SMTP server;
`FORESHORE_IDLE_MINUTES` ends a session that nobody used for so long; `FORESHORE_API_PER_MINUTE` limits each
token and person, `FORESHORE_PAGES_PER_MINUTE` each person at the pages; `FORESHORE_SECOND_FACTOR` is nobody,
administrators or everybody (see `server.factors`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from csp.constants import NONCE, NONE, SELF

from foreshore.decisions.places import database, sqlite
from foreshore.errors import UsageError
from foreshore.server.providers import sign_in_apps, sign_in_origins, sign_in_providers
from foreshore.workspace import Workspace

WORKSPACE = Workspace.open(Path(os.environ.get("FORESHORE_WORKSPACE", ".")))
HTTPS = os.environ.get("FORESHORE_HTTPS", "") == "1"
HERE = Path(__file__).parent


def _whole(name: str, default: int) -> int:
    """Return a whole number of at least 1 from the environment."""
    given = os.environ.get(name, "") or str(default)
    if not given.isdecimal() or int(given) < 1:
        raise UsageError(f"{name} is {given!r}, not a whole number of at least 1", hint=f"leave it out for {default}")
    return int(given)


SECRET_KEY = WORKSPACE.secret("web sessions").hex()
DEBUG = False
ALLOWED_HOSTS = [
    name for name in os.environ.get("FORESHORE_HOSTS", "localhost,127.0.0.1,[::1],testserver").split(",") if name
]
CSRF_TRUSTED_ORIGINS = [
    f"https://{name}" for name in ALLOWED_HOSTS if HTTPS and name not in ("localhost", "127.0.0.1", "[::1]")
]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    *sign_in_apps(WORKSPACE),
    "csp",
    "foreshore.decisions.apps.DecisionsConfig",
    "foreshore.server.apps.ServerConfig",
    "foreshore.web.apps.WebConfig",
]
MIDDLEWARE = [
    "foreshore.server.middleware.measured",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "foreshore.server.idling.ended_when_idle",
    "foreshore.server.middleware.signed_in",
    "foreshore.server.rates.limited",
    "foreshore.server.factors.demanded",
    "foreshore.web.stopping.Sentences",
]
ROOT_URLCONF = "foreshore.server.urls"
WSGI_APPLICATION = "foreshore.server.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE.parent / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "foreshore.web.context.everywhere",
            ]
        },
    }
]
DATABASES = {
    "default": database(os.environ["DATABASE_URL"])
    if "DATABASE_URL" in os.environ
    else sqlite(WORKSPACE.root / "server.sqlite3")
}
DATABASE_ROUTERS = ["foreshore.server.routing.Decisions"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "foreshore_cache"}}
AUTH_USER_MODEL = "foreshore_server.Person"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "foreshore.server.signing.Accounts"
SOCIALACCOUNT_ADAPTER = "foreshore.server.signing.Providers"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # accounts are made by invitation alone, which proves the address
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
# Attempts that fail are what is limited closely: a whole office may sign in from one address within a minute.
ACCOUNT_RATE_LIMITS = {"login": "300/m/ip", "login_failed": "20/m/ip,5/5m/key"}
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Foreshore"
SOCIALACCOUNT_PROVIDERS = sign_in_providers(WORKSPACE)
SOCIALACCOUNT_ONLY = False
USERSESSIONS_TRACK_ACTIVITY = True

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 3600
IDLE_MINUTES = _whole("FORESHORE_IDLE_MINUTES", 60)
API_PER_MINUTE = _whole("FORESHORE_API_PER_MINUTE", 600)
PAGES_PER_MINUTE = _whole("FORESHORE_PAGES_PER_MINUTE", 600)
SECOND_FACTOR = os.environ.get("FORESHORE_SECOND_FACTOR", "") or "nobody"
if SECOND_FACTOR not in ("nobody", "administrators", "everybody"):
    raise UsageError(f"FORESHORE_SECOND_FACTOR is {SECOND_FACTOR!r}", hint="nobody, administrators or everybody")
if HTTPS:  # the prefix lets no other host of the domain set them, and browsers want TLS for it
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
CSRF_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "style-src-attr": ["'unsafe-inline'"],  # charts place their labels by inline style
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF, *sign_in_origins(WORKSPACE)],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 << 20  # of forms and JSON; files are streamed to disk and not counted
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.TemporaryFileUploadHandler"]
FILE_UPLOAD_TEMP_DIR = str(WORKSPACE.temporary_dir)

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [HERE.parent / "web" / "locale"]
USE_I18N = USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # straight from the package: there is no step of collecting
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 31_536_000
EMAIL_BACKEND = "foreshore.server.signing.Mail"
LOGGING_CONFIG = None
SILENCED_SYSTEM_CHECKS: list[str] = []
