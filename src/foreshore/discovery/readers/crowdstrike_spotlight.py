"""CrowdStrike Falcon Spotlight (Exposure Management), vulnerabilities as JSON of its interface and as CSV export."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.discovery.readers import _host_scans as _scans
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_RESOURCE = regex(r'"(aid|host_info)"\s*:')
_TELLS = regex(r'"(suppression_info|closed_timestamp|exprt_rating|product_name_version|vulnerability_id)"\s*:')
_EMPTY = regex(r'"powered_by"\s*:\s*"spapi"')
_VERSION = regex(r"^(.{1,200}?)[\s_-]+v?(\d[\w.:+~-]{0,60})$")
_WORDS: dict[str, facts.Word] = {"closed": "fixed", "remediated": "fixed", "suppressed": "suppressed"}
_INTERNET: dict[str, facts.Answer] = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}

# Our name -> columns of the exports of several years, folded; the first that is there and filled is taken.
_FIELDS: dict[str, tuple[str, ...]] = {
    "cve": ("cveid", "vulnerabilityid", "cve", "vulnerability"),
    "host": ("hostname", "computername", "assetname", "host"),
    "aid": ("hostid", "sensorid", "agentid", "aid", "deviceid"),
    "ip": ("localip", "ipaddress", "hostip"),
    "mac": ("macaddress", "mac"),
    "product": ("product", "vulnerableproduct", "productnameversion", "application", "vulnerableproductversions"),
    "vendor": ("vendor", "productvendor"),
    "version": ("productversion", "version", "installedversion"),
    "severity": ("severity", "cveseverity", "cvssseverity", "vulnerabilityseverity"),
    "score": ("basescore", "cvssscore", "cvssbasescore", "cvebasescore"),
    "vector": ("cvssvector", "vector", "cvevector"),
    "rating": ("exprtrating", "exprtairating"),
    "status": ("status", "vulnerabilitystatus"),
    "first": ("createddate", "opendate", "firstseen", "createdtimestamp", "firstidentified", "created"),
    "last": ("updateddate", "lastseen", "updatedtimestamp", "lastupdated"),
    "closed": ("closeddate", "closedtimestamp", "closed"),
    "description": ("cvedescription", "description", "vulnerabilitydescription"),
    "fix": ("recommendedremediation", "remediation", "remediations", "remediationdetails", "recommendedremediations"),
    "link": ("remediationlink", "remediationlinks", "links"),
    "os": ("osversion", "operatingsystem", "os", "platform"),
    "domain": ("machinedomain", "domain"),
    "groups": ("groups", "hostgroups"),
    "tags": ("tags", "hosttags", "sensortags"),
    "internet": ("internetexposure", "internetexposed"),
}
_OF = {column: name for name, columns in _FIELDS.items() for column in columns}
_ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


class _Document(msgspec.Struct, gc=False):
    resources: list[msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])


@dataclass(frozen=True)
class CrowdStrikeSpotlight:
    """Reads one finding for each vulnerability in each application on each host.

    The sensor's identifier names the host. Closed is fixed, suppressed is suppressed, expired (the sensor
    was not seen for long) stays open, as nobody mended anything. Nothing says what a filter left out.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Are these vulnerabilities of Spotlight, as resources, one for each line, or a CSV export?"""
        text = reports.decode_head(head)
        if text.lstrip()[:1] in ("{", "["):
            if _RESOURCE.search(text) and _TELLS.search(text):
                return True
            return bool(_EMPTY.search(text)) and '"resources"' in text
        return any(_is_header(line) for line in csvrows.header_lines(head)[:1])

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each host once, and the findings."""
        yield RunSeen(tool="crowdstrike falcon spotlight")
        skipped: list[Skipped] = []
        said: set[str] = set()
        if reports.decode_head(report.head).lstrip()[:1] in ("{", "["):
            for where, row in _resources(report, skipped):
                yield from _resource(where, row, said, skipped)
        else:
            for line, cells in csvrows.table(report).rows:
                yield from _line(line, _folded(cells), said, skipped)
        yield from skipped


PLUGIN = CrowdStrikeSpotlight()


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _is_header(columns: tuple[str, ...]) -> bool:
    """A rating of Falcon's own, or a sensor or local address, beside CVE and host."""
    folded = {_fold(column) for column in columns}
    if not {"cve", "host"} <= {_OF.get(one) for one in folded}:
        return False
    return bool(folded & {"exprtrating", "exprtairating"}) or {"localip", "product", "basescore"} <= folded


def _folded(cells: Mapping[str, str]) -> dict[str, str]:
    by_column = {_fold(name): value.strip() for name, value in cells.items() if value.strip() not in ("", "-", "N/A")}
    return {
        name: next((by_column[column] for column in columns if column in by_column), "")
        for name, columns in _FIELDS.items()
    }


def _resources(report: facts.Report, skipped: list[Skipped]) -> Iterator[tuple[str, dict[str, Any]]]:
    opening = reports.decode_head(report.head).lstrip()
    if opening.startswith("{") and not re.search(r'"resources"\s*:', opening):
        for number, row in enumerate(_decoding.rows(report, _ROW, skipped.append), 1):
            yield f"row {number}", row
        return
    document = _decoding.whole(report, _DECODER)
    raws = document if isinstance(document, list) else document.resources
    if raws is None:
        raise BadReport(
            "has no list called “resources”",
            where=report.name,
            hint="keep the whole answer of the interface, one page a file",
        )
    for number, row in enumerate(_decoding.each(_ROW, raws, "resources", skipped.append)):
        yield f"resources[{number}]", row


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _resource(where: str, row: dict[str, Any], said: set[str], skipped: list[Skipped]) -> Iterator[Record]:
    host, cve = _dict(row.get("host_info")), _dict(row.get("cve"))
    name = _naming.text(cve.get("id")) or _naming.text(row.get("vulnerability_id"))
    key = _naming.text(row.get("aid")) or _naming.text(host.get("hostname"))
    if not key or not name:
        skipped.append(Skipped(where, "names no host or no vulnerability"))
        return
    if key not in said:
        said.add(key)
        yield _sighting(key, _naming.text(row.get("aid")), host)
    for app in _dicts(row.get("apps")) or [_dict(row.get("app"))]:
        yield _finding(key, name, row, cve, app)


def _sighting(key: str, agent: str, host: dict[str, Any]) -> Sighting:
    text = _naming.text
    name, domain = text(host.get("hostname")), text(host.get("machine_domain"))
    full = f"{name}.{domain}" if name and "." in domain and "." not in name else ""
    groups = [text(one.get("name")) for one in _dicts(host.get("groups"))] or _naming.texts(host.get("groups"))
    cloud = text(host.get("instance_id")).lower()
    known = _hosts.gather(
        [("cloud_id", cloud if re.fullmatch(r"i-[0-9a-f]{8,17}", cloud) else "")],
        _scans.local_agent("crowdstrike", agent),
        _hosts.named("fqdn", full),
        _hosts.named("fqdn", name),
        _hosts.named("ip", text(host.get("local_ip"))),
    )
    attributes = [
        (label, value)
        for label, value in (
            ("product_type", text(host.get("product_type_desc"))),
            ("criticality", text(host.get("asset_criticality"))),
            ("site", text(host.get("site_name"))),
            ("unit", text(host.get("ou"))),
            ("groups", ", ".join(group for group in groups if group)),
        )
        if value
    ]
    return Sighting(
        key=key,
        name=name or key,
        identifiers=known or (("artifact", f"crowdstrike host {key}"),),
        os=text(host.get("os_version")) or text(host.get("platform")),
        internet=_INTERNET.get(text(host.get("internet_exposure")).lower(), "unknown"),
        tags=tuple(dict.fromkeys(_naming.texts(host.get("tags")))),
        attributes=tuple(attributes),
        authenticated=True,
    )


def _product(shown: str, name: str) -> tuple[str, str]:
    """(name, version) of "Chrome 92.0.4515.107"; the name alone where no version stands behind it."""
    shown = shown.strip()
    if name and shown.lower().startswith(name.lower()):
        return name, shown[len(name) :].strip()
    match = _VERSION.match(shown)
    return (match[1], match[2]) if match else (name or shown, "")


def _status(row: dict[str, Any], app: dict[str, Any]) -> tuple[facts.Word, str]:
    """(our word, the tool's): the application's own state where several are on the host."""
    said = (_naming.text(app.get("sub_status")) or _naming.text(row.get("status"))).lower()
    hidden = _dict(row.get("suppression_info")).get("is_suppressed") is True
    return ("suppressed" if hidden else _WORDS.get(said, "open")), said


def _finding(key: str, name: str, row: dict[str, Any], cve: dict[str, Any], app: dict[str, Any]) -> Finding:
    text = _naming.text
    product, version = _product(text(app.get("product_name_version")), text(app.get("product_name_normalized")))
    word, said = _status(row, app)
    score, vector = _naming.score(cve.get("base_score")), _hosts.vector(text(cve.get("vector")), "CVSS:3.1")
    mended = _remediation(row, app)
    titles = [text(one.get("title")) or text(one.get("action")) for one in mended]
    links = [*_naming.texts(cve.get("references")), *_naming.texts(cve.get("vendor_advisory"))]
    links.extend(text(one.get("link")) or text(one.get("vendor_url")) for one in mended)
    kinds = [one.lower() for one in _naming.texts(cve.get("types"))]
    told = (("status", said), ("exprt", text(cve.get("exprt_rating"))), ("confidence", text(row.get("confidence"))))
    return Finding(
        asset=key,
        rule=name,
        title=f"{name} in {product}" if product else name,
        severity=_naming.severity(text(cve.get("severity"))) if cve.get("severity") else _naming.of_score(score or 0.0),
        weaknesses=_naming.public_ids(name),
        kind="misconfiguration" if "misconfiguration" in kinds else "vulnerability",
        component=_naming.product(text(app.get("vendor_normalized")) or text(app.get("vendor")), product),
        component_name=product,
        version=text(app.get("version")) or version,
        fix=next((_hosts.fix_name(text(one.get("reference")), text(one.get("title"))) for one in mended), ""),
        cvss_score=score,
        cvss_vector=vector,
        cwes=_naming.cwes(_naming.texts(cve.get("cwes"))),
        proof="version" if text(row.get("confidence")).lower() == "potential" else "package",
        word=word,
        description=text(cve.get("description")),
        solution="\n".join(dict.fromkeys(title for title in titles if title)),
        references=tuple(dict.fromkeys(link for link in links if link)),
        first_seen=_naming.when(row.get("created_timestamp")),
        fixed_at=_naming.when(row.get("closed_timestamp")) if word == "fixed" else None,
        observed_at=_naming.when(row.get("updated_timestamp")),
        tags=tuple(f"{label}={value.lower()}" for label, value in told if value),
    )


def _remediation(row: dict[str, Any], app: dict[str, Any]) -> list[dict[str, Any]]:
    """What mends the application: the entities that it names; all of them where it says nothing of its own."""
    entities = _dicts(_dict(row.get("remediation")).get("entities"))
    if not isinstance(app.get("remediation"), dict):
        return entities
    named = set(_naming.texts(app["remediation"].get("ids")))
    return [one for one in entities if _naming.text(one.get("id")) in named]


def _line(line: int, row: dict[str, str], said: set[str], skipped: list[Skipped]) -> Iterator[Record]:
    key = row["aid"] or row["host"]
    if not key or not row["cve"]:
        skipped.append(Skipped(f"line {line}", "names no host or no vulnerability"))
        return
    if key not in said:
        said.add(key)
        host: dict[str, Any] = {
            "hostname": row["host"], "machine_domain": row["domain"], "os_version": row["os"],
            "local_ip": row["ip"], "internet_exposure": row["internet"],
            "tags": [one.strip() for one in re.split(r"[;,]", row["tags"]) if one.strip()],
            "groups": [one.strip() for one in re.split(r"[;,]", row["groups"]) if one.strip()],
        }  # fmt: skip
        yield _sighting(key, row["aid"], host)
    yield _of_line(key, row)


def _of_line(key: str, row: dict[str, str]) -> Finding:
    product, version = _product(row["product"], "")
    word = _WORDS.get(row["status"].lower(), "open")
    score = _naming.score(row["score"])
    told = (("status", row["status"]), ("exprt", row["rating"]))
    return Finding(
        asset=key,
        rule=row["cve"],
        title=f"{row['cve']} in {product}" if product else row["cve"],
        severity=_naming.severity(row["severity"]) if row["severity"] else _naming.of_score(score or 0.0),
        weaknesses=_naming.public_ids(row["cve"]),
        component=_naming.product(row["vendor"], product),
        component_name=product,
        version=row["version"] or version,
        fix=_hosts.fix_name(row["fix"]),
        cvss_score=score,
        cvss_vector=_hosts.vector(row["vector"], "CVSS:3.1"),
        proof="package",
        word=word,
        description=row["description"],
        solution=row["fix"],
        references=tuple(link for link in re.split(r"[\s;,]+", row["link"]) if link.startswith("http")),
        first_seen=_hosts.when(row["first"]),
        fixed_at=_hosts.when(row["closed"]) if word == "fixed" else None,
        observed_at=_hosts.when(row["last"]),
        tags=tuple(f"{label}={value.lower()}" for label, value in told if value),
    )
