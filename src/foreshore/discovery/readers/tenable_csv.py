"""Tenable and Nessus, CSV: Nessus, Security Center, Vulnerability Management and Web App Scanning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from foreshore import facts
from foreshore.discovery import csvrows
from foreshore.discovery.readers import _decoding
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._nessus_items import kind_of, proof_of, with_output

# Our name -> the columns of the four products, best first, in lower case.
COLUMNS = {
    "rule": ("plugin id", "plugin", "definition.id"),
    "title": ("name", "plugin name", "definition.name"),
    "severity": ("risk", "severity", "definition.severity", "risk factor"),
    "cve": ("cve", "definition.cve"),
    "host": ("host", "asset.name", "dns name"),
    "ip": ("ip address", "asset.display_ipv4_address", "asset.ipv4_addresses"),
    "ipv6": ("asset.display_ipv6_address",),
    "fqdn": ("fqdn", "dns name", "asset.display_fqdn"),
    "hostname": ("asset.host_name",),
    "netbios": ("netbios", "netbios name", "asset.netbios_name"),
    "mac": ("mac address", "asset.display_mac_address", "mac"),
    "agent": ("agent id", "agent uuid", "asset.id", "asset uuid", "host id"),
    "os": ("os", "asset.operating_system", "operating system"),
    "type": ("system type", "asset.system_type"),
    "port": ("port",),
    "protocol": ("protocol",),
    "output": ("plugin output", "plugin text", "output"),
    "synopsis": ("synopsis", "definition.synopsis"),
    "description": ("description", "definition.description", "column 29"),
    "solution": ("solution", "steps to remediate", "definition.solution"),
    "links": ("see also", "definition.see_also"),
    "cpe": ("cpe", "definition.cpe"),
    "xref": ("cross references", "xref", "definition.references", "definition.cwe"),
    "kb": ("mskb",),
    "plugin_type": ("plugin type", "check type", "definition.type"),
    "family": ("plugin family", "family", "definition.family"),
    "score4": ("cvss v4.0 base score", "cvss4 base score", "definition.cvss4.base_score"),
    "vector4": ("cvss v4.0 vector", "cvss4 vector", "definition.cvss4.base_vector"),
    "score3": ("cvss3 base score", "cvss v3 base score", "cvss v3.0 base score", "cvssv3",
               "definition.cvss3.base_score"),
    "vector3": ("cvss3 vector", "cvss v3 vector", "definition.cvss3.base_vector"),
    "score2": ("cvss base score", "cvss v2.0 base score", "cvss v2 base score", "cvss",
               "definition.cvss2.base_score"),
    "vector2": ("cvss vector", "cvss v2 vector", "definition.cvss2.base_vector"),
    "epss": ("epss score", "definition.epss.score"),
    "state": ("vulnerability state", "state"),
    "accepted": ("accept risk comment",),
    "modified": ("modification", "risk_modified"),
    "first": ("first found", "first discovered", "first_observed"),
    "last": ("last found", "last observed", "last_seen", "host end"),
    "fixed": ("last fixed", "last_fixed"),
    "unsupported": ("unsupported by vendor", "definition.unsupported_by_vendor"),
    "exploited": ("exploited by nessus", "definition.exploited_by_nessus"),
    "patched": ("patch publication date", "definition.patch_published"),
    "tags": ("asset.tags",),
}  # fmt: skip
_NOTHING = frozenset({"", "n/a", "null", "none", "-"})
Values = dict[str, str]


@dataclass(frozen=True)
class TenableCSV:
    """Reads any of Tenable's CSV exports; rows that differ only in their CVE become one finding.

    A CSV does not say what was left out of it: nothing counts as covered. What it says was fixed or
    accepted is kept as the source's word.
    """

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Is there a header of Nessus, Security Center or Vulnerability Management?"""
        has = csvrows.has_columns
        return (
            has(head, "Plugin ID", "Risk", "Host", "Name")
            or has(head, "Plugin", "Plugin Name", "Severity", "IP Address")
            or has(head, "Plugin ID", "Severity", "Name", "IP Address")
            or has(head, "definition.id", "definition.name", "asset.id")
        )

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, each host once, open ports once, one finding for each check on a host and port."""
        find = _find(report.head)
        table = csvrows.table(report, find=find, fold=True)
        present = {name: [c for c in columns if c in table.columns] for name, columns in COLUMNS.items()}
        at, text, assumed = hosts.latest(csvrows.distinct(report, COLUMNS["last"], find=find))
        yield facts.RunSeen(
            tool="Tenable Web App Scanning" if "cvssv3" in table.columns else "Tenable",
            observed_at=at,
            observed_text=text,
            zone_assumed=assumed,
        )
        seen: set[object] = set()
        held: list[Values] = []
        for line, row in table.rows:
            values = {name: _value(row, columns) for name, columns in present.items()}
            if not values["rule"] or not _key(values):
                yield facts.Skipped(f"line {line}", "names no check or no host")
                continue
            if held and _same(held[0]) != _same(values):
                yield from _finish(held, seen)
                held = []
            held.append(values)
        if held:
            yield from _finish(held, seen)


PLUGIN = TenableCSV()


def _find(head: bytes) -> tuple[str, ...]:
    for names in (("plugin id",), ("plugin", "plugin name"), ("definition.id",)):
        if csvrows.has_columns(head, *names):
            return names
    return ("plugin id",)


def _value(row: csvrows.Row, columns: list[str]) -> str:
    for column in columns:
        value = row[column].strip()
        if value.lower() not in _NOTHING or (value and column in ("risk", "risk factor")):
            return value
    return ""


def _key(values: Values) -> str:
    """What names the host of a row: with an address, so that two hosts of one name stay apart."""
    return " ".join(dict.fromkeys(one for one in (values["host"], values["ip"], values["agent"]) if one))


def _same(values: Values) -> tuple[str, ...]:
    return (
        values["rule"],
        _key(values),
        values["port"],
        values["protocol"],
        values["output"],
        values["state"],
    )


def _finish(rows: list[Values], seen: set[object]) -> Iterator[facts.Record]:
    values = rows[0]
    key = _key(values)
    at = hosts.when(values["last"])
    if key not in seen:
        seen.add(key)
        yield _sighting(values, key, at)
    finding = _finding(rows, key, at)
    place = (key, finding.port, finding.protocol)
    if finding.port and finding.proof != "package" and finding.word == "open" and place not in seen:
        seen.add(place)
        yield facts.PortSeen(asset=key, port=finding.port, protocol=finding.protocol or "tcp", observed_at=at)
    yield finding


def _sighting(values: Values, key: str, at: datetime | None) -> facts.Sighting:
    host = values["host"] or values["fqdn"] or values["netbios"] or values["ip"]
    place = naming.split_url(host)[0] if "://" in host else host
    kind = hosts.kind_of(values["type"])
    identifiers = hosts.gather(
        [hosts.agent("tenable", values["agent"])],
        [("mac", mac) for mac in hosts.macs(values["mac"])],
        hosts.named("fqdn", values["fqdn"]),
        hosts.named("fqdn", place),
        hosts.named("hostname", values["hostname"]),
        hosts.named("netbios", values["netbios"]),
        (one for text in (values["ip"], values["ipv6"]) for part in text.split(",") for one in hosts.named("ip", part)),
    )
    return facts.Sighting(
        key=key,
        name=place or host,
        kind="web_application" if "://" in host else kind,
        identifiers=identifiers,
        os=values["os"].partition("\n")[0],
        tags=_tags(values["tags"]),
        attributes=(("system_type", values["type"]),) if values["type"] else (),
        observed_at=at,
    )


def _tags(text: str) -> tuple[str, ...]:
    if not text.startswith("["):
        return ()
    try:
        return tuple(f"{one['category']}={one['value']}" for one in _decoding.within(text))
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()


def _finding(rows: list[Values], asset: str, at: datetime | None) -> facts.Finding:
    values = rows[0]
    severity = _severity(values["severity"])
    weaknesses = naming.public_ids(*(row["cve"] for row in rows))
    component, component_name, _version = hosts.best_cpe(values["cpe"].replace(",", "\n").split("\n"))
    output = values["output"].removeprefix("'").strip().removeprefix("Plugin Output:").strip()
    score, vector = _cvss(values)
    texts = {
        "unsupported_by_vendor": values["unsupported"].lower(),
        "exploited_by_nessus": values["exploited"].lower(),
        "plugin_type": values["plugin_type"].lower(),
        "description": values["description"],
        "risk_factor": values["severity"],
    }
    if values["patched"]:
        texts["patch_publication_date"] = values["patched"]
    article = values["kb"].partition(",")[0].strip()
    static = {
        "rule": values["rule"],
        "title": values["title"],
        "severity": severity,
        "weaknesses": weaknesses,
        "kind": kind_of(values["title"], severity, weaknesses, texts, component),
        "component": component,
        "component_name": component_name,
        "fix": f"KB{article.removeprefix('KB')}" if article.isdigit() else hosts.fix_name(values["title"]),
        "cvss_score": score,
        "cvss_vector": vector,
        "epss": naming.number(values["epss"]),
        "cwes": _cwes(values["xref"]),
        "proof": proof_of(texts),
        "word": _word(values),
        "description": values["description"] or values["synopsis"],
        "solution": values["solution"],
        "references": tuple(values["links"].replace(",", " ").split()),
        "first_seen": hosts.when(values["first"]),
        "fixed_at": hosts.when(values["fixed"]),
    }
    protocol = values["protocol"].lower()
    return with_output(
        output,
        static,
        asset=asset,
        port=naming.port(values["port"]),
        protocol="tcp" if protocol in ("http", "https") else protocol,
        at=at,
        family=values["family"],
    )


def _severity(word: str) -> facts.Severity:
    return facts.SEVERITIES[int(word)] if word in ("0", "1", "2", "3", "4") else naming.severity(word)  # type: ignore[return-value]


def _cvss(values: Values) -> tuple[float | None, str]:
    for version, kind in (("4", "CVSS:4.0"), ("3", "CVSS:3.0"), ("2", "")):
        score = naming.score(values[f"score{version}"])
        vector = hosts.vector(values[f"vector{version}"], kind)
        if score is not None or vector:
            return score, vector
    return None, ""


def _cwes(text: str) -> tuple[int, ...]:
    parts = (part.strip() for part in text.replace("\n", ",").split(","))
    return naming.cwes([part.replace("#", "").replace("CWE ", "CWE-") for part in parts if "CWE" in part])


def _word(values: Values) -> facts.Word:
    if values["state"].lower() == "fixed":
        return "fixed"
    if values["accepted"] or values["modified"].upper() == "ACCEPTED":
        return "accepted"
    return "open"
