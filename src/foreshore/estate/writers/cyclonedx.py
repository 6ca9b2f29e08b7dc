"""CycloneDX JSON 1.5: the components of a source repository with the vulnerabilities found in them."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from pathlib import Path

from foreshore.estate.model import Flaw, Repository


def write(path: Path, repository: Repository, when: datetime) -> int:
    """Write the bill of materials of `repository` at `when` (UTC); return the number of vulnerabilities."""
    purls = dict.fromkeys(f"{flaw.purl}@{flaw.version}" for flaw in repository.flaws)
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{repository.url}/{when:%Y%m%d}')}",
        "version": 1,
        "metadata": _metadata(repository, when),
        "components": [_component(purl) for purl in purls],
        "dependencies": [{"ref": repository.name, "dependsOn": list(purls)}],
        "vulnerabilities": [_vulnerability(flaw) for flaw in repository.flaws],
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8", newline="\n")
    return len(repository.flaws)


def _metadata(repository: Repository, when: datetime) -> dict[str, object]:
    return {
        "timestamp": f"{when:%Y-%m-%dT%H:%M:%S}Z",
        "tools": {"components": [{"type": "application", "name": "cdxgen", "version": "10.9.0"}]},
        "component": {
            "bom-ref": repository.name,
            "type": "application",
            "name": repository.name,
            "version": "main",
            "externalReferences": [{"type": "vcs", "url": repository.url}],
        },
    }


def _component(purl: str) -> dict[str, object]:
    path, _, version = purl.removeprefix("pkg:").rpartition("@")
    _, *group, name = path.split("/")
    row: dict[str, object] = {"bom-ref": purl, "type": "library"}
    if group:
        row["group"] = "/".join(group)
    return row | {"name": name, "version": version, "purl": purl}


def _vulnerability(flaw: Flaw) -> dict[str, object]:
    purl = f"{flaw.purl}@{flaw.version}"
    row: dict[str, object] = {
        "bom-ref": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{flaw.cve}/{purl}")),
        "id": flaw.cve,
        "source": {"name": "NVD", "url": f"https://nvd.nist.gov/vuln/detail/{flaw.cve}"},
        "ratings": [
            {
                "source": {"name": "NVD"},
                "score": flaw.score,
                "severity": flaw.severity,
                "method": "CVSSv31",
                "vector": flaw.vector.removeprefix("CVSS:3.1/"),
            }
        ],
        "cwes": [flaw.cwe],
        "description": f"{flaw.title}.",
    }
    if flaw.fixed_version:
        row["recommendation"] = f"Upgrade {flaw.product} to {flaw.fixed_version}."
    return row | {
        "published": f"{flaw.published}T00:00:00Z",
        "affects": [{"ref": purl, "versions": [{"version": flaw.version, "status": "affected"}]}],
    }
