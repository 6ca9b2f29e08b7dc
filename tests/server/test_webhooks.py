"""Webhooks: signed messages that arrive once, are tried again, and never reach a private address unasked."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from tests.served import free_port, made

_SETUP = """
import os
start.migrate()
from foreshore.errors import ForeshoreError
from foreshore.server import webhooks
from foreshore.server.access import SYSTEM
from foreshore.server.models import Delivery, Webhook
"""


@contextmanager
def listening(answers: list[int]) -> Iterator[tuple[int, list[tuple[dict[str, str], bytes]]]]:
    """A receiver that answers with these statuses, one after another, and what it got."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(answers[min(len(got), len(answers)) - 1])
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", free_port()), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, got
    finally:
        server.shutdown()
        server.server_close()


def test_a_message_is_signed_and_tried_again_until_it_arrives(copy: Path) -> None:
    with listening([500, 200]) as (port, got):
        text = made(copy, f"""{_SETUP}
from django.utils import timezone
os.environ["FORESHORE_WEBHOOK_NETWORKS"] = "127.0.0.0/8"
made, secret = webhooks.make(SYSTEM, "http://127.0.0.1:{port}/in", ["job.failed"])
assert secret.encode() not in bytes(Webhook.objects.get().sealed_secret)
assert webhooks.tell("cycle.done", {{}}) == 0
assert webhooks.tell("job.failed", {{"job": "some"}}) == 1
assert webhooks.deliver() == 0
one = Delivery.objects.get()
assert one.attempts == 1 and one.delivered_at is None and one.next_at > timezone.now(), one.answer
assert webhooks.deliver() == 0
Delivery.objects.update(next_at=timezone.now())
assert webhooks.deliver() == 1
assert webhooks.deliver() == 0
print(secret)
""")  # fmt: skip
        secret = text.strip().splitlines()[-1]
    assert len(got) == 2
    headers, body = got[1]
    moment, mark = (part.split("=")[1] for part in headers["foreshore-signature"].split(","))
    assert hmac.compare_digest(
        mark, hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    )
    assert json.loads(body)["event"] == headers["foreshore-event"] == "job.failed"
    assert got[0][1] == body


def test_a_message_is_given_up_in_the_end(copy: Path) -> None:
    with listening([503]) as (port, got):
        made(copy, f"""{_SETUP}
from django.utils import timezone
os.environ["FORESHORE_WEBHOOK_NETWORKS"] = "127.0.0.1/32"
webhooks.make(SYSTEM, "http://127.0.0.1:{port}/in", ["job.failed"])
webhooks.tell("job.failed", {{}})
for _ in range(len(webhooks.PAUSES) + 5):
    webhooks.deliver()
    Delivery.objects.update(next_at=timezone.now())
assert Delivery.objects.get().given_up
""")  # fmt: skip
    assert len(got) == 7


def test_private_addresses_are_refused_when_made_and_when_sent(copy: Path) -> None:
    with listening([200]) as (port, got):
        made(copy, f"""{_SETUP}
for address in ("https://127.0.0.1/x", "https://169.254.169.254/latest", "https://10.0.0.8/", "http://hooks.example.com/",
                "ftp://hooks.example.com/", "https://user:pw@hooks.example.com/", "nonsense"):
    try:
        webhooks.make(SYSTEM, address, ["cycle.done"])
    except ForeshoreError:
        continue
    raise AssertionError(address)
os.environ["FORESHORE_WEBHOOK_NETWORKS"] = "127.0.0.0/8"
webhooks.make(SYSTEM, "http://localhost:{port}/in", ["cycle.done"])
os.environ["FORESHORE_WEBHOOK_NETWORKS"] = "10.9.0.0/16"
webhooks.tell("cycle.done", {{}})
assert webhooks.deliver() == 0
assert "loopback" in Delivery.objects.get().answer, Delivery.objects.get().answer
""")  # fmt: skip
    assert not got
