"""Columns of our own choosing: what each means, and which other names it goes by.

The names on the left are the documented ones (docs/reference/generic.md); those on the right are
accepted as well, among them the columns of DefectDojo's generic import. Letter case, blanks, dashes
and underscores in names do not count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

COLUMNS: dict[str, tuple[str, ...]] = {
    # the asset
    "asset": ("assetname", "host", "hostname", "device", "devicename", "computer", "computername", "machine",
              "machinename", "server", "system", "target", "affectedhost", "affectedasset", "service"),
    "address": ("ip", "ipaddress", "ipv4", "ipv6", "hostip", "assetip"),
    "fqdn": ("dns", "dnsname", "hostfqdn"),
    "mac": ("macaddress",),
    "agent_id": ("agentid", "agentuuid"),
    "cloud_id": ("resourceid", "instanceid", "arn"),
    "serial": ("serialnumber",),
    "image": ("imageref", "containerimage", "imagename"),
    "image_digest": ("digest",),
    "repository": ("repo", "repourl", "repositoryurl"),
    "asset_kind": ("assettype",),
    "os": ("operatingsystem", "platform"),
    "owner": ("assetowner", "team"),
    "asset_tags": (),
    "internet": ("internetfacing", "exposedtointernet", "publiclyexposed"),
    # the finding
    "weakness": ("weaknesses", "cve", "cves", "cveid", "cveids", "vulnerabilityid", "vulnerabilityids",
                 "vulnerabilities"),
    "rule": ("ruleid", "checkid", "pluginid", "vulnidfromtool", "qid", "signature"),
    "title": ("name", "summary", "vulnerability", "vulnerabilityname", "findingname", "issue"),
    "severity": ("risk", "risklevel", "severitylevel", "criticality", "riskrating"),
    "kind": ("findingtype", "category"),
    "component": ("purl", "cpe", "packageurl"),
    "component_name": ("package", "packagename", "software", "softwarename", "product"),
    "version": ("componentversion", "packageversion", "softwareversion", "installedversion",
                "productversion"),
    "fixed_version": ("fixversion", "fixedin", "patchedversion", "fixedversions"),
    "fix": ("kb", "bulletin", "advisory", "patch"),
    "port": ("portnumber",),
    "protocol": (),
    "resource": ("setting", "object"),
    "url": ("uri", "endpoint", "endpoints", "location"),
    "method": ("httpmethod",),
    "parameter": ("param",),
    "path": ("filepath", "file", "filename", "sastsourcefilepath"),
    "line": ("linenumber", "startline", "sastsourceline"),
    "context": ("snippet", "code"),
    "cvss_vector": ("cvssvector", "cvssv3", "cvssv31", "cvss3vector", "vector"),
    "cvss4_vector": ("cvssv4",),
    "cvss_score": ("cvss", "cvssscore", "cvssv3score", "cvss3score", "basescore"),
    "cvss4_score": ("cvssv4score",),
    "epss": ("epssscore",),
    "cwe": ("cwes", "cweid", "cweids"),
    "proof": ("evidencetype", "detection"),
    "status": ("state", "findingstatus", "remediationstatus"),
    "description": ("details", "detail", "synopsis"),
    "impact": (),
    "solution": ("mitigation", "remediation", "recommendation", "fixrecommendation"),
    "references": ("reference", "seealso", "links"),
    "evidence": ("output", "pluginoutput", "proofofconcept", "stepstoreproduce"),
    "instances": ("nboccurences", "occurrences", "count"),
    "first_seen": ("firstseen", "firstfound", "date", "discovered", "created", "discoverydate",
                   "firstdetected"),
    "last_seen": ("lastseen", "lastfound", "observedat", "lastdetected"),
    "fixed_at": ("fixedat", "closed", "mitigateddate", "mitigated"),
    "tags": ("labels",),
    # flags of DefectDojo's generic import
    "active": (),
    "false_positive": ("falsep", "falsepositive"),
    "is_mitigated": ("ismitigated",),
    "duplicate": (),
    "out_of_scope": ("outofscope",),
    "risk_accepted": ("riskaccepted",),
    "known_exploited": ("knownexploited",),
    "ransomware_used": ("ransomwareused",),
}  # fmt: skip


def fold(name: str) -> str:
    """A column's name without case and without what is not a letter or digit."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


OF: dict[str, str] = {
    **{synonym: column for column, synonyms in COLUMNS.items() for synonym in synonyms},
    **{fold(column): column for column in COLUMNS},
}
ASSETS = frozenset(
    {
        "asset",
        "address",
        "fqdn",
        "mac",
        "agent_id",
        "cloud_id",
        "serial",
        "image",
        "image_digest",
        "repository",
        "url",
    }
)
ABOUT = ASSETS | {"asset_kind", "os", "owner", "internet", "asset_tags"}


def columns(names: Iterable[str]) -> set[str]:
    """The documented columns among `names`."""
    return {found for name in names if (found := OF.get(fold(name)))}


def enough(found: set[str]) -> bool:
    """Whether columns say enough to be findings, and are not just a list of assets or of rules."""
    named = bool(found & ASSETS)
    if found & {"title", "rule"} and "severity" in found:
        return True
    return "weakness" in found and (named or "component_name" in found or "title" in found)


def fits(names: Collection[str]) -> bool:
    """Whether a row with `names` is meant for these columns: it says enough, and we know most of its names.

    A report of another tool may share a few names with us; to read it by those few would lose the rest.
    """
    named = [name for name in names if name]
    found = [one for name in named if (one := OF.get(fold(name)))]
    return enough(set(found)) and 2 * len(found) > len(named)
