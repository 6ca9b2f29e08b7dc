"""Webhooks: an address elsewhere is told what happens here, each message signed, tried again until it arrives.

A message goes out by the guarded door: a private address is refused unless `FORESHORE_WEBHOOK_NETWORKS`
lists its network. The signature is HMAC-SHA256 over the time and the body, so that an old message cannot be
sent again unseen: `Foreshore-Signature: t=SECONDS,v1=HEX` with HEX over `SECONDS.BODY`.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson
from django.db.models import F
from django.utils import timezone

from foreshore import http, keys
from foreshore.errors import ForeshoreError, NothingToRead, Refused, UsageError
from foreshore.server import audit, sealing
from foreshore.server.access import Access
from foreshore.server.models import Delivery, Webhook
from foreshore.server.place import workspace
from foreshore.workspace import Workspace

EVENTS: Mapping[str, str] = {
    "cycle.done": "a cycle was published",
    "exposure.new_act_now": "exposures became urgent (“act now”) by a cycle",
    "exception.asked": "somebody asks for an exception",
    "exception.revoked": "exceptions no longer hold",
    "job.failed": "a job failed",
    "news.impact": "new intelligence changes something here",
    "test": "a message sent by hand, to try the address",
}
SECONDS = 20.0
PAUSES = (30, 120, 600, 3_600, 6 * 3_600, 24 * 3_600)  # after so many seconds it is tried again, then given up
SHOWN = 50  # things that one message names; the rest is counted
_KEPT_DAYS = 30


def networks() -> tuple[str, ...]:
    """The private networks that messages may go to."""
    return tuple(one.strip() for one in os.environ.get("FORESHORE_WEBHOOK_NETWORKS", "").split(",") if one.strip())


def make(access: Access, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
    """Make a webhook and return it with its secret, which is shown once."""
    access.need_everywhere("sources")
    unknown = sorted(set(events) - set(EVENTS))
    if unknown or not events:
        raise UsageError(f"{', '.join(unknown) or 'nothing'} is no event", hint=", ".join(EVENTS))
    _checked(url)
    secret = "fsw_" + secrets.token_urlsafe(32)
    made = Webhook.objects.create(
        url=url,
        events=sorted(set(events)),
        sealed_secret=sealing.seal(workspace(), "webhooks", secret.encode()),
        made_by=access.person,
    )
    audit.note("webhook made", author=access.person, host=_host(url), events=made.events)
    return made, secret


def _checked(url: str) -> None:
    """Refuse an address that is none, carries a password, or is plain HTTP to somewhere else than these networks."""
    import httpx

    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise UsageError("this is not a web address", where="url", hint="https://hooks.example.com/foreshore") from None
    if parsed.scheme not in ("https", "http") or not parsed.host or parsed.userinfo or len(url) > 2_000:
        raise UsageError(
            "this is not a web address to send to", where="url", hint="https://hooks.example.com/foreshore"
        )
    if parsed.scheme == "http" and not networks():
        raise UsageError("messages are sent over TLS only", where="url", hint="an https address")
    if reason := _forbidden(parsed.host):
        raise Refused(f"{parsed.host} is {reason}", where="url", hint="list its network in FORESHORE_WEBHOOK_NETWORKS")


def _forbidden(host: str) -> str:
    reason = http.forbidden(host, networks())
    return "" if reason == "not an address" else reason  # names are resolved, and checked, when a message goes out


def remove(access: Access, number: int) -> None:
    """Remove a webhook with what was not delivered."""
    one = _one(access, number)
    audit.note("webhook removed", author=access.person, host=_host(one.url))
    one.delete()


def switch(access: Access, number: int, *, enabled: bool) -> Webhook:
    """Let a webhook send, or stop it."""
    one = _one(access, number)
    one.enabled = enabled
    one.save(update_fields=["enabled"])
    audit.note("webhook switched on" if enabled else "webhook switched off", author=access.person, host=_host(one.url))
    return one


def listed(access: Access) -> list[dict[str, Any]]:
    """Return the webhooks with their last deliveries; never a secret."""
    access.need_everywhere("sources")
    return [shown(one) for one in Webhook.objects.order_by("pk")]


def shown(one: Webhook) -> dict[str, Any]:
    """Return a webhook as programs see it."""
    last = one.deliveries.order_by("-pk").values("event", "made_at", "delivered_at", "attempts", "given_up", "answer")[
        :10
    ]
    return {
        "id": one.pk, "url": one.url, "events": one.events, "enabled": one.enabled, "made_by": one.made_by,
        "made_at": one.made_at, "deliveries": list(last),
    }  # fmt: skip


def _one(access: Access, number: int) -> Webhook:
    access.need_everywhere("sources")
    found = Webhook.objects.filter(pk=number).first()
    if found is None:
        raise UsageError("there is no such webhook", hint="the list of webhooks")
    return found


def try_out(access: Access, number: int) -> None:
    """Send a message for a test."""
    _queue(_one(access, number), "test", {"text": "This is a test."})


def tell(event: str, data: Mapping[str, Any]) -> int:
    """Put a message to each webhook that wants this event into the queue; returns to how many."""
    wanting = [one for one in Webhook.objects.filter(enabled=True) if event in one.events]
    for one in wanting:
        _queue(one, event, data)
    return len(wanting)


def _queue(one: Webhook, event: str, data: Mapping[str, Any]) -> None:
    body = {"event": event, "at": timezone.now(), "data": data}
    Delivery.objects.create(webhook=one, event=event, body=orjson.dumps(body, default=str).decode())


def deliver() -> int:
    """Send what is due and return how many messages arrived; several workers may do so at once."""
    sent = 0
    for number in list(Delivery.objects.filter(_due()).order_by("next_at").values_list("pk", flat=True)[:SHOWN]):
        # Taking it in hand moves its time ahead, so that no other worker sends it as well.
        ahead = timezone.now() + timedelta(seconds=4 * SECONDS)
        if Delivery.objects.filter(_due(), pk=number).update(attempts=F("attempts") + 1, next_at=ahead):
            sent += _send(Delivery.objects.select_related("webhook").get(pk=number))
    return sent


def _due() -> Any:
    from django.db.models import Q

    return Q(delivered_at=None, given_up=False, next_at__lte=timezone.now(), webhook__enabled=True)


def _send(one: Delivery) -> int:
    """Send one message; note the answer and when to try again."""
    try:
        answer = _post(one)
        arrived, said = 200 <= answer < 300, f"answered {answer}"
    except ForeshoreError as error:
        arrived, said = False, error.what
    changed: dict[str, Any] = {"answer": said[:500]}
    if arrived:
        changed["delivered_at"] = timezone.now()
    elif one.attempts > len(PAUSES):
        changed["given_up"] = True
    else:
        changed["next_at"] = timezone.now() + timedelta(seconds=PAUSES[one.attempts - 1])
    Delivery.objects.filter(pk=one.pk).update(**changed)
    return int(arrived)


def _post(one: Delivery) -> int:
    body, moment = one.body.encode(), int(time.time())
    headers = {
        "content-type": "application/json", "user-agent": http.AGENT, "foreshore-event": one.event,
        "foreshore-delivery": str(one.pk),
        "foreshore-signature": signature(sealing.opened(workspace(), "webhooks", bytes(one.webhook.sealed_secret)).decode(), moment, body),
    }  # fmt: skip
    _checked(one.webhook.url)  # the networks may have been changed since it was made
    with http.Door(allowed=networks(), most=1 << 20, seconds=SECONDS).line() as line:
        return line.send("POST", one.webhook.url, headers, body).status


def signature(secret: str, moment: int, body: bytes) -> str:
    """Return the header that proves a message: its time and HMAC-SHA256 over time and body."""
    mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={mark}"


def _host(url: str) -> str:
    """What of an address may be noted: its path may hold a key."""
    import httpx

    return httpx.URL(url).host


def clear() -> None:
    """Forget messages that arrived, or were given up, a month ago."""
    before = timezone.now() - timedelta(days=_KEPT_DAYS)
    Delivery.objects.filter(made_at__lt=before).exclude(delivered_at=None, given_up=False).delete()


def urgent(place: Workspace) -> set[int]:
    """Return the exposures that are urgent in the served cycle; none before the first."""
    from foreshore.query import lists

    try:
        rows = lists.rows(place, "select exposure from exposures where treatment = 'act_now'")
    except NothingToRead:
        return set()
    return {row["exposure"] for row in rows}


def after_cycle(place: Workspace, before: set[int], result: Mapping[str, Any]) -> None:
    """Tell that a cycle was published, what became urgent by it, and which exceptions it revoked."""
    if not Webhook.objects.filter(enabled=True).exists():
        return
    names = ("cycle", "as_of", "funnel", "treatments")
    tell("cycle.done", {name: result[name] for name in names})
    fresh = sorted(urgent(place) - before)
    if fresh:
        tell("exposure.new_act_now", {"cycle": result["cycle"], "count": len(fresh), "exposures": _told(place, fresh)})
    if revoked := result.get("revoked"):
        tell("exception.revoked", {"count": len(revoked), "exceptions": revoked[:SHOWN]})


def _told(place: Workspace, exposures: Sequence[int]) -> list[dict[str, Any]]:
    from foreshore.query import lists

    listed = ", ".join(str(int(one)) for one in exposures)
    rows = lists.rows(
        place,
        "select exposure, rank, weakness, title, asset_name, owner, due, reason from exposures "
        f"where exposure in ({listed}) order by rank limit {SHOWN}",
    )
    return [{"id": keys.show("EXP", row.pop("exposure")), **row} for row in rows]


def after_news(told: Mapping[str, Any]) -> None:
    """Tell what new intelligence means here, where it means something."""
    if told["lines"]:
        tell("news.impact", {"lines": told["lines"], "more": told["more"]})


def asked(sender: object, instance: Any, created: bool, **_: object) -> None:
    """Tell that somebody asks for an exception (a receiver of `post_save`)."""
    if created:
        tell("exception.asked", {
            "exposures": [keys.show("EXP", int(one)) for one in instance.exposures[:SHOWN]],
            "count": len(instance.exposures), "until": instance.until, "asked_by": instance.asked_by.email,
        })  # fmt: skip
