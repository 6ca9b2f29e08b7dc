"""How people sign in: what allauth asks of us, and how mail goes out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.core.mail.backends.base import BaseEmailBackend

if TYPE_CHECKING:
    from django.core.mail import EmailMessage
    from django.http import HttpRequest


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by invitation alone, never by signing up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """No."""
        return False


class Providers(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Who comes from single sign-on: joins the account of the same verified address; nobody else gets in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """No: an account has to be there, by invitation or provisioning."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Connect the provider's identity to the account of the address that the provider verified."""
        from foreshore.server.models import Person

        if sociallogin.is_existing:
            return
        domains = {str(one).lower() for one in sociallogin.provider.app.settings.get("domains", ())}
        verified = [
            one.email.lower()
            for one in sociallogin.email_addresses
            if one.verified or one.email.lower().rpartition("@")[2] in domains
        ]
        person = Person.objects.filter(email__in=verified, is_active=True).first()
        if person is not None:
            sociallogin.connect(request, person)


class Mail(BaseEmailBackend):
    """Sends by the SMTP server of `FORESHORE_EMAIL_URL` (smtp://user:password@host:port); without one, nothing."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Send the messages and return how many went out."""
        from urllib.parse import unquote, urlsplit

        from django.core.mail.backends.smtp import EmailBackend

        if not (url := os.environ.get("FORESHORE_EMAIL_URL", "")):
            return 0
        parts = urlsplit(url)
        backend = EmailBackend(
            host=parts.hostname or "localhost", port=parts.port or 25, username=unquote(parts.username or ""),
            password=unquote(parts.password or ""), use_tls=parts.scheme == "smtp+tls",
            use_ssl=parts.scheme == "smtps", timeout=20,
        )  # fmt: skip
        return int(backend.send_messages(email_messages) or 0)
