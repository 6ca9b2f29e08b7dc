"""Asset registers that say who owns what: Snipe-IT, ServiceNow and their like, as CSV or JSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import csvrows, reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, Record, RunSeen, Sighting, Skipped

# Our word -> the names of columns and fields for it, folded, the more exact first.
_FIELDS: dict[str, tuple[str, ...]] = {
    "name": ("name", "assetname", "ciname", "configurationitem", "computername", "hostname", "host", "displayname",
             "devicename", "asset"),
    "serial": ("serialnumber", "serial", "serialno"),
    "tag": ("assettag", "tagnumber", "inventorynumber"),
    "owner": ("owner", "ownedby", "assetowner", "businessowner", "technicalowner", "serviceowner", "managedby",
              "supportgroup", "assignmentgroup", "assignedto", "checkedoutto", "checkedout", "custodian",
              "responsible", "department"),
    "fqdn": ("fqdn", "fullyqualifieddomainname", "dnsname", "dnshostname"),
    "ip": ("ipaddress", "ip", "ipaddresses", "primaryipaddress"),
    "mac": ("macaddress", "mac", "macaddresses", "wifimacaddress", "ethernetmacaddress"),
    "os": ("os", "operatingsystem"),
    "class": ("sysclassname", "class", "ciclass", "category", "assettype", "type"),
    "status": ("installstatus", "operationalstatus", "statuslabel", "status", "lifecyclestage", "state"),
    "updated": ("sysupdatedon", "updatedat", "lastupdated", "updated", "lastdiscovered"),
    "deleted": ("deletedat",),
}  # fmt: skip
_TAGGED = {
    "environment": ("environment", "usedfor", "env"),
    "criticality": ("businesscriticality", "criticality", "busimpact"),
    "service": ("businessservice", "service", "application"),
    "location": ("location", "site"),
    "department": ("department",),
    "company": ("company",),
    "cost_center": ("costcenter",),
}
_OTHERS = (
    "model",
    "modelid",
    "modelname",
    "manufacturer",
    "sysid",
    "id",
    "assettag",
    "supportgroup",
    "warrantyexpires",
)
_KINDS: tuple[tuple[str, AssetKind], ...] = (
    ("database", "data_store"), ("db_instance", "data_store"), ("storage", "data_store"), ("server", "host"), ("computer", "host"),
    ("laptop", "host"), ("desktop", "host"), ("workstation", "host"), ("virtual", "host"), ("vm", "host"),
    ("linux", "host"), ("windows", "host"), ("printer", "device"), ("switch", "device"), ("router", "device"),
    ("firewall", "device"), ("network", "device"), ("netgear", "device"), ("phone", "device"), ("tablet", "device"),
    ("mobile", "device"), ("monitor", "device"), ("plc", "ot_device"), ("scada", "ot_device"),
    ("appl", "web_application"), ("saas", "saas"), ("license", "saas"), ("service", "supplier_service"),
)  # fmt: skip
_GONE = frozenset(
    {"retired", "archived", "disposed", "decommissioned", "absent", "stolen", "lost", "deleted", "7", "8"}
)
# Columns of findings: a register has none of them.
_FINDINGS = frozenset(
    {"cve", "cves", "severity", "vulnerability", "vulnerabilityid", "plugin", "pluginid", "title", "cvss", "cvssscore",
     "finding", "rule", "checkid", "weakness", "qid", "signature"}
)  # fmt: skip
_JSON = (
    (regex(r'"asset_tag"\s*:'), regex(r'"(?:assigned_to|status_label|rtd_location)"\s*:')),
    (
        regex(r'"sys_id"\s*:'),
        regex(r'"(?:sys_class_name|owned_by|managed_by|support_group|serial_number)"\s*:'),
    ),
)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_DEEPEST = 5


@dataclass(frozen=True)
class CMDB:
    """Reads registers of assets with their owners; what is retired there is skipped with that reason."""

    version: int = 1
    priority: int = -50  # scanners write serial numbers and owners too

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a register: a name, a serial number or tag, and an owner for each asset."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] in ("{", "["):
            return any(all(pattern.search(opening) for pattern in patterns) for patterns in _JSON)
        return any(_is_register(line) for line in csvrows.header_lines(head)[:1])

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run and every asset that is in use."""
        skipped: list[Skipped] = []
        rows = _rows(report, skipped.append)
        yield RunSeen(tool="cmdb")
        said: set[str] = set()
        for where, row in rows:
            one = _asset(where, row, skipped.append)
            if one is None:
                continue
            if one.key in said:
                skipped.append(Skipped(where, f"{one.name} stands twice in the register"))
                continue
            said.add(one.key)
            yield one
        yield from skipped


def _fold(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().removeprefix("u_"))


def _is_register(line: tuple[str, ...]) -> bool:
    names = {_fold(name) for name in line}
    numbered = names & {*_FIELDS["serial"], *_FIELDS["tag"]}
    return bool(numbered and names & set(_FIELDS["name"]) and names & set(_FIELDS["owner"]) and not names & _FINDINGS)


def _rows(report: facts.Report, skip: Callable[[Skipped], None]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield (where, fields under folded names) of every row."""
    opening = reports.decode_head(report.head)
    if opening.lstrip()[:1] in ("{", "["):
        found = list(_objects(_decoding.whole(report, _ANY), "", 0))
        if not found:
            raise BadReport("holds no assets", where=report.name, hint="export the assets again as JSON or CSV")
        for where, value in found:
            yield where, {_fold(name): _shown(held) for name, held in value.items()}
        return
    header = next(iter(csvrows.header_lines(report.head)), ())
    if not _is_register(header):
        raise BadReport(
            "has no header with a name, a serial number or tag, and an owner",
            where=report.name,
            hint="export these columns, or write a mapping file for yours",
        )
    for line, row in csvrows.table(report).rows:
        yield f"line {line}", {_fold(name): cell for name, cell in row.items() if name}


def _objects(value: Any, where: str, depth: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mapping in lists that is an asset of a register."""
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _objects(inner, f"{where}[{number}]", depth + 1)
    elif isinstance(value, dict):
        if value.keys() & {"asset_tag", "sys_id", "serial", "serial_number"}:
            yield where or "the document", value
            return
        for name, inner in value.items():
            if isinstance(inner, (dict, list)):
                yield from _objects(inner, f"{where}.{name}" if where else name, depth + 1)


def _shown(value: Any) -> str:
    """A field as text: of a reference its name."""
    if isinstance(value, dict):
        names = ("display_value", "name", "email", "username", "datetime", "date", "value", "employee_num")
        return next((text for name in names if (text := _naming.text(value.get(name)))), "")
    return _naming.text(value)


def _first(row: dict[str, str], names: tuple[str, ...]) -> str:
    return next((row[name].strip() for name in names if row.get(name, "").strip()), "")


def _asset(where: str, row: dict[str, str], skip: Callable[[Skipped], None]) -> Sighting | None:
    held = {word: _first(row, names) for word, names in _FIELDS.items()}
    name = held["name"] or held["fqdn"] or held["serial"] or held["tag"]
    if not name:
        skip(Skipped(where, "has neither a name nor a number"))
        return None
    if held["deleted"] or any(word in _GONE for word in re.split(r"[^a-z0-9]+", held["status"].lower())):
        skip(Skipped(where, f"{name} is no longer in use ({held['status'] or 'deleted'})"))
        return None
    own = _identifiers(held)
    tags = [(word, _first(row, names)) for word, names in _TAGGED.items()]
    others = [("asset_class", held["class"]), ("status", held["status"])]
    others += [(field, row[field].strip()) for field in _OTHERS if row.get(field, "").strip()]
    return Sighting(
        key="; ".join(f"{kind}={value}" for kind, value in own),
        name=name,
        kind=_kind(held["class"]),
        identifiers=own,
        os=held["os"],
        owner=held["owner"],
        tags=tuple(f"{word}={text}" for word, text in tags if text),
        attributes=tuple((field, text) for field, text in others if text),
        observed_at=_naming.when(held["updated"]),
    )


def _identifiers(held: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What tells the asset: its serial number, names and addresses; else the register's own tag or name."""
    given = [("serial", held["serial"])] if held["serial"] else []
    found = _hosts.gather(
        given,
        (("mac", mac) for mac in _hosts.macs(held["mac"])),
        _hosts.named("fqdn", held["fqdn"]),
        _hosts.named("hostname", held["name"]) if " " not in held["name"] else (),
        (one for value in re.split(r"[\s,;]+", held["ip"]) for one in _hosts.named("ip", value)),
    )
    return found or (("artifact", f"asset tag {held['tag']}" if held["tag"] else held["name"]),)


def _kind(word: str) -> AssetKind:
    folded = word.lower()
    return next((kind for part, kind in _KINDS if part in folded), "host")


PLUGIN = CMDB()
