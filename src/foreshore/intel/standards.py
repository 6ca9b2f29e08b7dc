"""Scores of public standards for one weakness, beside the ranking: CVSS with its mismatches, CVSS-BT, EPSS, LEV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from foreshore.intel import cvss, horizon, lev
from foreshore.intel.signals import Ask, signals_at

if TYPE_CHECKING:
    from foreshore.policy import Policy

HORIZONS = (7, 90, 365)
_VECTORS = """
    SELECT source, model AS version, arg_max(text, {day: observed_at, known: known_at, text: text}) AS vector,
        arg_max(value, {day: observed_at, known: known_at, text: text}) AS published
    FROM signals s SEMI JOIN asked USING (weakness)
    WHERE kind = 'cvss' AND coalesce(text, '') <> '' AND observed_at <= TIMESTAMP '$as_of'
    GROUP BY source, model ORDER BY model DESC, source
"""


def beside(ask: Ask, weakness: str, as_of: datetime, policy: Policy) -> dict[str, Any]:
    """Return `cvss` (one entry for each source and version), `cvss_bt`, `epss` and `lev` (None where nothing is known).

    Every CVSS score is recomputed from the vector; `published` stands beside it and `mismatch` says that they
    differ. None of this takes part in the ranking but the base score and EPSS themselves.
    """
    when = as_of.astimezone(UTC).replace(tzinfo=None) if as_of.tzinfo else as_of
    asked = pa.table({"weakness": [weakness]})
    signals = signals_at(ask, when, asked).to_pylist()[0]
    rows = ask(_VECTORS.replace("$as_of", when.isoformat(sep=" ")), asked=asked).to_pylist()
    found = [one for one in (_scored(row) for row in rows) if one]
    return {
        "cvss": found, "cvss_bt": threat(signals, policy), "epss": _epss(ask, weakness, when, signals),
        "lev": _lev(ask, asked, when, signals),
    }  # fmt: skip


def _scored(row: Mapping[str, Any]) -> dict[str, Any] | None:
    found = cvss.read(row["vector"])
    if found is None:
        return None
    return {
        "source": row["source"], "version": found.version, "vector": row["vector"], "base": found.base,
        "temporal": found.temporal, "environmental": found.environmental, "overall": found.overall,
        "published": row["published"], "mismatch": cvss.differs(row["vector"], row["published"]),
        "sentence": cvss.mismatch(row["vector"], row["published"]),
    }  # fmt: skip


def threat(signals: Mapping[str, Any], policy: Policy) -> dict[str, Any] | None:
    """Return the vector of a weakness with its threat metric E filled from intelligence, its score, and because of what.

    After CVSS-BT, by the policy's table threat_metric: the first row that fits decides. `signals` is a row of
    `signals_at`. None without a CVSS vector.
    """
    read = cvss.read(signals["cvss_vector"] or "")
    if read is None:
        return None
    row = _first_fitting(signals, policy.table("threat_metric"), policy.number("standards.cvss_bt.epss").value)
    if row is None:
        return None
    letter = row[{"4": "v4", "3": "v3", "2": "v2"}[read.version[0]]]
    vector = cvss.with_metrics(signals["cvss_vector"], {"E": letter})
    scored = cvss.read(vector)
    if scored is None:
        return None
    score = scored.temporal if scored.temporal is not None else scored.base
    return {"vector": vector, "score": score, "base": scored.base, "metric": f"E:{letter}", "because": row["why"]}


def on_asset(signals: Mapping[str, Any], points: str, policy: Policy) -> dict[str, Any] | None:
    """Return the environmental score of a weakness on an asset, by the tier of the services that the asset is part of.

    `signals` is a row of `signals_at`; `points` the JSON of a served exposure, of which `tier` and `serves` (the
    most important of these services) count. None without a CVSS vector, or where the tier is not known. It takes
    no part in the ranking.
    """
    import orjson

    known = orjson.loads(points or "{}")
    vector, tier = signals["cvss_vector"] or "", known.get("tier")
    if tier is None:
        return None
    rule = f"standards.requirement.tier_{tier}"
    metrics = dict.fromkeys(("CR", "IR", "AR"), policy.text(rule))
    score = cvss.for_asset(vector, metrics)
    if score is None:
        return None
    said = ", ".join(f"{name}:{level}" for name, level in metrics.items())
    return {
        "score": score, "base": signals["cvss"], "published": signals["cvss_published"],
        "version": signals["cvss_version"], "vector": cvss.with_metrics(vector, metrics), "requirements": metrics,
        "tier": tier, "service": known["serves"], "policy": rule,
        "source": policy.text("standards.requirement.source"),
        "sentence": f"CVSS {signals['cvss_version']} on this asset {score:.1f} (environmental; the base score is "
        f"{signals['cvss']:.1f}) with {said}: it is part of {known['serves']}, tier {tier}",
    }  # fmt: skip


def _first_fitting(
    signals: Mapping[str, Any], rows: Sequence[Mapping[str, str]], least: float
) -> Mapping[str, str] | None:
    sources = set(signals.get("exploit_sources") or [])
    exploit, epss = signals.get("exploit") or "unknown", signals.get("epss")
    for row in rows:
        if row["fact"] == "exploit" and row["word"] == exploit:
            return row
        if row["fact"] == "source" and row["word"] in sources:
            return row
        if row["fact"] == "epss" and epss is not None and epss >= least:
            return row
    return None


def _epss(ask: Ask, weakness: str, when: datetime, signals: Mapping[str, Any]) -> dict[str, Any] | None:
    if signals["epss"] is None:
        return None
    change = horizon.change_within_model(ask, weakness, when)
    return {
        "score": signals["epss"], "model": signals["epss_model"], "date": signals["epss_at"],
        "horizons": {str(days): horizon.over(signals["epss"], days) for days in HORIZONS},
        "change": change.sentence if change else "",
    }  # fmt: skip


def _lev(ask: Ask, asked: pa.Table, when: datetime, signals: Mapping[str, Any]) -> dict[str, Any] | None:
    row = lev.lev_at(ask, when, asked).to_pylist()[0]
    if row["lev"] is None:
        return None
    gaps = f"; {row['missing']} of them have no score and count as 0" if row["missing"] else ""
    sentence = (
        f"at least {_percent(row['lev'])} that it has been exploited already, from {row['windows']} windows of 30 days "
        f"since {row['first']:%Y-%m-%d}, its first known score{gaps}"
    )
    return {
        **{name: row[name] for name in ("lev", "windows", "missing", "missing_share", "newest", "models")},
        "from": row["first"], "to": row["last"], "composite": lev.composite(signals["epss"], signals["kev"], row["lev"]),
        "sentence": sentence,
    }  # fmt: skip


def sentences(found: Mapping[str, Any]) -> list[str]:
    """Return what `beside` found as lines for people."""
    lines = []
    for one in found["cvss"]:
        more = [f"{name} {one[name]:.1f}" for name in ("temporal", "environmental") if one[name] is not None]
        line = (
            f"CVSS {one['version']} by {one['source']}: base {one['base']:.1f}{', ' + ', '.join(more) if more else ''}"
        )
        lines.append(line + (f". {one['sentence']}" if one["sentence"] else ""))
    if found["cvss_bt"]:
        one = found["cvss_bt"]
        lines.append(f"CVSS-BT: {one['score']:.1f} with {one['metric']} ({one['because']})")
    if found["epss"]:
        one = found["epss"]
        spans = ", ".join(f"{_percent(chance)} in {days} days" for days, chance in one["horizons"].items())
        lines.append(
            f"EPSS model {one['model'] or 'not named'}: {spans}" + (f"; {one['change']}" if one["change"] else "")
        )
    if found["lev"]:
        one = found["lev"]
        lines.append(f"LEV (NIST CSWP 41): {one['sentence']}; composite {_percent(one['composite'])}")
    return lines


def _percent(chance: float) -> str:
    if chance > 0.9995:
        return "100 %" if chance >= 1.0 else "more than 99.9 %"
    return f"{100 * chance:.1f} %" if chance >= 0.1 else f"{100 * chance:.2g} %"
