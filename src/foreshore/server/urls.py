"""Where everything is: health, sign-in, the API and the pages."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from foreshore.server import health

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    # An address is who somebody is in the audit trail: nobody changes their own.
    path("accounts/email/", RedirectView.as_view(url="/me/"), name="account-email-stays"),
    path("accounts/", include("allauth.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("api/", include("foreshore.api.urls")),
    path("", include("foreshore.web.urls")),
]
