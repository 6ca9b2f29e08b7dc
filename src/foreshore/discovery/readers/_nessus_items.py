"""One item of a Nessus report: what its plugin always says is read once, the rest for each host."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from lxml import etree

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.facts import SEVERITIES, ExposureKind, Finding, Proof, Severity, Skipped

_CM = "{http://www.nessus.org/cm}"
_END = regex(r"\b(?:unsupported (?:version|operating system|installation)|end[ -]of[ -]life|obsolete|seol)\b", re.I)
_UNSUPPORTED = regex(r"\bunsupported\b", re.IGNORECASE)
_URL = regex(r"on URL '([^'\s]{1,2000})'")
_PARAMETER = regex(r"(?:element|parameter|input|field) (?:named )?'([^'\r\n]{1,200})'")
_PATH = regex(r"^[ \t]*Path[ \t]*: ([^\r\n]{1,400})", re.MULTILINE)
_MOST_PLUGINS = 50_000

# Children that may stand more than once.
_LISTS = frozenset({"cve", "cwe", "xref", "see_also", "cpe", "mskb", "msft", "bid"})


class Items:
    """Turns ReportItem elements into findings.

    What does not change between hosts (title, texts, scores) is kept by plugin, severity, revision
    and number of children, so that only the first of them is taken apart.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def read(self, item: etree._Element, asset: str, at: datetime | None) -> Finding | Skipped:
        """The finding of `item` on `asset`."""
        get = item.get
        output = item.findtext("plugin_output")
        if get("pluginFamily") == "Policy Compliance":
            return self._compliance(item, asset, at)
        key = (
            get("pluginID"),
            get("severity"),
            get("pluginName"),
            len(item) - (output is not None),
            item.findtext("plugin_modification_date"),
        )
        static = self._known.get(key)
        if static is None:
            if len(self._known) >= _MOST_PLUGINS:
                self._known.clear()
            static = self._known[key] = _static(item)
        port = get("port", "0")
        number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
        number = number if number < 65536 else 0
        protocol = get("protocol", "").lower()
        if not output:
            return Finding(asset=asset, port=number, protocol=protocol, observed_at=at, **static)
        family = get("pluginFamily", "")
        return with_output(output.strip(), static, asset=asset, port=number, protocol=protocol, at=at, family=family)

    def _compliance(self, item: etree._Element, asset: str, at: datetime | None) -> Finding | Skipped:
        values = {str(child.tag).removeprefix(_CM): (child.text or "").strip() for child in item}
        check = values.get("compliance-check-name", "") or values.get("compliance-info", "")[:200]
        result = values.get("compliance-result", "").upper()
        rule = item.get("pluginID", "")
        if result == "ERROR":
            return Skipped(f"{self._name}, {asset}, {check}", "the compliance check ended with an error")
        return Finding(
            asset=asset,
            rule=rule,
            title=check or item.get("pluginName", ""),
            severity=_severity(item.get("severity"), values.get("risk_factor", "")),
            kind="misconfiguration",
            resource=values.get("compliance-check-id", "") or check,
            proof="configuration",
            word="fixed" if result == "PASSED" else "open",
            description=values.get("compliance-info", ""),
            solution=values.get("compliance-solution", ""),
            references=tuple(values.get("compliance-see-also", "").split()),
            evidence=values.get("compliance-actual-value", "") or values.get("plugin_output", ""),
            observed_at=at,
        )


def with_output(
    output: str,
    static: dict[str, Any],
    *,
    asset: str,
    port: int,
    protocol: str,
    at: datetime | None,
    family: str,
) -> Finding:
    """The finding of `static` and what the check's output adds: versions, path, fix, URL and parameter."""
    values = dict(static)
    installed, fixed = hosts.versions(output)
    if installed or fixed:
        purl, name, version, repaired = hosts.package(family, installed, fixed)
        values["version"], values["fixed_version"] = version or installed, repaired or fixed
        if purl:
            values["component"], values["component_name"] = purl, name
        if values["proof"] in ("unknown", "probe"):
            values["proof"] = "version"
        if "Path" in output and (path := _PATH.search(output)):
            values["path"] = path.group(1).strip()
    if "KB" in output and values["kind"] == "vulnerability":
        values["fix"] = hosts.fix_name(output) or values["fix"]
    if "on URL '" in output and (url := _URL.search(output)):
        values["url"] = url.group(1)
        parameter = _PARAMETER.search(output)
        values["parameter"] = parameter.group(1) if parameter else ""
    return Finding(asset=asset, port=port, protocol=protocol, evidence=output, observed_at=at, **values)


def _static(item: etree._Element) -> dict[str, Any]:
    """What the plugin says, the same on every host."""
    one: dict[str, str] = {}
    many: dict[str, list[str]] = {name: [] for name in _LISTS}
    for child in item:
        tag, text = str(child.tag), (child.text or "").strip()
        if tag in _LISTS:
            many[tag].append(text)
        else:
            one.setdefault(tag, text)
    severity = _severity(item.get("severity"), one.get("risk_factor", ""))
    title = item.get("pluginName") or one.get("plugin_name", "")
    weaknesses = tuple(dict.fromkeys(cve.upper() for cve in many["cve"] if cve))
    component, component_name, _version = hosts.best_cpe(line for cpe in many["cpe"] for line in cpe.split("\n"))
    score, vector = _cvss(one)
    return {
        "rule": item.get("pluginID", ""),
        "title": title,
        "severity": severity,
        "weaknesses": weaknesses,
        "kind": kind_of(title, severity, weaknesses, one, component),
        "component": component,
        "component_name": component_name,
        "fix": _fix(title, many),
        "cvss_score": score,
        "cvss_vector": vector,
        "epss": naming.number(one.get("epss_score")),
        "cwes": naming.cwes([*many["cwe"], *(x for x in many["xref"] if x.startswith("CWE:"))]),
        "proof": proof_of(one),
        "description": one.get("description", ""),
        "solution": "" if one.get("solution", "").lower() == "n/a" else one.get("solution", ""),
        "references": tuple(line.strip() for text in many["see_also"] for line in text.split("\n") if line.strip()),
    }


def _severity(number: str | None, word: str) -> Severity:
    if number in ("0", "1", "2", "3", "4"):
        return SEVERITIES[int(number)]  # type: ignore[return-value]
    return naming.severity(word)


def _cvss(one: dict[str, str]) -> tuple[float | None, str]:
    """The newest score and vector of the item."""
    for version, kind in (("4", "CVSS:4.0"), ("3", "CVSS:3.0"), ("", "")):
        score = naming.score(one.get(f"cvss{version}_base_score"))
        vector = hosts.vector(one.get(f"cvss{version}_vector", ""), kind)
        if score is not None or vector:
            return score, vector
    return naming.score(one.get("cvssv3")) or naming.score(one.get("cvss")), ""


def kind_of(
    title: str, severity: Severity, weaknesses: tuple[str, ...], one: dict[str, str], component: str
) -> ExposureKind:
    """The kind of exposure that a plugin tells of; `one` holds its other texts."""
    if one.get("unsupported_by_vendor") == "true" or (severity != "info" and _ends(title)):
        return "end_of_life"
    if weaknesses:
        return "vulnerability"
    if severity == "info":
        return "observation"
    return "vulnerability" if component or "patch_publication_date" in one else "misconfiguration"


def _ends(title: str) -> bool:
    return bool(_END.search(title) or _UNSUPPORTED.search(title))


def proof_of(one: dict[str, str]) -> Proof:
    """How the plugin knows: by packages inside, by what a service says of itself, or by trying."""
    if one.get("exploited_by_nessus") == "true":
        return "confirmed"
    kind = one.get("plugin_type", "")
    if kind == "local":
        return "package"
    told = one.get("description", "")
    if "self-reported" in told or "banner" in told:
        return "banner"
    if kind == "remote" and "version" not in told and one.get("risk_factor", "None") != "None":
        return "probe"
    return "unknown"


def _fix(title: str, many: dict[str, list[str]]) -> str:
    articles = [*many["mskb"], *(x[5:] for x in many["xref"] if x.startswith("MSKB:"))]
    articles = list(dict.fromkeys(one for one in articles if one))
    if len(articles) == 1:
        return f"KB{articles[0].removeprefix('KB')}"
    bulletins = [*many["msft"], *(x[5:] for x in many["xref"] if x.startswith("MSFT:"))]
    named = hosts.fix_name(title, *bulletins)
    return named or (f"KB{articles[0].removeprefix('KB')}" if articles else "")
