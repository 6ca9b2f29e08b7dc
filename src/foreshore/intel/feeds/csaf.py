"""CSAF 2.0 and 2.1: vendors' advisories and VEX, one document each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel import weaknesses
from foreshore.intel.body import Body
from foreshore.intel.documents import documents, items
from foreshore.intel.feeds import _packages as packages
from foreshore.intel.feeds._products import UNCLEAR, Product, products
from foreshore.intel.rows import Rows, Wanted, is_public, moment

_BATCH = 50_000
_FIXED = ("fixed", "first_fixed")
_AFFECTED = ("known_affected", "first_affected", "last_affected")
_SCORES = {"cvss_v2": "2.0", "cvss_v3": "3.1", "cvss_v4": "4.0"}
_SPACES = re.compile(r"\s+")
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Csaf:
    """CSAF: what vendors say of their products: affected, fixed in, not affected and why, scores, remedies."""

    url: str = ""  # each vendor has a folder of its own: name those that are used, as file, folder or archive
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this is a CSAF document."""
        return b'"csaf_version"' in head or (b'"csaf_' in head and b'"document"' in head)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield the signals of every wanted weakness of the documents; source is `csaf:` and the publisher."""
        rows = Rows("csaf")
        for document in documents(body):
            _document(document, rows, wanted, body.name)
            if len(rows) >= _BATCH:
                yield rows.table()
        rows.mark("csaf")
        yield rows.table()


def _document(document: dict[str, Any], rows: Rows, wanted: Wanted, where: str) -> None:
    about = document.get("document")
    tracking = about.get("tracking") if isinstance(about, dict) else None
    if not isinstance(about, dict) or not isinstance(tracking, dict):
        raise BadFeed("it does not say which document it is", where=where, hint="a CSAF document with `tracking`")
    when = moment(tracking.get("current_release_date")) or moment(tracking.get("initial_release_date"))
    if when is None:
        raise BadFeed("it does not say its date", where=where, hint="a CSAF document with `current_release_date`")
    rows.date(when)
    publisher = about.get("publisher")
    name = publisher.get("name") if isinstance(publisher, dict) else ""
    source = f"csaf:{_SPACES.sub(' ', str(name or '')).strip()}"
    known: dict[str, Product] | None = None
    for one in items(document.get("vulnerabilities")):
        if not isinstance(one, dict):
            continue
        names = [name for name in _names(one) if wanted is None or name in wanted]
        if names and known is None:
            known = products(document.get("product_tree"))
        for name in names:
            _weakness(rows, name, one, known or {}, when, source)


def _names(one: dict[str, Any]) -> list[str]:
    """Return the CVE, else the other public names of a vulnerability."""
    if isinstance(one.get("cve"), str):
        return [one["cve"]] if is_public(one["cve"]) else []
    listed = (each.get("text") for each in items(one.get("ids")) if isinstance(each, dict))
    return [text for text in listed if isinstance(text, str) and is_public(text)][:1]


def _weakness(
    rows: Rows, name: str, one: dict[str, Any], known: dict[str, Product], when: datetime, source: str
) -> None:
    _said(rows, name, one, when, source)
    status = one.get("product_status")
    status = status if isinstance(status, dict) else {}
    fixed: dict[tuple[str, str], None] = {}
    for product in _listed(status, _FIXED, known):
        version = product.version or _reached(product.span)
        if version:
            fixed[product.text, version] = None
    for text, version in fixed:
        rows.add(name, "fixed_in", when, text=text, model=version, source=source)
    for text, span in _spans(_listed(status, _AFFECTED, known)).items():
        rows.add(name, "affected", when, text=text, model=span, source=source)
    reasons = _reasons(one)
    spared: dict[str, str] = {}
    for key in items(status.get("known_not_affected")):
        if isinstance(key, str) and key in known:
            spared.setdefault(known[key].text, reasons.get(key, ""))
    for text, reason in spared.items():
        rows.add(name, "not_affected", when, text=text, model=reason, source=source)


def _listed(status: dict[str, Any], kinds: tuple[str, ...], known: dict[str, Product]) -> Iterator[Product]:
    for kind in kinds:
        for key in items(status.get(kind)):
            if isinstance(key, str) and key in known:
                yield known[key]


def _reached(span: str) -> str:
    """Return the version from which a range of fixed versions begins."""
    first = span.split("|", 1)[0]
    return first.removeprefix(">=") if first.startswith(">=") else ""


def _spans(affected: Iterator[Product]) -> dict[str, str]:
    """Return the range of each product in VERS notation: `*` where all or unnamed versions are meant, '' if unclear."""
    parts: dict[str, dict[str, None]] = {}
    schemes: dict[str, str] = {}
    for product in affected:
        schemes.setdefault(product.text, product.scheme)
        said = parts.setdefault(product.text, {})
        if product.span != UNCLEAR:
            said[product.span or packages.quoted(product.version) or "*"] = None
    found = {text: "*" if "*" in spans else "|".join(spans) for text, spans in parts.items()}
    return {text: f"vers:{schemes[text]}/{span}" if span else "" for text, span in found.items()}


def _reasons(one: dict[str, Any]) -> dict[str, str]:
    """Return why products are not affected: the flag's label, else what is said of the impact."""
    found: dict[str, str] = {}
    for kind, key in (("threats", "details"), ("flags", "label")):
        for said in items(one.get(kind)):
            if isinstance(said, dict) and (kind == "flags" or said.get("category") == "impact"):
                text = _SPACES.sub(" ", str(said.get(key) or "")).strip()[:_LONGEST_REASON]
                found.update((each, text) for each in items(said.get("product_ids")) if isinstance(each, str))
    return found


def _said(rows: Rows, name: str, one: dict[str, Any], when: datetime, source: str) -> None:
    if published := moment(one.get("release_date")):
        rows.add(name, "published", published, text=published.date().isoformat(), source=source)
    scores = [each for each in items(one.get("scores")) if isinstance(each, dict)]
    for each in items(one.get("metrics")):  # CSAF 2.1
        if isinstance(each, dict) and isinstance(each.get("content"), dict):
            scores.append(each["content"])
    seen: set[tuple[str, str]] = set()
    for score in scores:
        for key, version in _SCORES.items():
            metric = score.get(key)
            point = (key, str(metric.get("vectorString"))) if isinstance(metric, dict) else ("", "")
            if point[0] and point not in seen:
                seen.add(point)
                weaknesses.score(rows, name, when, metric, version, source)
    cwes = [one.get("cwe"), *items(one.get("cwes"))]
    texts = (str(each.get("id") or "") for each in cwes if isinstance(each, dict))
    weaknesses.classes(rows, name, when, texts, source)
    notes = [each for each in items(one.get("notes")) if isinstance(each, dict)]
    notes = [each for each in notes if each.get("category") in ("description", "summary")]
    described = [{"lang": "en", "value": each.get("text")} for each in notes]
    weaknesses.description(rows, name, when, described[:1], source)
    remedies = (each.get("category") for each in items(one.get("remediations")) if isinstance(each, dict))
    for word in dict.fromkeys(str(each).replace("_", "-") for each in remedies if each):
        rows.add(name, "reference", when, text=word, source=source)


PLUGIN = Csaf()
