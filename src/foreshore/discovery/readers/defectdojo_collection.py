"""What the DefectDojo connector collected beside the findings: the products, and which calls were refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from foreshore import facts
from foreshore.discovery.readers import _collected, _generic_values, _naming
from foreshore.facts import Record, Sighting, Skipped

# What people wrote down about a product, under the name it has there.
_SAID = ("business_criticality", "platform", "lifecycle", "origin", "external_audience", "internet_accessible")


@dataclass(frozen=True)
class DefectDojoCollection:
    """Reads products with their criticality; findings are a report of their own, which stands beside."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a collection of the DefectDojo connector."""
        return _collected.begins(head, "defectdojo")

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, each product once, and what was refused."""
        found = _collected.read(report)
        yield found.run("defectdojo")
        said: set[str] = set()
        for number, row in enumerate(_products(found), 1):
            name = _naming.text(row.get("name")).strip()
            if not name:
                found.skipped.append(Skipped(f"product {number}", "has no name"))
            elif name not in said:
                said.add(name)
                yield _product(name, row)
        yield from found.skipped


def _products(found: _collected.Collected) -> Iterator[dict[str, Any]]:
    for answer in found.answers:
        rows = answer.body.get("results") if answer.call == "products" and isinstance(answer.body, dict) else None
        yield from (row for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict))


def _product(name: str, row: dict[str, Any]) -> Sighting:
    said = tuple((one, text.lower()) for one in _SAID if (text := _naming.text(row.get(one)).strip()))
    return Sighting(
        key=f"product {name}",
        name=name,
        kind="code_component",
        identifiers=(("artifact", name),),
        internet="yes" if row.get("internet_accessible") is True else "unknown",
        tags=_generic_values.tags(row.get("tags")),
        attributes=said,
    )


PLUGIN = DefectDojoCollection()
