"""The application's entry in Django: its label is part of every table name."""

from __future__ import annotations

from django.apps import AppConfig


class ServerConfig(AppConfig):
    """People, tokens, jobs and what they left on the pages."""

    name = "foreshore.server"
    label = "foreshore_server"
    verbose_name = "Foreshore"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have webhooks told of requests for exceptions, wherever they are made."""
        from django.db.models.signals import post_save

        from foreshore.server import webhooks

        post_save.connect(webhooks.asked, sender=self.get_model("ExceptionRequest"), dispatch_uid="exception.asked")
