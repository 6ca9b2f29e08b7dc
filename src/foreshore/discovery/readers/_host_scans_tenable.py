"""Rows of Tenable's interfaces: vulnerabilities and assets of Vulnerability Management, analysis of Security Center."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from foreshore import facts
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._nessus_items import kind_of, proof_of, with_output
from foreshore.facts import Finding, Sighting

_MARKUP = regex(r"</?plugin_output>")
_BREAK = regex(r"<br\s*/?>|[,\n]", re.IGNORECASE)
_MODIFIED: dict[str, facts.Word] = {"ACCEPTED": "accepted"}
_HTTP = ("http", "https")


def of(value: Any, *path: str) -> Any:
    """What stands at `path` in nested objects; None where there is nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def words(value: Any) -> list[str]:
    """A text, or the texts of a list, without empty ones."""
    found = value if isinstance(value, list) else [value]
    return [text for one in found if (text := naming.text(one).strip())]


def epoch_or_text(value: Any) -> datetime | None:
    """The time of ISO 8601 or of epoch seconds, where -1 and 0 mean none."""
    text = naming.text(value)
    return None if text in ("", "0", "-1") else hosts.when(text)


def severity_of(value: Any) -> facts.Severity:
    """The severity by number (0 to 4) or word, as text or as an object with id and name."""
    if isinstance(value, dict):
        value = value.get("id") if value.get("id") not in (None, "") else value.get("name")
    text = naming.text(value)
    return facts.SEVERITIES[int(text)] if text in ("0", "1", "2", "3", "4") else naming.severity(text)  # type: ignore[return-value]


# -- Vulnerability Management --------------------------------------------------------------------


def cloud_asset(key: str, row: dict[str, Any]) -> Sighting:
    """The asset of one exported vulnerability."""
    text = naming.text
    names = [*words(row.get("fqdn")), *words(row.get("hostname"))]
    netbios = words(row.get("netbios_name"))
    addresses = [*words(row.get("ipv4")), *words(row.get("ipv6"))]
    known = hosts.gather(
        [hosts.agent("tenable", text(row.get("uuid")))],
        [("bios_uuid", hosts.uuid(text(row.get("bios_uuid"))))],
        (("mac", mac) for one in words(row.get("mac_address")) for mac in hosts.macs(one)),
        (one for name in names for one in hosts.named("fqdn", name)),
        (one for name in netbios for one in hosts.named("netbios", name)),
        (one for address in addresses for one in hosts.named("ip", address)),
    )
    kind = text(row.get("device_type"))
    logged = epoch_or_text(row.get("last_authenticated_results"))
    plain = epoch_or_text(row.get("last_unauthenticated_results"))
    return Sighting(
        key=key,
        name=next(iter([*names, *netbios, *addresses]), key),
        kind=hosts.kind_of(kind),
        identifiers=known or (("artifact", f"tenable asset {key}"),),
        os=next(iter(words(row.get("operating_system"))), ""),
        attributes=tuple(
            (name, value)
            for name, value in (("system_type", kind), ("agent_uuid", text(row.get("agent_uuid"))))
            if value
        ),
        authenticated=True if logged and (not plain or logged >= plain) else None,
    )


def cloud_finding(key: str, row: dict[str, Any]) -> Finding:
    """The finding of one exported vulnerability."""
    text = naming.text
    plugin: dict[str, Any] = of(row, "plugin") if isinstance(of(row, "plugin"), dict) else {}
    title, severity = text(plugin.get("name")), severity_of(row.get("severity_id", row.get("severity")))
    state = text(row.get("state")).upper()
    score, vector = _cloud_cvss(plugin)
    refs = [(text(of(one, "type")).upper(), text(of(one, "id"))) for one in plugin.get("xrefs") or () if of(one, "id")]
    static = _static(
        rule=text(plugin.get("id")),
        title=title,
        severity=severity,
        weaknesses=naming.public_ids(*words(plugin.get("cve"))),
        cpes=words(plugin.get("cpe")),
        texts={
            "unsupported_by_vendor": text(plugin.get("unsupported_by_vendor")).lower(),
            "exploited_by_nessus": text(plugin.get("exploited_by_nessus")).lower(),
            "plugin_type": text(plugin.get("type")).lower(),
            "description": text(plugin.get("description")),
            "risk_factor": text(plugin.get("risk_factor")),
        },
        patched=bool(plugin.get("patch_publication_date")),
        articles=[number for kind, number in refs if kind == "MSKB"],
    )
    static |= {
        "cvss_score": score,
        "cvss_vector": vector,
        "epss": naming.number(plugin.get("epss_score")),
        "cwes": naming.cwes([number for kind, number in refs if kind == "CWE"]),
        "word": "fixed"
        if state == "FIXED"
        else _MODIFIED.get(text(row.get("severity_modification_type")).upper(), "open"),
        "description": text(plugin.get("description")) or text(plugin.get("synopsis")),
        "solution": text(plugin.get("solution")),
        "references": tuple(dict.fromkeys(words(plugin.get("see_also")))),
        "first_seen": epoch_or_text(row.get("first_found")),
        "fixed_at": epoch_or_text(row.get("last_fixed")) if state == "FIXED" else None,
        "tags": (f"vpr={vpr}",) if (vpr := text(of(plugin, "vpr", "score") or of(plugin, "vpr_v2", "score"))) else (),
    }
    return _placed(
        key,
        static,
        output=text(row.get("output")),
        port=of(row, "port", "port"),
        protocol=text(of(row, "port", "protocol")),
        at=epoch_or_text(row.get("last_found")),
        family=text(plugin.get("family")),
    )


def _cloud_cvss(plugin: dict[str, Any]) -> tuple[float | None, str]:
    for name, kind in (("cvss4", "CVSS:4.0"), ("cvss3", "CVSS:3.0"), ("cvss", "")):
        raw = of(plugin, f"{name}_vector", "raw") or of(plugin, f"{name}_vector")
        score, vector = naming.score(plugin.get(f"{name}_base_score")), hosts.vector(naming.text(raw), kind)
        if score is not None or vector:
            return score, vector
    return None, ""


def exported_asset(row: dict[str, Any]) -> Sighting:
    """An asset of the export of assets."""
    text = naming.text
    key = text(row.get("id"))
    names = [*words(row.get("fqdns")), *words(row.get("hostnames"))]
    addresses = [*words(row.get("ipv4s")), *words(row.get("ipv6s"))]
    account, region = text(row.get("aws_owner_id")), text(row.get("aws_region"))
    instance = text(row.get("aws_ec2_instance_id")).lower()
    kinds = words(row.get("system_types"))
    tags = [f"{text(of(one, 'key'))}={text(of(one, 'value'))}" for one in row.get("tags") or () if of(one, "key")]
    arn = f"arn:aws:ec2:{region}:{account}:instance/{instance}".lower() if account and region and instance else ""
    known = hosts.gather(
        [
            ("arn", arn),
            ("cloud_id", instance),
            ("cloud_id", text(row.get("azure_resource_id")).lower() if not instance else ""),
        ],
        [hosts.agent("tenable", key)],
        [("bios_uuid", hosts.uuid(text(row.get("bios_uuid"))))],
        (("mac", mac) for one in words(row.get("mac_addresses")) for mac in hosts.macs(one)),
        (one for name in names for one in hosts.named("fqdn", name)),
        (one for name in words(row.get("netbios_names")) for one in hosts.named("netbios", name)),
        (one for address in addresses for one in hosts.named("ip", address)),
    )
    fields = ("agent_uuid", "network_name", "acr_score", "exposure_score", "terminated_at", "deleted_at")
    return Sighting(
        key=key,
        name=next(iter([*names, *words(row.get("netbios_names")), *addresses]), key),
        kind=hosts.kind_of(kinds[0]) if kinds else "host",
        identifiers=known,
        os=next(iter(words(row.get("operating_systems"))), ""),
        tags=tuple(tags),
        attributes=tuple((name, value) for name in fields if (value := text(row.get(name)))),
        authenticated=True if row.get("has_agent") is True or row.get("last_authenticated_scan_date") else None,
        observed_at=epoch_or_text(row.get("last_seen")),
    )


# -- Security Center -----------------------------------------------------------------------------


def center_asset(key: str, row: dict[str, Any]) -> Sighting:
    """The host of one row of Security Center's analysis."""
    text = naming.text
    name, address = text(row.get("dnsName")), text(row.get("ip"))
    netbios = text(row.get("netbiosName"))
    known = hosts.gather(
        [hosts.agent("tenable", text(row.get("hostUUID")) or text(row.get("uuid")))],
        [("mac", mac) for mac in hosts.macs(text(row.get("macAddress")))],
        hosts.named("fqdn", name),
        hosts.named("netbios", netbios),
        hosts.named("ip", address),
    )
    place = text(of(row, "repository", "name"))
    return Sighting(
        key=key,
        name=name or netbios.rpartition("\\")[2] or address or key,
        identifiers=known or (("artifact", f"tenable host {key}"),),
        os=text(row.get("operatingSystem")).partition("<br")[0].strip(),
        attributes=(("repository", place),) if place else (),
    )


def center_finding(key: str, row: dict[str, Any]) -> Finding:
    """The finding of one row of Security Center's analysis."""
    text = naming.text
    title, severity = text(row.get("pluginName")) or text(row.get("name")), severity_of(row.get("severity"))
    refs = [part.strip() for part in text(row.get("xref")).split(",")]
    score, vector = _center_cvss(row)
    static = _static(
        rule=text(row.get("pluginID")),
        title=title,
        severity=severity,
        weaknesses=naming.public_ids(text(row.get("cve"))),
        cpes=_BREAK.split(text(row.get("cpe"))),
        texts={
            "plugin_type": text(row.get("checkType")).lower(),
            "description": text(row.get("description")),
            "risk_factor": text(row.get("riskFactor")),
        },
        patched=text(row.get("patchPubDate")) not in ("", "-1", "0"),
        articles=[part[5:].strip() for part in refs if part.startswith("MSKB:")],
    )
    static |= {
        "cvss_score": score,
        "cvss_vector": vector,
        "epss": naming.number(row.get("epssScore")),
        "cwes": naming.cwes([part.replace("CWE:", "CWE-") for part in refs if part.startswith("CWE")]),
        "word": "accepted" if text(row.get("acceptRisk")) == "1" else "open",
        "description": text(row.get("description")) or text(row.get("synopsis")),
        "solution": text(row.get("solution")),
        "references": tuple(
            link for link in re.split(r"\s+|<br\s*/?>", text(row.get("seeAlso"))) if link.startswith("http")
        ),
        "first_seen": epoch_or_text(row.get("firstSeen")),
        "tags": (f"vpr={vpr}",) if (vpr := text(row.get("vprScore"))) else (),
    }
    return _placed(
        key,
        static,
        output=_MARKUP.sub("", text(row.get("pluginText"))),
        port=row.get("port"),
        protocol=text(row.get("protocol")),
        at=epoch_or_text(row.get("lastSeen")),
        family=text(of(row, "family", "name")),
    )


def _center_cvss(row: dict[str, Any]) -> tuple[float | None, str]:
    pairs = (("cvssV4BaseScore", "cvssV4Vector", "CVSS:4.0"), ("cvssV3BaseScore", "cvssV3Vector", "CVSS:3.0"))
    for base, line, kind in (*pairs, ("baseScore", "cvssVector", "")):
        score, vector = naming.score(row.get(base)), hosts.vector(naming.text(row.get(line)), kind)
        if score is not None or vector:
            return score, vector
    return None, ""


# -- both ----------------------------------------------------------------------------------------


def _static(
    *,
    rule: str,
    title: str,
    severity: facts.Severity,
    weaknesses: tuple[str, ...],
    cpes: list[str],
    texts: dict[str, str],
    patched: bool,
    articles: list[str],
) -> dict[str, Any]:
    """What the plugin says, as fields of a finding."""
    component, component_name, _version = hosts.best_cpe(cpes)
    if patched:
        texts["patch_publication_date"] = "yes"
    article = articles[0] if len(set(articles)) == 1 else ""
    return {
        "rule": rule,
        "title": title or f"plugin {rule}",
        "severity": severity,
        "weaknesses": weaknesses,
        "kind": kind_of(title, severity, weaknesses, texts, component),
        "component": component,
        "component_name": component_name,
        "fix": f"KB{article.removeprefix('KB')}" if article else hosts.fix_name(title),
        "proof": proof_of(texts),
    }


def _placed(
    key: str, static: dict[str, Any], *, output: str, port: Any, protocol: str, at: datetime | None, family: str
) -> Finding:
    spoken = protocol.strip().lower()
    return with_output(
        output.strip(),
        static,
        asset=key,
        port=naming.port(port),
        protocol="tcp" if spoken in _HTTP else spoken,
        at=at,
        family=family,
    )
