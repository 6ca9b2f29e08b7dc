"""A URL that answered, as tools that probe the web tell it: one observation, and what its certificate says."""

from __future__ import annotations

from collections.abc import Iterable

from foreshore.discovery.readers._web_scans import bare_url, origin
from foreshore.facts import Finding

RULE = "http-answer"
_MOST = 40


def answer(asset: str, url: str, status: str, details: Iterable[str], *, title: str = "", method: str = "") -> Finding:
    """The observation that `url` answers; `details` are lines such as `nginx 1.25.3`."""
    lines = [" ".join(one.split())[:300] for one in details if one and not one.isspace()]
    shown = " ".join(title.split())[:120]
    said = f"Answers with status {status}" if status else "Answers"
    return Finding(
        asset=asset,
        rule=RULE,
        title=f"{said}: {shown}" if shown else said,
        severity="info",
        kind="observation",
        port=origin(url).port,
        protocol="tcp",
        url=bare_url(url),
        method=method,
        proof="probe",
        evidence="\n".join(lines[:_MOST]),
    )
