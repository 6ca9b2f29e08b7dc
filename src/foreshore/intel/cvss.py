"""CVSS: scores recomputed from vectors (versions 2, 3.0, 3.1, 4.0), and metrics by name.

The arithmetic is that of the `cvss` package, written by those who keep the standard's calculators;
this module cleans vectors as they occur in the wild and computes each distinct one once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

_V4_BASE = ("AV", "AC", "AT", "PR", "UI", "VC", "VI", "VA", "SC", "SI", "SA")
_V4_ENVIRONMENT = ("CR", "IR", "AR", *(f"M{name}" for name in _V4_BASE))
_METRIC = re.compile(r"[A-Za-z]{1,3}:[A-Za-z]{1,6}\Z")


class Cvss(NamedTuple):
    """What a vector says. Scores are 0..10; `overall` takes every metric of the vector into account."""

    version: str  # 2.0, 3.0, 3.1, 4.0
    base: float
    temporal: float | None  # with the threat metrics (version 4: CVSS-BT); None: the vector has none
    environmental: float | None  # with all but supplemental ones (version 4: CVSS-BTE or -BE); None: it has none
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


def mismatch(vector: str, published: float | None) -> str:
    """Return one sentence where the published score is not the vector's base score, '' where it is or is not known."""
    found = read(vector) if vector else None
    if found is None or published is None or not differs(vector, published):
        return ""
    names = {"threat or temporal": found.temporal, "environmental": found.environmental, "overall": found.overall}
    same = [name for name, score in names.items() if score is not None and abs(score - published) <= 0.05 - 1e-9]
    what = f": that is its {same[0]} score" if same else ", which no score of this vector is"
    return f"Published with {published:.1f} though the vector's base score is {found.base:.1f}{what}."


def with_metrics(vector: str, metrics: Mapping[str, str]) -> str:
    """Return `vector` in the standard's spelling with these metrics set, in place of what it says of them."""
    version, clean = _clean(vector)
    head, _, rest = clean.partition("/") if clean.startswith("CVSS:") else ("", "", clean)
    kept = [part for part in rest.split("/") if part.split(":", 1)[0] not in metrics]
    said = [f"{name}:{value}" for name, value in metrics.items()]
    return "/".join([*([head] if head else []), *_ordered(version, kept + said)])


# Metrics after the base ones in the order of the standards; version 2 and 4 want them so.
_LATER = (
    "E", "RL", "RC", "CDP", "TD", "CR", "IR", "AR", "MAV", "MAC", "MAT", "MPR", "MUI", "MS", "MC", "MI", "MA", "MVC",
    "MVI", "MVA", "MSC", "MSI", "MSA", "S", "AU", "R", "V", "RE", "U",
)  # fmt: skip


def _ordered(version: str, parts: list[str]) -> list[str]:
    if version.startswith("3"):
        return parts  # any order is allowed, and S stands among the base metrics
    later = {name: place for place, name in enumerate(_LATER, start=1)}
    return sorted(parts, key=lambda part: later.get(part.split(":", 1)[0], 0))


def for_asset(vector: str, requirement: str | Mapping[str, str]) -> float | None:
    """Return the environmental score of `vector` on an asset; None for what is no vector.

    `requirement` is L, M or H for confidentiality, integrity and availability alike (see the policy's
    `standards.requirement` for a service's tier), or by CR, IR and AR. Shown beside, never part of the ranking.
    """
    levels = dict.fromkeys(("CR", "IR", "AR"), requirement) if isinstance(requirement, str) else dict(requirement)
    found = read(with_metrics(vector, levels)) if read(vector) else None
    if found is None:
        return None
    return found.overall if found.environmental is None else found.environmental


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
    """CVSS 4.0: the library scores all metrics at once; each score is that of the vector cut down to its metrics."""
    from cvss import CVSS4

    metrics = _parsed(vector)

    def score(names: Iterable[str]) -> float:
        kept = [f"{name}:{metrics[name]}" for name in names if name in metrics]
        return float(CVSS4("CVSS:4.0/" + "/".join(kept)).base_score)

    threat = score((*_V4_BASE, "E")) if metrics.get("E", "X") != "X" else None
    overall = float(whole.base_score)  # type: ignore[attr-defined]
    placed = any(metrics.get(name, "X") != "X" for name in _V4_ENVIRONMENT)
    return Cvss("4.0", score(_V4_BASE), threat, overall if placed else None, overall, metrics)


def _parsed(vector: str) -> dict[str, str]:
    parts = (part.split(":", 1) for part in vector.split("/") if _METRIC.match(part))
    return {name: value for name, value in parts}  # noqa: C416
