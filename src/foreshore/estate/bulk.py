"""Large reports for measurements, written fast: the same seed and size give the same bytes.

Hosts draw one check from each of many groups of checks; the first groups are small, so that their
checks are found nearly everywhere, the last are large and their checks rare, as in real estates. Draws
come from a counter hash, so that they do not depend on the version of any library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from foreshore.errors import UsageError
from foreshore.estate import bulk_rows, catalogue
from foreshore.estate.bulk_rows import Check

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PER_HOST = 50
FORMATS = ("trivy", "nessus", "nuclei", "generic")
WHEN = datetime(2026, 1, 15, 2, 0, 0)  # noqa: DTZ001 - UTC
_CHUNK = 2_000  # hosts at a time
_FANS = (0, 0, 0, 0, 1, 1, 1, 1, 2, 4)  # weaknesses of a check of Nessus, by the last digit of its number


@dataclass(frozen=True)
class BulkFacts:
    """What a large report holds: rows, hosts, (row, weakness) pairs, different weaknesses, bytes, files."""

    findings: int
    hosts: int
    pairs: int
    weaknesses: int
    size: int
    files: int = 1

    @property
    def fan_out(self) -> float:
        """Mean number of public weaknesses in one finding."""
        return self.pairs / self.findings if self.findings else 0.0


def write_bulk(
    path: Path,
    format: str,
    findings: int,
    seed: int = 7,
    hosts: int | None = None,
    *,
    when: datetime = WHEN,
) -> BulkFacts:
    """Write a report of `findings` rows in `format` (trivy, nessus, nuclei, generic) to `path`.

    `hosts` defaults to one for each 50 findings. Other seeds make other hosts; another `when` (UTC) makes
    the same estate seen again. Trivy writes a cluster's report into a file that ends in `.json`, else one
    file an image into the folder `path`. Nessus adds the scan information (19506) of each host, which
    `findings` does not count. Memory does not grow with `findings`.
    """
    if format not in FORMATS:
        raise UsageError(f"“{format}” is not a format", hint=", ".join(FORMATS))
    if findings < 1:
        raise UsageError("there must be at least one finding", hint="--findings 1000")
    if hosts is not None and hosts < 1:
        raise UsageError("there must be at least one host", hint="--hosts 20")
    many = min(hosts or max(1, findings // PER_HOST), findings)
    plan = _plan(findings, many, seed)
    if format == "trivy" and path.suffix != ".json":
        return _folder(path, plan, when)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        _WRITERS[format](out, plan, when)
        size = out.tell()
    return plan.facts(format, size, 1)


@dataclass(frozen=True)
class _Plan:
    findings: int
    hosts: int
    seed: int
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]

    def chunks(self) -> Iterator[tuple[int, list[NDArray[np.int64]]]]:
        """Yield the first host's number and the checks found on each host of the chunk."""
        import numpy as np

        columns = np.arange(len(self.sizes), dtype=np.uint64)
        more = self.findings % self.hosts
        for first in range(0, self.hosts, _CHUNK):
            numbers = np.arange(first, min(first + _CHUNK, self.hosts), dtype=np.uint64)
            drawn = _hash(self.seed, numbers[:, None] * np.uint64(1 << 20) + columns[None, :])
            picked = (drawn % self.sizes.astype(np.uint64)).astype(np.int64) + self.starts
            least = self.findings // self.hosts
            yield first, [row[: least + (first + place < more)] for place, row in enumerate(picked)]

    def facts(self, format: str, size: int, files: int) -> BulkFacts:
        import numpy as np

        fans = np.array([len(check.cves) for check in checks(format, int(self.sizes.sum()))])
        counts = np.zeros(len(fans), np.int64)
        for _, rows in self.chunks():
            counts += np.bincount(np.concatenate(rows), minlength=len(fans))
        found = {
            cve
            for check, times in zip(checks(format, len(fans)), counts.tolist(), strict=True)
            if times
            for cve in check.cves
        }
        return BulkFacts(self.findings, self.hosts, int((counts * fans).sum()), len(found), size, files)


def _plan(findings: int, hosts: int, seed: int) -> _Plan:
    import numpy as np

    groups = -(-findings // hosts)
    sizes = np.array([2 + (300 * place * place) // (groups * groups) for place in range(groups)], np.int64)
    return _Plan(findings, hosts, seed, np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)


def _hash(seed: int, counter: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return 64 well-mixed bits for each counter (the finaliser of SplitMix64)."""
    import numpy as np

    with np.errstate(over="ignore"):
        mixed = (counter + np.uint64(seed % (1 << 32)) * np.uint64(0x9E3779B97F4A7C15)).astype(np.uint64)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


@cache
def checks(format: str, many: int) -> tuple[Check, ...]:
    """Return `many` checks: the catalogue's weaknesses first, then numbers that nobody has assigned."""
    known = list(dict.fromkeys(flaw.cve for flaw in catalogue.flaws()))
    made: list[Check] = []
    used = 0
    for number in range(many):
        fan = _FANS[number % 10] if format == "nessus" else int(format != "nuclei" or number % 3 == 0)
        cves = tuple(
            known[place] if place < len(known) else f"CVE-2023-{9_000_000 + place}" for place in range(used, used + fan)
        )
        used += fan
        made.append(bulk_rows.check(number, cves))
    return tuple(made)


def _nessus(out: BinaryIO, plan: _Plan, when: datetime) -> None:
    rows = [bulk_rows.nessus_item(one) for one in checks("nessus", int(plan.sizes.sum()))]
    plugins = sorted(one.plugin for one in checks("nessus", len(rows)))
    out.write(bulk_rows.nessus_head(plugins))
    for first, picked in plan.chunks():
        for place, row in enumerate(picked):
            host = bulk_rows.host(plan.seed, first + place)
            out.write(bulk_rows.nessus_host(host, when))
            out.write(b"".join([rows[number] for number in row.tolist()]))
            out.write(bulk_rows.nessus_host_end(when))
    out.write(b"</Report>\n</NessusClientData_v2>\n")


def _nuclei(out: BinaryIO, plan: _Plan, when: datetime) -> None:
    rows = [bulk_rows.nuclei_row(one) for one in checks("nuclei", int(plan.sizes.sum()))]
    for first, picked in plan.chunks():
        for place, row in enumerate(picked):
            tail = bulk_rows.nuclei_host(bulk_rows.host(plan.seed, first + place), when)
            out.write(tail.join([rows[number] for number in row.tolist()]) + tail)


def _generic(out: BinaryIO, plan: _Plan, when: datetime) -> None:
    rows = [bulk_rows.generic_row(one) for one in checks("generic", int(plan.sizes.sum()))]
    out.write(bulk_rows.GENERIC_HEAD)
    for first, picked in plan.chunks():
        for place, row in enumerate(picked):
            lead = bulk_rows.generic_host(bulk_rows.host(plan.seed, first + place), when)
            out.write(lead + lead.join([rows[number] for number in row.tolist()]))


def _trivy(out: BinaryIO, plan: _Plan, when: datetime) -> None:
    rows = [bulk_rows.trivy_row(one) for one in checks("trivy", int(plan.sizes.sum()))]
    out.write(f'{{"CreatedAt":"{when:%Y-%m-%dT%H:%M:%S}Z","ClusterName":"stores","Resources":[\n'.encode())
    for first, picked in plan.chunks():
        for place, row in enumerate(picked):
            number = first + place
            out.write(b",\n" if number else b"")
            out.write(bulk_rows.trivy_workload(bulk_rows.host(plan.seed, number)))
            out.write(b",".join([rows[one] for one in row.tolist()]) + b"]}]}")
    out.write(b"\n]}\n")


def _folder(path: Path, plan: _Plan, when: datetime) -> BulkFacts:
    """Write one report of Trivy an image."""
    path.mkdir(parents=True, exist_ok=True)
    rows = [bulk_rows.trivy_row(one) for one in checks("trivy", int(plan.sizes.sum()))]
    size = 0
    for first, picked in plan.chunks():
        for place, row in enumerate(picked):
            host = bulk_rows.host(plan.seed, first + place)
            text = bulk_rows.trivy_image(host, when) + b",".join([rows[one] for one in row.tolist()]) + b"]}]}\n"
            (path / f"{host.name}.json").write_bytes(text)
            size += len(text)
    return plan.facts("trivy", size, plan.hosts)


_WRITERS: dict[str, Callable[[BinaryIO, _Plan, datetime], Any]] = {
    "trivy": _trivy,
    "nessus": _nessus,
    "nuclei": _nuclei,
    "generic": _generic,
}
