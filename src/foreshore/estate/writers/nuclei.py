"""Nuclei JSONL: one match a line, from active probes and from plain observation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from foreshore.estate.model import Flaw, Host, Port

# Weaknesses for which a template makes a harmless request whose answer proves the weakness.
PROBED = frozenset(
    {
        "CVE-2021-41773", "CVE-2021-42013", "CVE-2023-4966", "CVE-2024-34102", "CVE-2021-44228",
        "CVE-2024-23897", "CVE-2023-42793", "CVE-2022-26134", "CVE-2021-40438", "CVE-2024-21762",
    }
)  # fmt: skip
_WEB = frozenset({80, 443, 8080, 8090, 8111})


def write(path: Path, hosts: Iterable[Host], when: datetime) -> int:
    """Write the matches on the web services of `hosts`, the first at `when` (UTC); return how many."""
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as out:
        for host in hosts:
            for row in matches(host):
                at = when + timedelta(seconds=count)
                row["timestamp"] = f"{at:%Y-%m-%dT%H:%M:%S}.{(count * 7919) % 1000000:06d}Z"
                out.write(json.dumps(row, separators=(",", ":")) + "\n")
                count += 1
    return count


def matches(host: Host) -> Iterator[dict[str, object]]:
    """Yield what the templates match on `host`, without times."""
    for port in host.ports:
        if port.number in _WEB:
            yield _observation(host, port, "tech-detect", "Technology detection", port.product or "server")
            if port.tls:
                yield _tls(host, port)
    for flaw in host.flaws:
        if flaw.cve in PROBED and any(port.number == flaw.port for port in host.ports):
            yield _probe(host, flaw)


def _url(host: Host, number: int) -> str:
    scheme = "https" if number == 443 else "http"
    return f"{scheme}://{host.fqdn}" + ("" if number in (80, 443) else f":{number}")


def _row(host: Host, template: str, info: dict[str, object], port: int, path: str) -> dict[str, object]:
    url = _url(host, port)
    return {
        "template": f"http/{template}.yaml",
        "template-url": f"https://cloud.projectdiscovery.io/public/{template}",
        "template-id": template,
        "template-path": f"http/{template}.yaml",
        "info": info,
        "type": "http",
        "host": url.split("//")[1].split(":")[0],
        "port": str(port),
        "scheme": url.split(":")[0],
        "url": url,
        "path": path,
        "matched-at": f"{url}{path}",
        "ip": host.ip,
        "matcher-status": True,
    }


def _observation(host: Host, port: Port, template: str, name: str, matcher: str) -> dict[str, object]:
    info: dict[str, object] = {"name": name, "author": ["team"], "tags": ["tech"], "severity": "info"}
    return _row(host, template, info, port.number, "/") | {"matcher-name": matcher.lower().replace(" ", "-")}


def _tls(host: Host, port: Port) -> dict[str, object]:
    info: dict[str, object] = {
        "name": "TLS Version - Detect", "author": ["team"], "tags": ["ssl", "tls", "discovery"],
        "severity": "info",
        "metadata": {"max-request": 1},
    }  # fmt: skip
    at = f"{host.fqdn}:{port.number}"
    row = _row(host, "tls-version", info, port.number, "")
    return row | {
        "template": "ssl/tls-version.yaml",
        "template-path": "ssl/tls-version.yaml",
        "type": "ssl",
        "url": at,
        "matched-at": at,
        "extracted-results": ["tls12"],
    }


def _probe(host: Host, flaw: Flaw) -> dict[str, object]:
    year = flaw.cve.split("-")[1]
    info: dict[str, object] = {
        "name": f"{flaw.vendor} {flaw.product} - {flaw.title}",
        "author": ["team"],
        "tags": ["cve", f"cve{year}", "kev"],
        "description": f"{flaw.vendor} {flaw.product} {flaw.version} is affected: {flaw.title}.",
        "reference": [f"https://nvd.nist.gov/vuln/detail/{flaw.cve}"],
        "severity": flaw.severity,
        "metadata": {"max-request": 1, "verified": True},
        "classification": {
            "cve-id": [flaw.cve.lower()],
            "cwe-id": [f"cwe-{flaw.cwe}"],
            "cvss-metrics": flaw.vector,
            "cvss-score": flaw.score,
        },
    }
    if flaw.fixed_version:
        info["remediation"] = f"Upgrade to {flaw.vendor} {flaw.product} {flaw.fixed_version} or later."
    row = _row(host, flaw.cve, info, flaw.port, "/")
    path = f"cves/{year}/{flaw.cve}.yaml"
    return row | {
        "template": f"http/{path}",
        "template-path": f"http/{path}",
        "matcher-name": "body",
        "curl-command": f"curl -X 'GET' '{row['matched-at']}'",
    }
