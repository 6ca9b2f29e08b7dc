"""One part of the service as a process: `python -m foreshore.server.process web` or `worker`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from foreshore.server import logs, start

THREADS = 8


def web() -> None:
    """Answer requests until the process is asked to end."""
    import waitress

    start.setup()
    from foreshore.server.wsgi import application

    host, port = os.environ.get("FORESHORE_HOST", "127.0.0.1"), int(os.environ.get("FORESHORE_PORT", "8000"))
    # The body of a large upload goes to disk; SIGTERM raises SystemExit inside, which ends the loop.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    waitress.serve(
        application, host=host, port=port, threads=THREADS, ident="foreshore", max_request_body_size=1 << 40,
        channel_timeout=300, **_proxy(),
    )  # fmt: skip


def _proxy() -> dict[str, Any]:
    """Headers of a proxy count only where somebody said that there is one."""
    if os.environ.get("FORESHORE_HTTPS", "") != "1":
        return {"clear_untrusted_proxy_headers": True}
    return {
        "trusted_proxy": os.environ.get("FORESHORE_PROXY", "127.0.0.1"),
        "trusted_proxy_headers": {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"},
        "clear_untrusted_proxy_headers": True,
    }


def worker() -> None:
    """Do jobs until the process is asked to end."""
    start.setup()
    from foreshore.server.jobs.worker import work

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    work(ended.is_set)


PARTS = {"web": web, "worker": worker}

if __name__ == "__main__":
    logs.structured()
    PARTS[sys.argv[1]]()
