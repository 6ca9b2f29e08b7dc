"""Exposures as an OpenVEX 0.2.0 document (openvex.dev): one statement for each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC
from typing import Any

from foreshore import __version__, keys
from foreshore.report.exports import words
from foreshore.report.exports.ocsf import Told

CONTEXT = "https://openvex.dev/ns/v0.2.0"


def document(rows: Iterator[dict[str, Any]], cycle: dict[str, Any], told: Told) -> Iterator[str]:
    """Yield the document in pieces; what is no vulnerability with a public name is left out and counted."""
    moment = cycle["as_of"].replace(tzinfo=UTC, microsecond=0).isoformat()
    head = {"@context": CONTEXT, "@id": f"urn:foreshore:{keys.show('CYC', cycle['cycle'])}", "author": "Foreshore",
            "timestamp": moment, "version": 1, "tooling": f"foreshore {__version__}"}  # fmt: skip
    yield json.dumps(head)[:-1] + ', "statements": [\n'
    between = ""
    for row in rows:
        said = words.of(row)
        if isinstance(said, str):
            told.left_out[said] += 1
            continue
        told.taken += 1
        yield between + json.dumps(_statement(row, said), ensure_ascii=False)
        between = ",\n"
    yield "\n]}\n"


def _statement(row: dict[str, Any], said: words.Word) -> dict[str, Any]:
    product: dict[str, Any] = {"@id": f"urn:foreshore:{row['asset']}"}
    if row["place"].startswith("pkg:"):
        product["subcomponents"] = [{"@id": row["place"], "identifiers": {"purl": row["place"]}}]
    found: dict[str, Any] = {
        "@id": f"urn:foreshore:{row['id']}", "vulnerability": {"name": row["weakness"]}, "products": [product],
        "status": said.openvex,
    }  # fmt: skip
    if said.openvex == "not_affected":
        found["impact_statement"] = said.text
    elif said.openvex == "affected":
        found["action_statement"] = said.text
    elif said.text:
        found["status_notes"] = said.text
    return found
