"""The facts behind one exposure: who saw it and how, why their findings are one, what the world says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts
from foreshore.intel import exploits, standards
from foreshore.intel.show import named
from foreshore.intel.signals import feeds_at, signals_at
from foreshore.prioritization import labelling
from foreshore.query import lists
from foreshore.store import open_lake

if TYPE_CHECKING:
    from foreshore.workspace import Workspace

Row = Mapping[str, Any]

# What each source said last of the exposure, under whichever of its ids.
_SAID = """
    with ids as (
        select {key}::BIGINT as exposure union select exposure from exposure_now where canonical = {key}
    ), looked as (
        select s.exposure, r.source, max(r.observed_at) as seen, arg_max(r.file, r.observed_at) as file
        from seen s join runs r on r.run = s.run semi join ids on ids.exposure = s.exposure
        where r.observed_at <= {moment} group by all
    )
    select f.source, f.rule, f.title, f.severity, f.proof, f.port, f.component_name, f.version, f.evidence,
        max(l.seen) as seen, arg_max(l.file, l.seen) as file, count(*) as findings
    from finding_exposures fe semi join ids on ids.exposure = fe.exposure
    join findings f on f.finding = fe.finding
    left join looked l on l.exposure = fe.exposure and l.source = f.source
    where f.observed_at <= {moment}
    group by f.source, f.rule, f.title, f.severity, f.proof, f.port, f.component_name, f.version, f.evidence
    order by f.source, seen desc, f.rule, f.port
"""
# By what the asset is known, the strongest first. (An identifier is kept once, not again for each source.)
_IDENTIFIERS = """
    select i.kind, i.value from identifiers i left join asset_now n on n.asset = i.asset
    where coalesce(n.canonical, i.asset) = {asset} and i.observed_at <= {moment}
    group by i.kind, i.value order by list_position({kinds}, i.kind), i.value limit 3
"""
_MERGED = "select count(*) as n, max(reason) as reason from exposure_aliases where new = {key}"
_KINDS = "[" + ", ".join(f"'{kind}'" for kind in (*facts.STRONG, *facts.NAMES, *facts.WEAK)) + "]"
_PROOFS = {"banner": "a banner", "version": "a version", "package": "an installed package", "configuration": "its "
           "configuration", "probe": "a probe", "confirmed": "a test"}  # fmt: skip


_RUNGS = {
    "poc": "a proof of concept is public", "weaponized": "a ready exploit is public", "attacks": "used in attacks",
    "ransomware": "used by ransomware",
}  # fmt: skip


@dataclass(frozen=True)
class Known:
    """What the lake says of one exposure, at the version and moment of the served cycle."""

    said: list[dict[str, Any]]
    identifiers: list[dict[str, Any]]
    merged: int
    merge_reason: str
    signals: dict[str, Any]
    proofs: dict[int, str]
    exploit: dict[str, Any]  # see intel.exploits.answer
    techniques: list[dict[str, str]]  # ATT&CK ids with names
    points: list[dict[str, Any]]  # what decision tables hang on, see labelling.decision_points
    environmental: dict[str, Any] | None  # CVSS on this asset, see intel.standards.on_asset
    unspoken: str  # the sentence on exploits where no feed speaks of the weakness


def gather(workspace: Workspace, row: Row) -> Known:
    """Read the facts behind the served exposure `row`."""
    import pyarrow as pa

    from foreshore import policy

    cycle = lists.rows(workspace, "select snapshot, as_of from cycle")[0]
    moment = f"TIMESTAMP '{cycle['as_of']:%Y-%m-%d %H:%M:%S.%f}'"
    with open_lake(workspace, read_only=True, version=cycle["snapshot"]) as lake:
        said = lake.sql(_SAID.format(key=int(row["exposure"]), moment=moment)).to_pylist()
        identifiers = lake.sql(_IDENTIFIERS.format(asset=int(row["asset"]), moment=moment, kinds=_KINDS)).to_pylist()
        merged = lake.sql(_MERGED.format(key=int(row["exposure"]))).to_pylist()[0]
        asked = pa.table({"weakness": [row["weakness"]]})
        signals = signals_at(lake.sql, cycle["as_of"], asked).to_pylist()[0]
        exploit = exploits.answer(signals, feeds_at(lake.sql, cycle["as_of"]).to_pylist())
        techniques = named(lake.sql, signals, cycle["as_of"])
    rules = policy.load(workspace.policy_dir)
    proofs = {int(one.value): name for name, one in rules.numbers("proof.rank").items()}
    points = labelling.decision_points(row, signals, rules)
    return Known(
        said, identifiers, merged["n"], merged["reason"] or "", signals, proofs, exploit, techniques, points,
        standards.on_asset(signals, row.get("points") or "", rules), str(row.get("exploit_because") or exploits.UNKNOWN),
    )  # fmt: skip


def told(row: Row, known: Known, steps: Sequence[Row], now: datetime) -> list[dict[str, Any]]:
    """Return the facts that put the exposure where it is, each with its source and age."""
    reach = next((one for one in steps if one["rule"] == "reach"), None)
    found = [_finding(one, known, now) for one in known.said]
    found += _one_exposure(row, known, now)
    if row["reach_fact"]:
        source = str(reach["source"]) if reach and reach["fact"] == row["reach_fact"] else "scope and policy"
        found.append(_fact(str(row["reach_fact"]), source, ""))
    found += _of_the_world(known, now)
    if row.get("vendor"):
        found.append(_fact(str(row["vendor_because"]), "vendors' data", ""))
    if row["verdict"] in ("confirmed", "refuted", "inconclusive"):
        found.append(_fact(f"a test or the report's own evidence: {row['verdict']}", "validation", ""))
    if row["state"] == "reboot_pending":
        found.append(
            _fact("the fix is installed and waits for a restart", "a source's word, or the running kernel", "")
        )
    if row["disposition"]:
        word = str(row["disposition"]).replace("_", " ")
        found.append(_fact(f"a person decided “{word}”: {row['disposition_because']}", "decision", ""))
    return found


def _fact(fact: str, source: str, old: str) -> dict[str, Any]:
    return {"fact": fact, "source": source, "age": old}


def _finding(one: Row, known: Known, now: datetime) -> dict[str, Any]:
    proof = _PROOFS.get(known.proofs.get(one["proof"] or 0, ""), "")
    parts = [f"“{one['title']}” ({one['rule']}), {facts.SEVERITIES[one['severity']]}"]
    if one["component_name"]:
        parts.append(f"in {one['component_name']} {one['version'] or ''}".strip())
    if one["port"]:
        parts.append(f"on port {one['port']}")
    if proof:
        parts.append(f"known from {proof}")
    return _fact(", ".join(parts), one["source"], age(one["seen"], now))


def _one_exposure(row: Row, known: Known, now: datetime) -> list[dict[str, Any]]:
    """Return why findings of several sources, or several findings, are one exposure."""
    sources = sorted({one["source"] for one in known.said})
    if len(known.said) < 2:
        return []
    same = f"the same weakness ({row['weakness']}) on the same asset"
    place = f", at the same place ({row['place']})" if row["place"] else ""
    ids = ", ".join(f"{one['kind']} {one['value']}" for one in known.identifiers)
    joined = f", which all know by {ids}" if len(sources) > 1 and ids else ""
    earlier = "earlier entry was" if known.merged == 1 else "earlier entries were"
    merged = f"; {known.merged} {earlier} merged into it ({known.merge_reason})" if known.merged else ""
    names = ", ".join(sources)
    return [_fact(f"{len(known.said)} findings of {names} are one exposure: {same}{joined}{place}{merged}",
                  "identity and place", "")]  # fmt: skip


_REST = "everything else that is known"  # the model's sum of its small reasons


def own_words(signals: Row) -> str:
    """Return in words what our own model gives the weakness, with its main reasons for and against."""
    chance = f"our own model ({signals['own_model']}) gives it {100 * signals['own']:.2g} % in 30 days"
    text = chance[:1].upper() + chance[1:] if signals["epss"] is not None else f"EPSS does not score it; {chance}"
    up, down = _reasons(signals["own_reasons"])
    more = [f"raised by: {'; '.join(up[:3])}"] if up else []
    more += [f"lowered by: {'; '.join(down[:3])}"] if down else []
    return f"{text}, {', '.join(more)}." if more else f"{text}."


def _reasons(text: str | None) -> tuple[list[str], list[str]]:
    """Return what raises and what lowers the model's chance, the strongest first, without its starting point."""
    import json

    try:
        listed = [one for one in json.loads(text or "[]") if isinstance(one, dict)]
    except (ValueError, TypeError):
        return [], []
    ordered = sorted(listed[1:], key=lambda one: -abs(float(one.get("log_odds", 0.0))))
    words = [
        (str(one.get("because", "")), float(one.get("log_odds", 0.0))) for one in ordered if one.get("because") != _REST
    ]
    return [word for word, odds in words if word and odds > 0], [word for word, odds in words if word and odds < 0]


def _of_the_world(known: Known, now: datetime) -> list[dict[str, Any]]:
    signals = known.signals
    found = _scores(known, now)
    if signals["kev"]:
        said = f"in CISA's catalogue of known exploited vulnerabilities since {signals['kev_at']:%Y-%m-%d}"
        found.append(_fact(said, "CISA KEV", age(signals["kev_at"], now)))
    for one in reversed(known.exploit["rungs"]):
        day = datetime.combine(one["since"], datetime.min.time())
        found.append(_fact(f"{_RUNGS[one['kind']]} since {one['since']}", ", ".join(one["sources"]), age(day, now)))
    if signals["ssvc_exploitation"]:
        found.append(_fact(f"SSVC: exploitation {signals['ssvc_exploitation']}", "CISA", ""))
    if signals["exploit"] == "unknown":
        found.append(_fact(known.unspoken.rstrip("."), "policy" if "class" in known.unspoken else "intelligence", ""))
    if "(endoflife.date)" in known.unspoken:
        ended = known.unspoken[: known.unspoken.rindex(" (endoflife.date)")].rpartition(". ")[2]
        found.append(_fact(ended, "endoflife.date", ""))
    for one in known.techniques[:5]:
        how = "" if one["of"] == "weakness" else ", by its kind of weakness"
        found.append(_fact(f"ATT&CK {one['id']} {one['name']}".rstrip() + how, "ATT&CK mapping", ""))
    return found


def _scores(known: Known, now: datetime) -> list[dict[str, Any]]:
    """Return what public standards and our own model give the weakness, each as published and as it is here."""
    signals = known.signals
    found = []
    if signals["cvss"] is not None:
        score = f"CVSS {signals['cvss_version']} {signals['cvss']:.1f} ({signals['cvss_vector']})"
        found.append(_fact(score, signals["cvss_source"] or "", age(signals["published"], now)))
    if known.environmental is not None:
        one = known.environmental
        found.append(_fact(one["sentence"], f"policy {one['policy']}, {one['source']}; takes no part in the order", ""))
    if signals["epss"] is not None:
        found.append(
            _fact(f"EPSS {100 * signals['epss']:.2g} % ({signals['epss_model']})", "EPSS", age(signals["epss_at"], now))
        )
    if signals["own"] is not None:
        found.append(_fact(own_words(signals).rstrip("."), "own model", age(signals["own_at"], now)))
    return found


def age(moment: datetime | None, now: datetime) -> str:
    """Return how long ago `moment` (UTC) was, in words; '' for none."""
    if moment is None:
        return ""
    days = (now - moment.replace(tzinfo=None)).days
    if days <= 0:
        return "today"
    if days == 1:
        return "1 day old"
    if days < 60:
        return f"{days} days old"
    if days < 730:
        return f"{days // 30} months old"
    return f"{days // 365} years old"
