"""CVSS: scores recomputed from vectors (versions 2, 3.0, 3.1, 4.0), and metrics by name.

The arithmetic is that of the `cvss` package, written by those who keep the standard's calculators;
this module cleans vectors as they occur in the wild and computes each distinct one once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

_V4_BASE = ("AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA")
_METRIC = re.compile(r"[A-Za-z]{1,3}:[A-Za-z]{1,6}\Z")


class Cvss(NamedTuple):
    """What a vector says. Scores are 0..10; `overall` takes every metric of the vector into account."""

    version: str  # 2.0, 3.0, 3.1, 4.0
    base: float
    temporal: float | None  # None: the version or vector has none
    environmental: float | None
    overall: float
    metrics: dict[str, str]


@lru_cache(maxsize=65_536)
def read(vector: str) -> Cvss | None:
    """Return the scores and metrics of `vector`, or None for what is not a CVSS vector.

    Understood besides the standard's own spelling: brackets around a version 2 vector, a prefix
    `CVSS2#` or `CVSS:2.0/`, spaces and a slash at the end, lower-case letters before the colon.
    Scores after FIRST's specifications of each version.
    """
    from cvss import CVSS2, CVSS3, CVSS4
    from cvss.exceptions import CVSSError

    version, clean = _clean(vector)
    try:
        if version == "4.0":
            return _four(clean, CVSS4(clean))
        if version in ("3.0", "3.1"):
            three = CVSS3(clean)
            return _scored(version, clean, [float(one) for one in three.scores()])
        if version == "2.0":
            two = CVSS2(clean)
            return _scored(version, clean, [None if one is None else float(one) for one in two.scores()])
    except (CVSSError, KeyError, ValueError):
        pass
    return None


def read_all(vectors: Iterable[str | None]) -> list[Cvss | None]:
    """Return `read` of each vector, computed once for each distinct one."""
    return [read(one) if one else None for one in vectors]


def differs(vector: str, published: float | None) -> bool | None:
    """Say whether the published score is another than the vector's base score; None where one is missing."""
    found = read(vector) if vector else None
    if found is None or published is None:
        return None
    return abs(found.base - published) > 0.05 - 1e-9


def _clean(vector: str) -> tuple[str, str]:
    text = vector.strip().strip("()").rstrip("/").replace(" ", "")
    text = re.sub(r"^(CVSS2#|CVSS:2\.0/|CVSS2\.0/|CVSSv2/)", "", text, flags=re.IGNORECASE)
    text = re.sub(r"^(CVSS3#|CVSS3\.0#)", "", text, flags=re.IGNORECASE)
    if text.upper().startswith("CVSS:"):
        head, _, rest = text.partition("/")
        version = head[5:]
        return version, f"CVSS:{version}/{_metrics(rest)}"
    return ("3.0", f"CVSS:3.0/{_metrics(text)}") if "/PR:" in text.upper() else ("2.0", _metrics(text))


def _metrics(text: str) -> str:
    # CVSS 4 writes the urgency metric in mixed case (U:Clear) and so does version 2 (Au:N).
    return "/".join(part for part in text.split("/") if part)


def _scored(version: str, vector: str, scores: list[float | None]) -> Cvss:
    base = abs(scores[0] or 0.0)  # the library writes -0.0 for some vectors without impact
    overall = next(one for one in reversed([base, *scores[1:]]) if one is not None)
    return Cvss(version, base, scores[1], scores[2], overall, _parsed(vector))


def _four(vector: str, whole: object) -> Cvss:
    """CVSS 4.0: the library scores all metrics at once (CVSS-BTE); the base is the same vector cut down."""
    from cvss import CVSS4

    metrics = _parsed(vector)
    base = CVSS4("CVSS:4.0/" + "/".join(f"{name}:{metrics[name]}" for name in _V4_BASE))
    overall = float(whole.base_score)  # type: ignore[attr-defined]
    return Cvss("4.0", float(base.base_score), None, None, overall, metrics)


def _parsed(vector: str) -> dict[str, str]:
    parts = (part.split(":", 1) for part in vector.split("/") if _METRIC.match(part))
    return {name: value for name, value in parts}  # noqa: C416
