"""Trivy JSON, schema version 2: one container image with its system and application packages."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

from foreshore.estate.model import Flaw, Image

_LANGUAGES = {"maven": ("jar", "Java"), "npm": ("node-pkg", "Node.js"), "pypi": ("python-pkg", "Python")}


def write(path: Path, image: Image, when: datetime) -> int:
    """Write the scan of `image` at `when` (UTC); return the number of vulnerabilities."""
    family, version = image.base.split(" ")
    layer = "sha256:" + hashlib.sha256(f"layer of {image.reference}".encode()).hexdigest()
    system = [flaw for flaw in image.flaws if flaw.purl.startswith(("pkg:deb", "pkg:apk"))]
    results: list[dict[str, object]] = [
        {
            "Target": f"{image.reference} ({family} {version})",
            "Class": "os-pkgs",
            "Type": family,
            "Vulnerabilities": [_vulnerability(flaw, image, layer) for flaw in system],
        }
    ]
    for ecosystem, (kind, target) in _LANGUAGES.items():
        found = [flaw for flaw in image.flaws if flaw.purl.startswith(f"pkg:{ecosystem}/")]
        if found:
            rows = [_vulnerability(flaw, image, layer) for flaw in found]
            results.append({"Target": target, "Class": "lang-pkgs", "Type": kind, "Vulnerabilities": rows})
    document = {
        "SchemaVersion": 2,
        "CreatedAt": f"{when:%Y-%m-%dT%H:%M:%S}.123456789Z",
        "ArtifactName": image.reference,
        "ArtifactType": "container_image",
        "Metadata": _metadata(image, layer, family, version),
        "Results": results,
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", newline="\n")
    return len(image.flaws)


def _metadata(image: Image, layer: str, family: str, version: str) -> dict[str, object]:
    return {
        "OS": {"Family": family, "Name": version},
        "ImageID": "sha256:" + hashlib.sha256(image.digest.encode()).hexdigest(),
        "DiffIDs": [layer],
        "RepoTags": [image.reference],
        "RepoDigests": [f"{image.reference.rsplit(':', 1)[0]}@{image.digest}"],
        "ImageConfig": {
            "architecture": "amd64",
            "created": "2024-01-15T08:56:27Z",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [layer]},
            "config": {},
        },
    }


def package(flaw: Flaw) -> tuple[str, str]:
    """The package's name as Trivy writes it, and its purl with version."""
    kind, _, rest = flaw.purl.removeprefix("pkg:").partition("/")
    name = rest.replace("/", ":") if kind == "maven" else rest.rsplit("/", 1)[-1]
    return name, f"{flaw.purl}@{flaw.version}"


def _vulnerability(flaw: Flaw, image: Image, layer: str) -> dict[str, object]:
    name, purl = package(flaw)
    row: dict[str, object] = {
        "VulnerabilityID": flaw.cve,
        "PkgID": f"{name}@{flaw.version}",
        "PkgName": name,
        "PkgIdentifier": {"PURL": purl, "UID": hashlib.sha256(purl.encode()).hexdigest()[:16]},
        "InstalledVersion": flaw.version,
    }
    if flaw.fixed_version:
        row |= {"FixedVersion": flaw.fixed_version, "Status": "fixed"}
    else:
        row["Status"] = "affected" if flaw.score >= 7 else "will_not_fix"
    return row | {
        "Layer": {"Digest": layer, "DiffID": layer},
        "SeveritySource": "nvd",
        "PrimaryURL": f"https://avd.aquasec.com/nvd/{flaw.cve.lower()}",
        "DataSource": {
            "ID": image.base.split(" ")[0],
            "Name": "vendor advisories",
            "URL": "https://nvd.nist.gov/",
        },
        "Title": flaw.title,
        "Description": f"{flaw.vendor} {flaw.product} {flaw.version}: {flaw.title}.",
        "Severity": flaw.severity.upper(),
        "CweIDs": [f"CWE-{flaw.cwe}"],
        "CVSS": {"nvd": {"V3Vector": flaw.vector, "V3Score": flaw.score}},
        "References": [f"https://nvd.nist.gov/vuln/detail/{flaw.cve}"],
        "PublishedDate": f"{flaw.published}T00:00:00Z",
        "LastModifiedDate": f"{flaw.published}T00:00:00Z",
    }
