"""A running service over a made-up company, for tests of pages and API: real processes, called over HTTP."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx

PASSWORD = "not-a-real-password-7"


class Service:
    """A running `foreshore serve` and the accounts that a test made in it."""

    def __init__(self, url: str, workspace: Path, link: str) -> None:
        self.url = url
        self.workspace = workspace
        self.link = link

    def client(self, email: str = "") -> httpx.Client:
        """Return a browser-like client, signed in as `email` where one is given."""
        client = httpx.Client(base_url=self.url, follow_redirects=True, timeout=60)
        if email:
            self.sign_in(client, email)
        return client

    def sign_in(self, client: httpx.Client, email: str) -> None:
        """Sign in by the page for it."""
        answer = post(client, "/accounts/login/", {"login": email, "password": PASSWORD})
        assert "/accounts/login" not in str(answer.url), answer.text[:3000]

    def join(self, link: str, email: str) -> None:
        """Make an account by the link of an invitation."""
        with self.client() as client:
            answer = post(client, link, {"email": email, "name": "", "password": PASSWORD})
            assert answer.status_code < 500, answer.text[:2000]
            assert "/join/" not in str(answer.url), answer.text[:3000]


def post(client: httpx.Client, path: str, values: dict[str, Any], **more: Any) -> httpx.Response:
    """Post a form as a browser does, with the token of the page that it stands on."""
    page = client.get(path)
    found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
    token = found.group(1) if found else client.cookies.get("csrftoken", "")
    return client.post(path, data={"csrfmiddlewaretoken": token, **values}, headers={"Referer": str(page.url)}, **more)


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


@contextmanager
def serving(workspace: Path, *more: str, **environment: str) -> Iterator[Service]:
    """Run `foreshore serve` over the workspace until the block ends; its first administrator is admin@example.com."""
    port = free_port()
    command = [sys.executable, "-m", "foreshore", "serve", "--port", str(port), "--workspace", str(workspace), *more]
    log = workspace.parent / f"serve-{port}.log"
    with log.open("w+") as stream:
        process = subprocess.Popen(
            command, stderr=stream, stdout=stream, env={**os.environ, **environment}, start_new_session=True
        )
        try:
            url = f"http://localhost:{port}"
            _wait(url, process, log)
            found = re.search(r"(/join/[^/\s]+/)", log.read_text())
            service = Service(url, workspace, found.group(1) if found else "")
            if service.link:
                service.join(service.link, "admin@example.com")
            yield service
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 90
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()[-3000:]
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/readyz", timeout=5).status_code == 200:
                return
        time.sleep(0.2)
    raise AssertionError(f"the service did not come up: {log.read_text()[-3000:]}")


def made(workspace: Path, code: str) -> str:
    """Run Python code with the service's Django set up over the workspace, and return what it printed."""
    text = f"from foreshore.server import start\nstart.setup({str(workspace)!r})\n{code}"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
