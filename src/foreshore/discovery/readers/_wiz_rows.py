"""Rows of Wiz as findings: issues, vulnerabilities, and results of configuration rules, all from flat text fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming, _wiz_packages
from foreshore.facts import ExposureKind, Finding, Word

Said = Mapping[str, str]

# Names of the same thing in the interface and in the exports, folded to letters and digits; first one wins.
_ASSET: dict[str, tuple[str, ...]] = {
    "provider_id": (
        "provideruniqueid", "resourceproviderid", "resourceexternalid", "assetproviderid", "assetprovideruniqueid",
        "assetexternalid",
    ),
    "wiz_id": ("resourcevertexid", "assetid", "resourceid"),
    "name": ("resourcename", "assetname"),
    "type": ("resourcetype", "assettype"),
    "native_type": ("resourcenativetype", "assetnativetype"),
    "platform": ("resourceplatform", "cloudplatform", "resourcecloudplatform", "assetcloudplatform", "cloudprovider"),
    "account": (
        "subscriptionexternalid", "resourcesubscriptionexternalid", "assetsubscriptionexternalid", "subscriptionid",
        "subscriptionname", "resourcesubscriptionname", "assetsubscriptionname",
    ),
    "region": ("resourceregion", "assetregion", "region"),
    "os": ("resourceos", "operatingsystem", "assetoperatingsystem"),
    "addresses": ("ipaddresses", "assetipaddresses"),
    "tags": ("resourcetags", "tags", "assettags"),
    "original": ("resourceoriginaljson", "resourceproviderdata"),
}  # fmt: skip
_KEPT = (
    ("subscription", ("subscriptionname", "resourcesubscriptionname", "assetsubscriptionname")),
    ("projects", ("projectnames", "projects")),
    ("kubernetes_cluster", ("kubernetescluster", "resourcekubernetescluster")),
    ("kubernetes_namespace", ("kubernetesnamespace", "resourcekubernetesnamespace")),
    ("cloud_url", ("cloudproviderurl", "resourcecloudproviderurl", "assetcloudproviderurl")),
)
_GO_TIME = regex(r"^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d{4})(?: [A-Z]{1,5})?$")
# Why an issue was closed, in words other than that it was repaired: its rule went away, not its cause.
_NO_REPAIR = ("CONTROL_CHANGED", "CONTROL_DISABLED", "CONTROL_DELETED", "RULE_DISABLED", "RULE_DELETED")


def fold(name: str) -> str:
    """A column's or field's name in small letters and digits only."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def first(said: Said, *names: str) -> str:
    """The first of the fields that says something."""
    for name in names:
        if value := said.get(name):
            return value
    return ""


def asset_of(said: Said) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """What a row says of its asset, as `_wiz_assets.sighting` takes it: its fields, and further attributes."""
    fields = {field: found for field, names in _ASSET.items() if (found := first(said, *names))}
    return fields, tuple((name, value) for name, names in _KEPT if (value := first(said, *names)))


def moment(value: str) -> datetime | None:
    """The time in UTC of a text as Wiz writes it: ISO 8601, or `2026-01-31 08:00:00.5 +0000 UTC`."""
    value = value.strip()
    if found := _GO_TIME.match(value):
        value = f"{found.group(1)}T{found.group(2)}{found.group(3)}"
    return _naming.when(value)


def word(status: str, reason: str) -> Word:
    """Our word for a status and the reason it was given.

    An issue whose rule was changed or switched off is suppressed: nobody saw it repaired.
    """
    status, reason = (re.sub(r"[ -]+", "_", one.strip()).upper() for one in (status, reason))
    if "FALSE_POSITIVE" in reason:
        return "false_positive"
    if status == "REJECTED" or reason in ("WONT_FIX", "EXCEPTION"):
        return "accepted" if reason in ("WONT_FIX", "EXCEPTION") else "suppressed"
    if status in ("RESOLVED", "FIXED"):
        return "suppressed" if reason in _NO_REPAIR else "fixed"
    return "suppressed" if status == "IGNORED" else "open"


def issue(asset: str, said: Said) -> Finding:
    """The finding of an issue: a control that found its resource."""
    title = first(said, "title", "sourcerulename", "controlname", "name")
    rule = first(said, "controlid", "sourceruleid", "sourceruleshortid") or title or "unknown"
    status, reason = first(said, "status"), first(said, "resolution", "resolutionreason")
    sort = first(said, "type", "issuetype").upper()
    weaknesses = _naming.public_ids(title)
    kind: ExposureKind = "misconfiguration"
    if weaknesses:
        kind = "vulnerability"
    elif sort == "THREAT_DETECTION":
        kind = "observation"
    given = word(status, reason)
    return Finding(
        asset=asset,
        rule=rule,
        title=title or rule,
        severity=_naming.severity(said.get("severity")),
        weaknesses=weaknesses,
        kind=kind,
        resource=first(said, "resourceexternalid", "resourceproviderid", "resourcename"),
        proof="configuration" if kind == "misconfiguration" else "unknown",
        word=given,
        description=first(
            said, "description", "sourceruledescription", "sourcerulecontroldescription",
            "sourcerulecloudeventruledescription", "controldescription", "sourcerulecloudconfigurationruledescription",
        ),
        solution=first(
            said, "remediationrecommendation", "sourceruleresolutionrecommendation",
            "sourceruleremediationinstructions", "controlresolutionrecommendation",
        ),
        references=_urls(said, "wizurl", "url"),
        first_seen=moment(first(said, "createdat")),
        fixed_at=moment(first(said, "resolvedtime", "resolvedat")) if given == "fixed" else None,
        tags=_tags(said, ("status", status), ("resolution", reason), ("type", sort)),
    )  # fmt: skip


def vulnerability(asset: str, said: Said) -> Finding:
    """The finding of a vulnerability in a package of a machine, an image or another workload."""
    rule = first(said, "name", "cve", "vulnerabilityexternalid") or "unknown"
    name, path = first(said, "detailedname"), first(said, "locationpath")
    method, link = first(said, "detectionmethod"), first(said, "link")
    command = first(said, "remediation")
    language = first(said, "codelibrarylanguage")
    os = first(said, "assetoperatingsystemdistributionname", "operatingsystem")
    component = _wiz_packages.component(method, name, link=link, command=command, path=path, language=language, os=os)
    status, reason = first(said, "findingstatus", "status"), first(said, "resolutionreason")
    given = word(status, reason)
    library = method.strip().lower().replace("_", " ") not in _wiz_packages.SYSTEM
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule} in {name}" if name else rule,
        severity=_naming.severity(first(said, "vendorseverity", "severity", "cvssseverity")),
        weaknesses=_naming.weakness(rule),
        component=component,
        component_name=name,
        version=first(said, "version"),
        fixed_version=first(said, "fixedversion"),
        path=path if library else "",
        cvss_score=_naming.score(first(said, "score", "cvssscore", "nvdscore")),
        epss=_epss(first(said, "epssprobability")),
        proof="package",
        word=given,
        description=first(said, "cvedescription", "description"),
        solution=command,
        references=_urls(said, "link", "wizurl", "portalurl"),
        first_seen=moment(first(said, "firstdetected", "firstdetectedat")),
        fixed_at=moment(first(said, "resolvedat")) if given == "fixed" else None,
        observed_at=moment(first(said, "lastdetected", "lastdetectedat")),
        tags=_tags(said, ("status", status), ("resolution", reason), ("method", method)),
    )


def configuration(asset: str, said: Said) -> Finding:
    """The finding of a configuration rule that a resource or a machine does not pass."""
    rule = first(said, "ruleshortid", "ruleid", "rulename") or "unknown"
    status = first(said, "status")
    given = word(status, first(said, "resolutionreason"))
    return Finding(
        asset=asset,
        rule=rule,
        title=first(said, "rulename", "name", "title") or rule,
        severity=_naming.severity(first(said, "severity", "ruleseverity")),
        kind="misconfiguration",
        resource=first(said, "resourceproviderid", "resourceexternalid", "resourcename"),
        proof="configuration",
        word=given,
        description=first(said, "ruledescription", "description"),
        solution=first(said, "ruleremediationinstructions", "remediation"),
        references=_urls(said, "wizurl", "url"),
        first_seen=moment(first(said, "firstseenat", "createdat")),
        fixed_at=moment(first(said, "resolvedat")) if given == "fixed" else None,
        observed_at=moment(first(said, "analyzedat", "updatedat")),
        tags=_tags(said, ("status", status)),
    )


def _epss(value: str) -> float | None:
    """A probability; Wiz writes it as a share or in per cent."""
    found = _naming.number(value)
    if found is None or found < 0:
        return None
    return found if found <= 1 else found / 100 if found <= 100 else None


def _urls(said: Said, *names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for name in names if (value := said.get(name, ""))))


def _tags(said: Said, *pairs: tuple[str, str]) -> tuple[str, ...]:
    found = [f"{name}={value}" for name, value in pairs if value and value.upper() not in ("OPEN",)]
    if said.get("hasexploit", "").lower() == "true":
        found.append("exploit")
    if said.get("hascisakevexploit", "").lower() == "true":
        found.append("kev")
    return tuple(found)
