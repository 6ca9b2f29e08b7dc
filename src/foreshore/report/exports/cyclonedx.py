"""Exposures as a CycloneDX 1.6 document with VEX (cyclonedx.org): assets, their components, and what is said of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from foreshore import __version__, keys
from foreshore.report.exports import words
from foreshore.report.exports.ocsf import Told


def document(rows: Iterator[dict[str, Any]], cycle: dict[str, Any], told: Told) -> Iterator[str]:
    """Yield the document in pieces: the vulnerabilities as they come, then the assets and components they name."""
    key = keys.show("CYC", cycle["cycle"])
    head = {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, key)}",
        "version": 1,
        "metadata": {"timestamp": cycle["as_of"].replace(tzinfo=UTC, microsecond=0).isoformat(),
                     "tools": {"components": [{"type": "application", "name": "foreshore", "version": __version__}]}},
    }  # fmt: skip
    yield json.dumps(head)[:-1] + ', "vulnerabilities": [\n'
    assets: dict[str, dict[str, Any]] = {}
    between = ""
    for row in rows:
        said = words.of(row)
        if isinstance(said, str):
            told.left_out[said] += 1
            continue
        told.taken += 1
        yield between + json.dumps(_vulnerability(row, said, _affected(row, assets)), ensure_ascii=False)
        between = ",\n"
    listed = [{**one, "components": sorted(one["components"].values(), key=lambda part: str(part["bom-ref"]))}
              for _key, one in sorted(assets.items())]  # fmt: skip
    yield '\n], "components": ' + json.dumps(listed, ensure_ascii=False) + "}\n"


def _affected(row: dict[str, Any], assets: dict[str, dict[str, Any]]) -> str:
    """The reference of what is affected: the component on its asset, else the asset."""
    asset = assets.setdefault(
        row["asset"],
        {"type": "device", "bom-ref": row["asset"], "name": row["asset_name"] or row["asset"], "components": {}},
    )
    if not row["place"].startswith("pkg:"):
        return str(row["asset"])
    ref = f"{row['asset']}/{row['place']}"
    name = row["place"].partition("?")[0].rpartition("/")[2] or row["place"]
    asset["components"][ref] = {"type": "library", "bom-ref": ref, "name": name, "purl": row["place"]}
    return ref


def _vulnerability(row: dict[str, Any], said: words.Word, ref: str) -> dict[str, Any]:
    analysis: dict[str, Any] = {"state": said.cyclonedx, "detail": said.text}
    if said.response:
        analysis["response"] = [said.response]
    found: dict[str, Any] = {
        "bom-ref": row["id"],
        "id": row["weakness"],
        "analysis": analysis,
        "affects": [{"ref": ref}],
    }
    rating: dict[str, Any] = {"severity": row["severity"]}
    if row["cvss"] is not None:
        rating |= {"score": row["cvss"], "method": "CVSSv31"}
    found["ratings"] = [rating]
    if row["fix"]:
        found["recommendation"] = row["fix"]
    return found
