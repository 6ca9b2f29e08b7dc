"""A large organisation in real formats: directories, cloud accounts, firewalls and findings, with planted ways.

Every site is written by itself, so that memory follows the largest site, not the organisation. What is planted is
published in `truth.json`: chains that are there, and the same with one fact left out, which are not.
"""

from __future__ import annotations

import csv
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from foreshore.errors import UsageError
from foreshore.estate import enterprise_ways as ways
from foreshore.estate import proportions
from foreshore.estate.enterprise_ways import Site, Way

LEAST = 100
_COLUMNS = ("hostname", "ip", "title", "cve", "severity", "cvss_vector", "port", "description")
_VECTORS = (
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H",
    "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:L/I:L/A:N", "CVSS:3.1/AV:N/AC:H/PR:N/UI:N/S:U/C:L/I:N/A:N",
)  # fmt: skip
_PORTS = (445, 443, 22, 3389, 8080)


@dataclass(frozen=True)
class Enterprise:
    """What was written: the folder, how many assets, findings and planted ways, and the reports by site."""

    root: Path
    assets: int
    findings: int
    ways: tuple[Way, ...]
    reports: dict[str, tuple[Path, ...]]


def write_enterprise(folder: Path, assets: int, seed: int = 7, findings: int = 4) -> Enterprise:
    """Write an organisation of about `assets` assets with `findings` on each of its machines into `folder`.

    The same seed and size give the same bytes. Raises UsageError for fewer assets than a site needs.
    """
    if assets < LEAST:
        raise UsageError(f"{assets} assets are too few for an organisation", hint=f"--assets {LEAST} or more")
    names = proportions.sites(assets)
    counts = {part: max(1, count // len(names)) for part, count in proportions.counts(assets).items()}
    made, found, rows, reports = 0, [], 0, {}
    for number, name in enumerate(names, start=1):
        site = ways.plant(Site(name, number, counts, Random(f"{seed}/{name}")))  # noqa: S311 - a made-up organisation
        ways.fill(site)
        home = folder / "reports" / name
        home.mkdir(parents=True, exist_ok=True)
        files = [_json(home / f"{kind}.json", _collection(kind, site)) for kind in ("users", "groups", "computers")]
        files.append(_json(home / "aws-identities.json", site.account.document()))
        files.append(home / "findings.csv")
        rows += _findings(files[-1], site, findings)
        files.append(home / "firewall.csv")
        _firewall(files[-1], site)
        reports[name] = tuple(files)
        found += site.ways
        made += site.assets
        _zones(folder, site, first=number == 1)
    _services(folder, names)
    truth = {"seed": seed, "assets": made, "findings": rows, "ways": [asdict(one) for one in found]}
    _json(folder / "truth.json", truth)
    return Enterprise(folder, made, rows, tuple(found), reports)


def _json(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")
    return path


def _collection(kind: str, site: Site) -> dict[str, object]:
    data = [one.document() for one in site.things if one.kind == kind]
    return {"data": data, "meta": {"methods": 521215, "type": kind, "count": len(data), "version": 6}}


def _findings(path: Path, site: Site, each: int) -> int:
    """Write the findings of a site: planted ones, and `each` on every ordinary machine that has an address."""
    count = 0
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(_COLUMNS)
        for row in site.planted_findings:
            table.writerow(row)
            count += 1
        for host, address in site.machines:
            for _ in range(each):
                cve = f"CVE-2024-{10_000 + int(40_000 * site.random.random() ** 3)}"
                vector = site.random.choice(_VECTORS)
                table.writerow((host, address, f"Outdated software ({cve})", cve, "medium", vector,
                                site.random.choice(_PORTS), "An update is missing."))  # fmt: skip
                count += 1
    return count


def _firewall(path: Path, site: Site) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(("position", "source", "destination", "protocol", "ports", "action", "comment"))
        rows = [*site.rules, *(
            (f"{site.name}-office", f"{site.name}-{zone}", ",".join(map(str, ports)))
            for zone, ports in proportions.ZONES.items() if zone != "office"
        )]  # fmt: skip
        for number, (source, target, ports) in enumerate(rows, start=1):
            table.writerow((10 * number, source, target, "tcp", ports, "allow", ""))
        table.writerow((10 * (len(rows) + 1), "any", "any", "any", "", "deny", "what is not allowed above"))


def _zones(folder: Path, site: Site, *, first: bool) -> None:
    """Add the zones of a site to the scope."""
    lines = ["zones:"] if first else []
    lines += [f"  {name}: {{site: {site.name}, networks: [{network}]}}" for name, network in site.zones.items()]
    with (folder / "zones.part").open("w" if first else "a", encoding="utf-8", newline="\n") as out:
        out.write("\n".join(lines) + "\n")


def _services(folder: Path, names: tuple[str, ...]) -> None:
    """Write the scope: sites, zones, what holds where nothing is known, and a service of each site."""
    part = folder / "zones.part"
    lines = ["organization: Example Group", "currency: EUR", "sites:", *(f"  {name}: {{}}" for name in names)]
    tail = ["reach:", "  default: closed", "services:"]
    for number, name in enumerate(names):
        tail.append(f"  - name: Business of {name}")
        tail.append(f"    impact: {{tier: {3 + number % 3}, safety: none, mission: none}}")
        tail.append(f'    assets: ["zone:{name}-payments"]')
    text = "\n".join(lines) + "\n" + part.read_text(encoding="utf-8") + "\n".join(tail) + "\n"
    (folder / "scope.yaml").write_text(text, encoding="utf-8", newline="\n")
    part.unlink()
