"""One job, in a process of its own: `python -m foreshore.server.jobs.one NUMBER`."""

from __future__ import annotations

import sys

from foreshore.server import start

if __name__ == "__main__":
    start.setup()
    from foreshore.server.jobs import worker

    worker.do(int(sys.argv[1]))
