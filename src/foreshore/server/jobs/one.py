"""One job, in a process of its own: `python -m foreshore.server.jobs.one NUMBER`."""

from __future__ import annotations

import os
import sys

from foreshore.server import start

BEHIND = 10  # of 19: pages that people wait for come first where there are few processors

if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(BEHIND)
    start.setup()
    from foreshore.server.jobs import worker

    worker.do(int(sys.argv[1]))
