"""What is planted: attack paths, what a good ranking moves up and down, what is false and what gets fixed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from foreshore.estate import catalogue
from foreshore.estate.model import Company, Host


@dataclass(frozen=True)
class Hop:
    """One move: from a place to a host, through a weakness; port 0: something that a person opens."""

    source: str  # "internet", "user" or site/host
    host: str  # site/host
    weakness: str
    port: int


@dataclass(frozen=True)
class Path:
    """An attack path that really exists once the firewall rules are taken into account."""

    service: str
    entry: str
    hops: tuple[Hop, ...]
    why: str


@dataclass(frozen=True)
class Moved:
    """An exposure that a good ranking moves; `needs` says what has to be known first."""

    host: str
    weakness: str
    score: float
    why: str
    needs: str = ""


PATHS: tuple[Path, ...] = (
    Path(
        "Web shop",
        "internet",
        (Hop("internet", "hq/shop-web-01", "CVE-2021-42013", 443),),
        "the web server is a version whose path traversal runs commands",
    ),
    Path(
        "Web shop",
        "internet",
        (Hop("internet", "hq/shop-web-03", "CVE-2024-34102", 443),),
        "the shop software hands out its own key",
    ),
    Path(
        "Card payments",
        "internet",
        (
            Hop("internet", "hq/shop-web-01", "CVE-2021-42013", 443),
            Hop("hq/shop-web-01", "hq/pay-app-01", "CVE-2020-1938", 8009),
        ),
        "the shop may reach the payment application's connector, which trusts whoever reaches it",
    ),
    Path(
        "Directory",
        "user",
        (Hop("user", "hq/ws-0001", "CVE-2023-38831", 0), Hop("hq/ws-0001", "hq/dc-02", "CVE-2020-1472", 445)),
        "one opened archive, then one domain controller that misses an update of August 2020",
    ),
    Path(
        "Backup",
        "user",
        (
            Hop("user", "hq/ws-0001", "CVE-2023-38831", 0),
            Hop("hq/ws-0001", "hq/bkp-01", "CVE-2023-27532", 9401),
        ),
        "the backup server gives its passwords to whoever asks on port 9401",
    ),
    Path(
        "Hypervisors",
        "user",
        (
            Hop("user", "hq/ws-0001", "CVE-2023-38831", 0),
            Hop("hq/ws-0001", "hq/bkp-01", "CVE-2023-27532", 9401),
            Hop("hq/bkp-01", "hq/vc-01", "CVE-2021-21985", 443),
        ),
        "the backup server is the one machine that may reach the management of virtual machines",
    ),
    Path(
        "Remote access",
        "internet",
        (Hop("internet", "hq/vpn-01", "CVE-2023-4966", 443),),
        "the gateway gives away sessions of people who are logged in",
    ),
    Path(
        "Payroll",
        "user",
        (
            Hop("user", "hq/ws-0001", "CVE-2023-38831", 0),
            Hop("hq/ws-0001", "hq/hr-app-01", "CVE-2020-14882", 7001),
        ),
        "the payroll application's console lets anybody in",
    ),
    Path(
        "Warehouse South",
        "internet",
        (
            Hop("internet", "south/wms-web-01", "CVE-2021-44228", 443),
            Hop("south/wms-web-01", "south/wms-db-01", "CVE-2017-0144", 445),
        ),
        "the label service logs what it is sent, and the database still speaks SMBv1",
    ),
    Path(
        "Remote access",
        "internet",
        (Hop("internet", "south/vpn-south-01", "CVE-2024-21762", 443),),
        "the subsidiary's gateway runs code before anybody logs in",
    ),
)

FALLS: tuple[Moved, ...] = (
    Moved(
        "hq/lab-web-01",
        "CVE-2021-42013",
        9.8,
        "the lab is an island: nothing leads in and nothing leads out",
        "firewall",
    ),
    Moved(
        "hq/lab-nas-01",
        "CVE-2017-7494",
        9.8,
        "the lab is an island: nothing leads in and nothing leads out",
        "firewall",
    ),
    Moved(
        "hq/batch-01",
        "CVE-2023-36910",
        9.8,
        "no working exploit is known and nothing may reach port 1801",
        "firewall",
    ),
    Moved(
        "hq/pay-db-03",
        "CVE-2023-36911",
        9.8,
        "no working exploit is known and nothing may reach port 1801",
        "firewall",
    ),
    Moved("hq/shop-web-04", "CVE-2022-31813", 9.8, "no working exploit is known"),
    Moved("image:tools/report-batch", "CVE-2019-14697", 9.8, "the image runs nowhere and no exploit is known"),
    Moved("image:shop/cart", "CVE-2021-33574", 9.8, "no working exploit is known"),
)

RISES: tuple[Moved, ...] = (
    Moved(
        "hq/ws-0001",
        "CVE-2024-43451",
        6.5,
        "attackers use it, a person only has to touch a file, and the office reaches the directory",
    ),
    Moved(
        "hq/intranet-01",
        "CVE-2025-49706",
        6.5,
        "attackers use it, also for extortion, and the office reaches it",
    ),
    Moved("hq/dc-01", "CVE-2021-36942", 5.3, "attackers use it against domain controllers"),
    Moved(
        "hq/mail-01",
        "CVE-2021-31207",
        6.6,
        "attackers use it, also for extortion, and the internet reaches it",
    ),
    Moved(
        "hq/bkp-01",
        "CVE-2023-27532",
        7.5,
        "attackers use it, also for extortion, and the backup is a foundation",
    ),
    Moved(
        "hq/vpn-01",
        "CVE-2023-4966",
        7.5,
        "attackers use it, also for extortion, and the internet reaches the gateway",
    ),
    Moved("hq/shop-web-01", "CVE-2021-41773", 7.5, "attackers use it and the internet reaches the shop"),
)

FALSE_POSITIVE = Moved(
    "hq/shop-web-04",
    "CVE-2023-38408",
    9.8,
    "read from the banner: the distribution has put the correction into its own version of OpenSSH",
)
# Gone in the second round; the first two are claimed by a person before it.
FIXED: tuple[tuple[str, str], ...] = (
    ("hq/shop-web-01", "CVE-2021-42013"),
    ("hq/shop-web-01", "CVE-2021-41773"),
    ("hq/dc-02", "CVE-2020-1472"),
    ("hq/ws-0001", "CVE-2023-38831"),
)
# Seen for the first time in the second round: host, weakness, group of the catalogue.
NEW: tuple[tuple[str, str, str], ...] = (("hq/pay-app-02", "CVE-2024-6387", "openssh"),)
CLAIMED_FIXED: tuple[tuple[str, str], ...] = FIXED[:3]
# A person says that it is fixed, and the second round still sees it.
CLAIMED_IN_VAIN: tuple[tuple[str, str], ...] = (("hq/hr-app-01", "CVE-2020-14882"),)


def document(company: Company) -> dict[str, Any]:
    """The truth about `company` as plain data for `truth.json`."""
    return {
        "seed": company.seed,
        "assets": company.assets,
        "hosts": {
            f"{host.site}/{host.name}": {
                "fqdn": host.fqdn,
                "ip": host.ip,
                "mac": host.mac,
                "bios_uuid": host.uuid,
                "agent_id": host.agent,
                "zone": host.zone,
                "seen_by": list(host.seen),
                "weaknesses": sorted({flaw.cve for flaw in host.flaws}),
            }
            for host in company.hosts
        },
        "paths": [asdict(path) for path in PATHS],
        "falls": [asdict(moved) for moved in FALLS],
        "rises": [asdict(moved) for moved in RISES],
        "false_positive": asdict(FALSE_POSITIVE),
        "fixed_in_round_2": [list(pair) for pair in FIXED],
        "new_in_round_2": [list(row[:2]) for row in NEW],
        "claimed_fixed": [list(pair) for pair in CLAIMED_FIXED],
        "claimed_in_vain": [list(pair) for pair in CLAIMED_IN_VAIN],
    }


def second_round(company: Company) -> Company:
    """Return `company` a week later: some weaknesses fixed, one new."""
    hosts = tuple(_later(host) for host in company.hosts)
    return replace(company, hosts=hosts, by_name={f"{host.site}/{host.name}": host for host in hosts})


def _later(host: Host) -> Host:
    name = f"{host.site}/{host.name}"
    gone = {cve for where, cve in FIXED if where == name}
    new = [
        flaw for where, cve, group in NEW if where == name for flaw in catalogue.by_group()[group] if flaw.cve == cve
    ]
    if not gone and not new:
        return host
    kept = tuple(flaw for flaw in host.flaws if flaw.cve not in gone)
    return replace(host, flaws=tuple(dict.fromkeys((*kept, *new))))
