"""What CVE records of any format say, as signals: scores, classes, SSVC, description, products, references."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from foreshore.intel.documents import items
from foreshore.intel.rows import Rows

_CWE = re.compile(r"CWE-(\d+)")
_SSVC = {
    "exploitation": "ssvc_exploitation",
    "automatable": "ssvc_automatable",
    "technical impact": "ssvc_impact",
}
_SSVC_WORDS = {
    "ssvc_exploitation": {
        "none": "none",
        "poc": "public poc",
        "public poc": "public poc",
        "active": "active",
    },
    "ssvc_automatable": {"yes": "yes", "no": "no"},
    "ssvc_impact": {"partial": "partial", "total": "total"},
}
_LONGEST = 2_000  # characters of a description that are kept
_LONGEST_NAME = 100  # characters of a vendor or product that are kept
_MOST_PRODUCTS = 20
_NOTHING = ("n/a", "unknown", "unspecified", "-", "*", "")
_COLON = re.compile(r"(?<!\\):")
# The words of NVD and of CVE records for the same kinds of reference; others say little and are left out.
_REFERENCES = {
    spelling: word
    for word in (
        "exploit", "patch", "mitigation", "vendor-advisory", "third-party-advisory", "mailing-list", "issue-tracking",
        "technical-description", "release-notes",
    )
    for spelling in (word, word.replace("-", " ").title())
}  # fmt: skip


def score(rows: Rows, weakness: str, when: datetime | None, metric: Any, version: str, source: str) -> None:
    """Take one CVSS object: the vector, beside it the score as published, under its version."""
    if not isinstance(metric, dict) or not isinstance(metric.get("vectorString"), str):
        return
    published = metric.get("baseScore")
    value = float(published) if isinstance(published, (int, float)) else None
    version = str(metric.get("version") or version)
    vector = metric["vectorString"].strip()
    if vector.startswith("CVSS:"):  # the vector knows better than the field beside it
        version = vector[5:8]
    rows.add(weakness, "cvss", when, value=value, text=vector, model=version, source=source)


def classes(rows: Rows, weakness: str, when: datetime | None, texts: Iterator[str], source: str) -> None:
    """Take the CWE numbers found in `texts`, in order and once each."""
    numbers = dict.fromkeys(number for text in texts for number in _CWE.findall(text))
    if numbers:
        rows.add(weakness, "cwe", when, text=",".join(numbers), source=source)


def decision_points(rows: Rows, weakness: str, when: datetime | None, options: Any, source: str) -> None:
    """Take SSVC options; names and values come in several casings and meanings are the same."""
    for option in items(options):
        for name, value in option.items() if isinstance(option, dict) else ():
            kind = _SSVC.get(str(name).strip().lower())
            word = _SSVC_WORDS[kind].get(str(value).strip().lower()) if kind else None
            if kind and word:
                rows.add(weakness, kind, when, text=word, source=source)


def description(rows: Rows, weakness: str, when: datetime | None, texts: Any, source: str) -> None:
    """Take the first English text of a list of {lang, value}."""
    for one in items(texts):
        if isinstance(one, dict) and str(one.get("lang", "")).lower().startswith("en"):
            text = " ".join(str(one.get("value") or "").split())
            if text:
                rows.add(weakness, "description", when, text=text[:_LONGEST], source=source)
            return


def products(rows: Rows, weakness: str, when: datetime | None, pairs: Iterable[tuple[Any, Any]], source: str) -> None:
    """Take vendors with products as `vendor/product` in lower case, once each and not more than 20 of them."""
    found: dict[str, None] = {}
    for vendor, product in pairs:
        words = [one.strip().lower() if isinstance(one, str) else "" for one in (vendor, product)]
        if words[1] not in _NOTHING:
            found["/".join("" if one in _NOTHING else one[:_LONGEST_NAME] for one in words)] = None
        if len(found) == _MOST_PRODUCTS:
            break
    for text in found:
        rows.add(weakness, "product", when, text=text, source=source)


def cpe_names(texts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    """Yield (vendor, product) of each CPE 2.3 name or older CPE URI; others are passed over."""
    seen: set[str] = set()
    for text in texts:
        if not isinstance(text, str):
            continue
        parts = _COLON.split(text, 6) if "\\" in text else text.split(":", 6)
        start = 3 if text.startswith("cpe:2.3:") else 2
        if not text.startswith("cpe:") or len(parts) < start + 2:
            continue
        key = f"{parts[start]}:{parts[start + 1]}"
        if key not in seen:
            seen.add(key)
            yield parts[start].replace("\\", ""), parts[start + 1].replace("\\", "")


def references(rows: Rows, weakness: str, when: datetime | None, listed: Any, source: str) -> None:
    """Take what kinds of reference there are, in words such as `exploit`, with how many in `value`."""
    found: dict[str, int] = {}
    for one in items(listed):
        tags = one.get("tags") if isinstance(one, dict) else None
        for tag in items(tags):
            word = _REFERENCES.get(tag) if isinstance(tag, str) else None
            if word:
                found[word] = found.get(word, 0) + 1
    for word, count in found.items():
        rows.add(weakness, "reference", when, value=count, text=word, source=source)
