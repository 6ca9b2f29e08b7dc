"""The company's network as it really is: firewall rules by site, and the scope that describes the company."""

from __future__ import annotations

import csv
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from foreshore.estate.model import ENTITIES, NETWORKS, SITES, Company


@dataclass(frozen=True)
class Rule:
    """One rule of a firewall; rules are tried in order and the first that matches decides."""

    source: str  # a zone, an address range, `internet` or `any`
    target: str
    ports: str  # "80,443"; empty: all
    allowed: bool
    comment: str


RULES: dict[str, tuple[Rule, ...]] = {
    "hq": (
        Rule("internet", "203.0.113.0/24", "25,80,443", True, "public services"),
        Rule("internet", "any", "", False, "nothing else from outside"),
        Rule("dmz", "payments", "5432,8009", True, "shop to card services"),
        Rule("203.0.113.25/32", "servers", "389,443", True, "mail to directory"),
        Rule("203.0.113.20/32", "servers", "389,443,445,3389", True, "remote workers"),
        Rule("dmz", "any", "", False, "public systems stay where they are"),
        Rule(
            "office",
            "servers",
            "53,80,88,135,389,443,445,1433,3389,7001,8040,8090,9191,9401",
            True,
            "office work",
        ),
        Rule("office", "dmz", "80,443", True, "own web sites"),
        Rule("office", "dev", "22,8080,8111", True, "engineers"),
        Rule("office", "any", "", False, ""),
        Rule("10.10.1.10/32", "management", "443,902", True, "backup of virtual machines"),
        Rule("servers", "office", "135,445", True, "software distribution"),
        Rule("servers", "any", "", False, ""),
        Rule("dev", "servers", "53,389,443", True, "sign-in and packages"),
        Rule("dev", "any", "", False, ""),
        Rule("any", "lab", "", False, "nobody goes to the lab"),
        Rule("management", "any", "", True, "administrators"),
        Rule("payments", "any", "", False, "card data stays in"),
        Rule("lab", "any", "", False, "the lab is an island"),
        Rule("any", "any", "", False, ""),
    ),
    "south": (
        Rule("internet", "198.51.100.0/24", "443", True, "public services"),
        Rule("internet", "any", "", False, ""),
        Rule("dmz", "servers", "443,445", True, "warehouse front to back"),
        Rule("dmz", "any", "", False, ""),
        Rule("office", "servers", "53,88,135,389,443,445,3389", True, "office work"),
        Rule("office", "any", "", False, ""),
        Rule("servers", "office", "135,445", True, "software distribution"),
        Rule("any", "any", "", False, ""),
    ),
}


def write_rules(path: Path, site: str) -> int:
    """Write the firewall rules of `site` as CSV; return how many."""
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(("position", "source", "destination", "protocol", "ports", "action", "comment"))
        for number, rule in enumerate(RULES[site], 1):
            action = "allow" if rule.allowed else "deny"
            source, target = (_written(site, side) for side in (rule.source, rule.target))
            table.writerow((number * 10, source, target, "tcp", rule.ports, action, rule.comment))
    return len(RULES[site])


def _written(site: str, side: str) -> str:
    return scope_zone(site, side) if (site, side) in NETWORKS else side


def reaches(site: str, source: str, target: str, port: int) -> bool:
    """Whether the rules of `site` let `source` (an address or `internet`) reach `target` on `port`.

    Within one zone nothing stands between two hosts.
    """
    if source != "internet" and zone_of(site, source) == zone_of(site, target):
        return True
    for rule in RULES[site]:
        ports = {int(text) for text in rule.ports.split(",") if text}
        if _is(site, rule.source, source) and _is(site, rule.target, target) and (not ports or port in ports):
            return rule.allowed
    return False


def zone_of(site: str, address: str) -> str:
    """Return the zone of `site` in which `address` lies; '' where none."""
    found = ipaddress.ip_address(address)
    for (owner, zone), network in NETWORKS.items():
        if owner == site and found in ipaddress.ip_network(network):
            return zone
    return ""


def _is(site: str, side: str, address: str) -> bool:
    if side == "any":
        return True
    if address == "internet" or side == "internet":
        return side == address
    network = NETWORKS.get((site, side), side)
    return ipaddress.ip_address(address) in ipaddress.ip_network(network)


_SERVICES = """\
services:
  - name: Card payments
    owner: payments-team
    impact: {tier: 4, safety: none, mission: degraded}
    loss: {low: 200000, likely: 1500000, high: 9000000, confirmed_by: finance}
    assets: ["name:pay-db-*", "name:pay-app-*", "name:*/payments/*", "tag:service=payments"]
  - name: Web shop
    owner: shop-team
    impact: {tier: 4, safety: none, mission: degraded}
    assets: ["name:shop-web-*", "name:*/shop/*", "tag:service=web-shop"]
  - name: Payroll
    owner: people-team
    impact: {tier: 3, safety: none, mission: none}
    assets: ["name:hr-app-*", "name:hr-db-*", "name:*/hr/*", "tag:service=payroll"]
  - name: Warehouse South
    owner: warehouse-team
    impact: {tier: 3, safety: none, mission: degraded}
    assets: ["name:wms-*", "name:*/wms/*", "tag:service=warehouse"]
foundations:
  - name: Directory
    owner: platform-team
    assets: ["name:dc-*"]
  - name: Backup
    owner: platform-team
    assets: ["name:bkp-*"]
  - name: Hypervisors
    owner: platform-team
    assets: ["name:hv-*", "name:vc-*"]
  - name: Remote access
    owner: network-team
    assets: ["name:vpn-*"]
teams:
  - {name: payments-team, assets: ["zone:payments"], hours_per_week: 20}
  - {name: shop-team, assets: ["name:shop-web-*"], hours_per_week: 24}
  - {name: people-team, assets: ["name:hr-*"], hours_per_week: 8}
  - {name: warehouse-team, assets: ["name:wms-*"], hours_per_week: 12}
  - {name: workplace-team, assets: ["zone:office", "zone:south-office"], hours_per_week: 40}
  - {name: network-team, assets: ["name:vpn-*", "name:fw-*", "name:sw-*"], hours_per_week: 16}
  - name: platform-team
    assets: ["zone:servers", "zone:management", "zone:south-servers"]
    hours_per_week: 40
targets: []
"""


def scope_zone(site: str, zone: str) -> str:
    """The name of a zone in the scope: zones of the subsidiary carry its site's name."""
    return zone if site == SITES[0] else f"{site}-{zone}"


def scope_yaml(company: Company) -> str:
    """The scope of `company` as `scope.yaml`, before anything about its firewalls is known."""
    lines = ["organization: Example Stores", "currency: EUR", "sites:"]
    for site in SITES:
        entity = f"entity: {ENTITIES[site]}" if ENTITIES[site] else ""
        lines.append(f"  {site}: {{{entity}}}")
    lines.append("zones:")
    held = {(host.site, host.zone) for host in company.hosts}
    for (site, zone), network in NETWORKS.items():
        if (site, zone) in held:
            lines.append(f"  {scope_zone(site, zone)}: {{site: {site}, networks: [{network}]}}")
    lines += ["reach:", "  default: by-prior"]
    return "\n".join(lines) + "\n" + _SERVICES
