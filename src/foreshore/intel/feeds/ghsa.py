"""GitHub's global advisories as its REST interface gives them: one, a page, or one a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.intel import weaknesses
from foreshore.intel.body import Body
from foreshore.intel.documents import documents, items
from foreshore.intel.feeds import _packages as packages
from foreshore.intel.rows import CVE, Rows, Wanted, is_public, moment

_BATCH = 50_000
_SEVERITIES = {"cvss_v4": "4.0", "cvss_v3": "3.1"}


@dataclass(frozen=True)
class Ghsa:
    """GitHub advisories: affected packages and fixed versions, CVSS, CWE (CC-BY-4.0); its copy of EPSS is not read."""

    url: str = ""  # its interface answers in pages: save them and name the folder
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this holds advisories of the REST interface."""
        return b'"ghsa_id"' in head and b'"security_advisory"' not in head

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the signals of every advisory of which one name is wanted, under its CVE, else its GHSA name."""
        rows = Rows("ghsa")
        for advisory in documents(body):
            _advisory(advisory, rows, wanted)
            if len(rows) >= _BATCH:
                yield rows.table()
        rows.mark("ghsa")
        yield rows.table()


def _advisory(advisory: dict[str, Any], rows: Rows, wanted: Wanted) -> None:
    own, when = advisory.get("ghsa_id"), moment(advisory.get("updated_at")) or moment(advisory.get("published_at"))
    if not isinstance(own, str) or not is_public(own) or when is None:
        return
    rows.date(when)
    cve = advisory.get("cve_id")
    name = cve if isinstance(cve, str) and CVE.match(cve) else own
    if wanted is not None and name not in wanted and own not in wanted:
        return
    source = f"ghsa:{own}"
    if name != own:
        rows.add(own, "alias", when, text=name, source=source)
    gone = moment(advisory.get("withdrawn_at"))
    if gone:
        rows.add(own, "rejected", gone, value=1, source=source)  # of the advisory; the CVE may stand
    else:
        _about(rows, name, advisory, when, source)
    _packages(rows, name, advisory.get("vulnerabilities"), when, source, gone is not None)


def _about(rows: Rows, name: str, advisory: dict[str, Any], when: datetime, source: str) -> None:
    if published := moment(advisory.get("published_at")):
        rows.add(name, "published", published, text=published.date().isoformat(), source=source)
    scores = advisory.get("cvss_severities")
    scores = scores if isinstance(scores, dict) and any(scores.values()) else {"cvss_v3": advisory.get("cvss")}
    for key, version in _SEVERITIES.items():
        one = scores.get(key)
        if isinstance(one, dict) and one.get("vector_string"):
            metric = {"vectorString": one["vector_string"], "baseScore": one.get("score")}
            weaknesses.score(rows, name, when, metric, version, source)
    cwes = items(advisory.get("cwes"))
    texts = (str(one.get("cwe_id") or "") if isinstance(one, dict) else str(one) for one in cwes)
    weaknesses.classes(rows, name, when, texts, source)
    text = advisory.get("summary") or advisory.get("description")
    if text:
        weaknesses.description(rows, name, when, [{"lang": "en", "value": str(text)}], source)


def _packages(rows: Rows, name: str, vulnerable: Any, when: datetime, source: str, gone: bool) -> None:
    found: dict[str, tuple[list[packages.Interval], list[str], list[str]]] = {}
    for one in items(vulnerable):
        package = one.get("package") if isinstance(one, dict) else None
        if not isinstance(package, dict):
            continue
        purl = packages.built(str(package.get("ecosystem") or ""), str(package.get("name") or ""))
        if not purl:
            continue
        intervals, versions, fixed = found.setdefault(purl, ([], [], []))
        span = packages.constraints(str(one.get("vulnerable_version_range") or ""))
        if span is not None:
            intervals.extend(span[0])
            versions.extend(span[1])
        patched = one.get("first_patched_version")
        patched = patched.get("identifier") if isinstance(patched, dict) else patched
        if isinstance(patched, str) and patched:
            fixed.append(patched)
    for purl, (intervals, versions, fixed) in found.items():
        text = "vers:none/*" if gone else packages.vers(packages.scheme(purl), intervals, versions)
        rows.add(name, "affected", when, text=purl, model=text, source=source)
        for version in dict.fromkeys(() if gone else fixed):
            rows.add(name, "fixed_in", when, text=purl, model=version, source=source)


PLUGIN = Ghsa()
