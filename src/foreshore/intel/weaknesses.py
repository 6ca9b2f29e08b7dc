"""What CVE records of any format say, as signals: scores, classes, SSVC, dates, description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

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
    for option in options if isinstance(options, list) else ():
        for name, value in option.items() if isinstance(option, dict) else ():
            kind = _SSVC.get(str(name).strip().lower())
            word = _SSVC_WORDS[kind].get(str(value).strip().lower()) if kind else None
            if kind and word:
                rows.add(weakness, kind, when, text=word, source=source)


def description(rows: Rows, weakness: str, when: datetime | None, texts: Any, source: str) -> None:
    """Take the first English text of a list of {lang, value}."""
    for one in texts if isinstance(texts, list) else ():
        if isinstance(one, dict) and str(one.get("lang", "")).lower().startswith("en"):
            text = " ".join(str(one.get("value") or "").split())
            if text:
                rows.add(weakness, "description", when, text=text[:_LONGEST], source=source)
            return
