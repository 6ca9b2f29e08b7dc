"""Webhooks: addresses that are told what happens."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema
from ninja.responses import Status

from foreshore.api.asking import Row, small, whole
from foreshore.server import webhooks

router = Router(tags=["webhooks"])


class New(Schema):
    """An address and the events it is told of."""

    url: str = Field(..., max_length=2_000)
    events: list[str] = Field(..., min_length=1, max_length=20, description=", ".join(webhooks.EVENTS))


class Switch(Schema):
    """Whether messages go out."""

    enabled: bool


@router.get("/webhooks", response=list[dict[str, Any]])
def list_webhooks(request: HttpRequest) -> list[Row]:
    """List webhooks with their last deliveries."""
    return webhooks.listed(whole(request, "sources"))


@router.post("/webhooks", response={201: dict[str, Any]})
def make_webhook(request: HttpRequest, asked: New) -> Any:
    """Make a webhook; its secret is in this answer and never again."""
    made, secret = webhooks.make(whole(request, "sources"), asked.url, asked.events)
    return Status(201, {**webhooks.shown(made), "secret": secret})


@router.post("/webhooks/{webhook}", response=dict[str, Any])
def switch_webhook(request: HttpRequest, webhook: int, asked: Switch) -> Row:
    """Switch a webhook on or off."""
    return webhooks.shown(webhooks.switch(whole(request, "sources"), small(webhook), enabled=asked.enabled))


@router.post("/webhooks/{webhook}/test", response={204: None})
def try_webhook(request: HttpRequest, webhook: int) -> Any:
    """Send a message for a test."""
    webhooks.try_out(whole(request, "sources"), small(webhook))
    return Status(204, None)


@router.delete("/webhooks/{webhook}", response={204: None})
def remove_webhook(request: HttpRequest, webhook: int) -> Any:
    """Remove a webhook."""
    webhooks.remove(whole(request, "sources"), small(webhook))
    return Status(204, None)
