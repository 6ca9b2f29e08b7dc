"""Writes the demo: reports of every tool by site, scope, firewall rules, truth, and a second round."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from pathlib import Path

from foreshore.estate import network, truth
from foreshore.estate.company import make
from foreshore.estate.model import SITES, Company, Host
from foreshore.estate.writers import cyclonedx, defender, generic, nessus, nmap, nuclei, prowler, trivy


@dataclass(frozen=True)
class ReportFile:
    """One written report: its reader's name, what it really holds, and the zone where its scanner stood."""

    path: Path
    site: str
    format: str
    findings: int
    ports: int = 0
    from_zone: str = ""


@dataclass(frozen=True)
class DemoFiles:
    """All that the demo wrote below `root`; `signals` is shipped with the package."""

    root: Path
    company: Company
    scope: Path
    truth: Path
    signals: Path
    reports: tuple[ReportFile, ...]
    firewall: dict[str, Path]
    round2: tuple[ReportFile, ...] = field(default=())
    filtered: ReportFile | None = None  # severity high and above, without the scan's own description
    delta: ReportFile | None = None  # only what is new since the first round


def write_demo(folder: Path, seed: int = 7, *, today: date | None = None, assets: int = 400) -> DemoFiles:
    """Write a company made from `seed` into `folder`, its scans dated up to `today` (default: now, UTC).

    The same seed, day and number of assets give the same bytes.
    """
    day = datetime.combine(today or datetime.now(UTC).date(), time())
    company = make(seed, assets)
    later = truth.second_round(company)
    folder.mkdir(parents=True, exist_ok=True)
    reports = [report for site in SITES for report in write_site(folder / "reports" / site, company, site, day)]
    second = folder / "round2" / "hq"
    round2 = _hosts(second, later, "hq", day - timedelta(days=1))
    return DemoFiles(
        root=folder,
        company=company,
        scope=_text(folder / "scope.yaml", network.scope_yaml(company)),
        truth=_text(folder / "truth.json", json.dumps(truth.document(company), indent=2) + "\n"),
        signals=Path(str(files("foreshore.estate").joinpath("signals.csv"))),
        reports=tuple(reports),
        firewall=_firewall(folder / "firewall"),
        round2=tuple(round2),
        filtered=_filtered(folder / "round2" / "filtered", company, day - timedelta(days=3)),
        delta=_delta(folder / "round2" / "delta", company, later, day - timedelta(hours=12)),
    )


def write_site(folder: Path, company: Company, site: str, day: datetime) -> list[ReportFile]:
    """Write the first round of all reports of `site`; scans ended in the week before `day` (UTC)."""
    written = _hosts(folder, company, site, day - timedelta(days=8))
    written += _code(folder, company, site, day - timedelta(days=6))
    written += _cloud_and_review(folder, company, site, day - timedelta(days=5))
    return written


def _seen(company: Company, site: str, tool: str) -> list[Host]:
    return [host for host in company.at(site) if tool in host.seen]


def _hosts(folder: Path, company: Company, site: str, day: datetime) -> list[ReportFile]:
    """Write what scanners of hosts say, on the night that begins `day`."""
    folder.mkdir(parents=True, exist_ok=True)
    full = folder / "nessus-full.nessus"
    count = nessus.write(full, _seen(company, site, "nessus"), day + timedelta(hours=1), name=f"{site} full scan")
    written = [ReportFile(full, site, "nessus", count)]
    inside = folder / "nmap-internal.xml"
    internal = [host for host in _seen(company, site, "nmap") if host.zone != "dmz"]
    count = nmap.write(inside, internal, day + timedelta(hours=2))
    written.append(ReportFile(inside, site, "nmap", 0, count, network.scope_zone(site, "servers")))
    outside = folder / "nmap-external.xml"
    allowed = frozenset({25, 80, 443} if site == "hq" else {443})
    count = nmap.write(outside, _seen(company, site, "external"), day + timedelta(hours=3), ports=allowed)
    written.append(ReportFile(outside, site, "nmap", 0, count, "internet"))
    probes = folder / "nuclei.jsonl"
    count = nuclei.write(probes, _seen(company, site, "nuclei"), day + timedelta(hours=4))
    written.append(ReportFile(probes, site, "nuclei", count))
    return written + _agents(folder, company, site, day + timedelta(hours=6))


def _agents(folder: Path, company: Company, site: str, when: datetime) -> list[ReportFile]:
    hosts = _seen(company, site, "defender")
    if site == "south":
        path = folder / "defender-export.json"
        return [ReportFile(path, site, "defender", defender.write_export(path, hosts, when))]
    machines, found = folder / "defender-machines.json", folder / "defender-vulnerabilities.json"
    defender.write_machines(machines, hosts, when)
    count = defender.write_vulnerabilities(found, hosts)
    return [ReportFile(machines, site, "defender", 0), ReportFile(found, site, "defender", count)]


def _code(folder: Path, company: Company, site: str, day: datetime) -> list[ReportFile]:
    written: list[ReportFile] = []
    for number, image in enumerate(company.images):
        if (image.name.split("/")[0] == "wms") == (site == "south"):
            path = folder / f"trivy-{image.name.replace('/', '-')}.json"
            count = trivy.write(path, image, day + timedelta(minutes=7 * number))
            written.append(ReportFile(path, site, "trivy", count))
    for number, repository in enumerate(company.repositories):
        if repository.name.startswith("wms") == (site == "south"):
            path = folder / f"sbom-{repository.name}.cdx.json"
            count = cyclonedx.write(path, repository, day + timedelta(minutes=3 * number))
            written.append(ReportFile(path, site, "cyclonedx_json", count))
    return written


def _cloud_and_review(folder: Path, company: Company, site: str, day: datetime) -> list[ReportFile]:
    resources = [resource for resource in company.cloud if resource.site == site]
    if site == "hq":
        cloud = folder / "prowler.ocsf.json"
        failed, _ = prowler.write_ocsf(cloud, resources, day)
    else:
        cloud = folder / "prowler.csv"
        failed, _ = prowler.write_csv(cloud, resources, day)
    review = folder / "review.csv"
    rows = generic.write(review, _seen(company, site, "generic"), day)
    return [ReportFile(cloud, site, "prowler", failed), ReportFile(review, site, "generic_csv", rows)]


def _filtered(folder: Path, company: Company, when: datetime) -> ReportFile:
    """Write an export that somebody filtered: severity high and above, of the first round."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nessus-high-and-above.nessus"
    count = nessus.write(
        path, _seen(company, "hq", "nessus"), when, name="hq full scan",
        keep=lambda host, item: item.severity >= 3, information=False,
    )  # fmt: skip
    return ReportFile(path, "hq", "nessus", count)


def _delta(folder: Path, before: Company, after: Company, when: datetime) -> ReportFile:
    """Write an export of what is new since the first round, and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {
        (host.name, item.plugin, item.port) for host in _seen(before, "hq", "nessus") for item in nessus.items(host)
    }
    path = folder / "nessus-new-since-last.nessus"
    count = nessus.write(
        path, _seen(after, "hq", "nessus"), when, name="hq full scan",
        keep=lambda host, item: (host.name, item.plugin, item.port) not in known, information=False,
    )  # fmt: skip
    return ReportFile(path, "hq", "nessus", count)


def _firewall(folder: Path) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = {site: folder / f"{site}.csv" for site in SITES}
    for site, path in paths.items():
        network.write_rules(path, site)
    return paths


def _text(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
