"""PingCastle, health check of an Active Directory domain as XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.errors import BadReport
from foreshore.facts import Covered, Finding, Record, RunSeen, Sighting, Skipped

_DETAILS = (
    "EngineVersion", "GenerationDate", "Level", "MaturityLevel", "DomainFQDN", "NetBIOSName", "ForestFQDN",
    "DomainSid", "DomainFunctionalLevel", "ForestFunctionalLevel", "NumberOfDC", "GlobalScore",
)  # fmt: skip
_ATTRIBUTES = _DETAILS[5:7] + _DETAILS[8:]
_SID = regex(r"^S-1-5-21(-\d{1,10}){3}$")
_OLD_SYSTEM = regex(r"^S-(OS|DC)-(?!SubnetMissing|Inactive|NotUpdated)", re.IGNORECASE)
# Rules whose details hold what they found: passwords in policies and in descriptions.
_SECRET = regex(r"PwdGPO|Password|Unattend|LAPS", re.IGNORECASE)
_CATEGORIES = {"privilegedaccounts": "identity"}
# Points of a rule that matched, as the report's own bands of a score of 100 divide them.
_BANDS: tuple[tuple[int, facts.Severity], ...] = ((50, "critical"), (30, "high"), (10, "medium"), (1, "low"))


@dataclass(frozen=True)
class PingCastle:
    """Reads every rule that matched in the domain, and its domain controllers.

    The points of a rule give the severity: 50 and more are critical, 30 high, 10 medium, 1 low, rules
    without points inform. A full or normal report tries all rules, so its domain is covered.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is the root element HealthcheckData?"""
        return xmlstream.looks_like(head, "HealthcheckData")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the domain, its controllers, and the rules that matched."""
        about = _about(report)
        at, assumed = naming.moment(about.get("GenerationDate", ""))
        yield RunSeen(
            tool="PingCastle",
            version=about.get("EngineVersion", ""),
            observed_at=at,
            observed_text=about.get("GenerationDate", ""),
            zone_assumed=assumed,
            settings=(("level", about["Level"]),) if about.get("Level") else (),
        )
        yield _domain(about)
        key = about["DomainFQDN"]
        ruled = False
        for number, (_event, element) in enumerate(xmlstream.elements(report, _TAGS, within=_WITHIN)):
            if element.tag == "HealthcheckRiskRule":
                yield _finding(element, key) or Skipped(f"rule {number}", "names no rule")
            elif element.tag == "HealthcheckDomainController":
                if controller := _controller(element, key):
                    yield controller
            elif element.tag == "RiskRules":
                ruled = True
        if ruled and about.get("Level", "").lower() in ("normal", "full", "paranoid"):
            yield Covered(asset=key, authenticated=True)


PLUGIN = PingCastle()
_TAGS = ("HealthcheckRiskRule", "HealthcheckDomainController", "RiskRules", *_DETAILS)
_WITHIN = {"HealthcheckRiskRule": "RiskRules", "RiskRules": "HealthcheckData"} | dict.fromkeys(
    _DETAILS, "HealthcheckData"
)


def _about(report: facts.Report) -> dict[str, str]:
    """What the report says of itself and of the domain, by the name of the element."""
    about: dict[str, str] = {}
    for _event, element in xmlstream.elements(report, _TAGS, within=_WITHIN):
        if element.tag in _DETAILS and (text := (element.text or "").strip()):
            about.setdefault(str(element.tag), text)
    if not about.get("DomainFQDN"):
        raise BadReport(
            "names no domain (DomainFQDN)",
            where=report.name,
            hint="give the XML report of one domain as PingCastle wrote it, not encrypted and not consolidated",
        )
    return about


def _domain(about: dict[str, str]) -> Sighting:
    name, sid = about["DomainFQDN"], about.get("DomainSid", "").upper()
    known = hosts.gather([("sid", sid if _SID.match(sid) else "")], hosts.named("fqdn", name))
    return Sighting(
        key=name,
        name=name,
        kind="identity",
        identifiers=known or (("artifact", name),),
        attributes=tuple((detail, about[detail]) for detail in _ATTRIBUTES if detail in about),
        authenticated=True,
        observed_at=naming.when(about.get("GenerationDate", "")),
    )


def _controller(element: etree._Element, domain: str) -> Sighting | None:
    name = xmlstream.text_of(element, "DCName")
    if not name:
        return None
    addresses = (text for one in element.iterfind("IP/string") if (text := (one.text or "").strip()))
    return Sighting(
        key=f"{name} in {domain}",
        name=name,
        identifiers=hosts.gather(
            hosts.named("fqdn", name), (one for text in addresses for one in hosts.named("ip", text))
        )
        or (("artifact", f"{name} in {domain}"),),
        os=xmlstream.text_of(element, "OperatingSystem"),
        tags=("domain controller",),
    )


def _finding(element: etree._Element, key: str) -> Finding | None:
    rule, category = xmlstream.text_of(element, "RiskId"), xmlstream.text_of(element, "Category")
    if not rule:
        return None
    model, points = xmlstream.text_of(element, "Model"), naming.whole_number(xmlstream.text_of(element, "Points"))
    said = xmlstream.text_of(element, "Rationale")
    details = [text for one in element.iterfind("Details/string") if (text := (one.text or "").strip())]
    kind: facts.ExposureKind = "identity" if category.lower() in _CATEGORIES else "misconfiguration"
    return Finding(
        asset=key,
        rule=rule,
        title=" ".join(said.split()) or rule,
        severity=next((word for least, word in _BANDS if points >= least), "info"),
        kind="end_of_life" if _OLD_SYSTEM.match(rule) else kind,
        resource=model,
        proof="configuration",
        evidence="" if _SECRET.search(rule) else "\n".join(details),
        tags=tuple(f"{name}={value}" for name, value in (("category", category), ("points", str(points))) if value),
    )
