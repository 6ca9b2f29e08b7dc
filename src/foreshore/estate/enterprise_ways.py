"""One site of a large organisation: its directory, cloud account and network, and the ways planted in it.

A planted way is a chain of facts between objects that nothing else leads to. Of each kind there is one that is whole,
and one without a fact, so that no way exists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Any

from foreshore.estate import proportions

_EACH = 400  # assets of a site for each planted way and kind
_NETWORKS = 6  # planted ways over the network that a site has room for
_MACHINES = 3_000  # machines with an address in one zone


@dataclass(frozen=True)
class Way:
    """A planted way: its ends as they are named, the rules in order, and the fact that is left out ('': none)."""

    site: str
    kind: str
    source: str
    target: str
    rules: tuple[str, ...]
    missing: str = ""


@dataclass
class Thing:
    """An object of the directory with what is said of it."""

    kind: str  # users, groups, computers
    name: str
    sid: str
    domain: str
    members: list[tuple[str, str]] = field(default_factory=list)
    aces: list[tuple[str, str, str]] = field(default_factory=list)
    admins: list[tuple[str, str]] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)

    @property
    def type(self) -> str:
        """What a collection calls the kind of this object."""
        return {"users": "User", "groups": "Group", "computers": "Computer"}[self.kind]

    @property
    def shown(self) -> str:
        """The name as the directory shows it."""
        return f"{self.name}.{self.domain}" if self.kind == "computers" else f"{self.name}@{self.domain}"

    def document(self) -> dict[str, Any]:
        """The object as a collection of the sixth version writes it."""
        found: dict[str, Any] = {
            "ObjectIdentifier": self.sid, "IsDeleted": False, "IsACLProtected": False,
            "Properties": {"name": self.shown.upper(), "domain": self.domain.upper(), "samaccountname": self.name,
                           "domainsid": self.sid.rpartition("-")[0], "enabled": True},
            "Aces": [{"PrincipalSID": sid, "PrincipalType": kind, "RightName": right, "IsInherited": False}
                     for sid, kind, right in self.aces],
        }  # fmt: skip
        if self.kind == "groups":
            found["Members"] = [{"ObjectIdentifier": sid, "ObjectType": kind} for sid, kind in self.members]
        if self.kind == "computers":
            seen = [{"UserSID": one, "ComputerSID": self.sid} for one in self.sessions]
            found["Sessions"] = {"Results": seen, "Collected": True, "FailureReason": None}
            results = [{"ObjectIdentifier": sid, "ObjectType": kind} for sid, kind in self.admins]
            found["LocalGroups"] = [{
                "ObjectIdentifier": f"{self.sid}-544", "Name": f"ADMINISTRATORS@{self.shown.upper()}",
                "Results": results, "LocalNames": [], "Collected": True, "FailureReason": None,
            }]  # fmt: skip
        return found


@dataclass
class Account:
    """A cloud account: users and roles with one policy each."""

    number: str
    users: list[tuple[str, str]] = field(default_factory=list)  # name, role that may be taken or ""
    roles: list[tuple[str, str, bool]] = field(
        default_factory=list
    )  # name, role that may be taken, trusts its account?

    def arn(self, kind: str, name: str) -> str:
        """Return the name of something of this account, as the cloud writes it."""
        return f"arn:aws:iam::{self.number}:{kind}/{name}"

    def document(self) -> dict[str, Any]:
        """The answer of `aws iam get-account-authorization-details`."""
        users = [
            {"UserName": name, "UserId": f"AIDAEXAMPLE{one:08d}", "Arn": self.arn("user", name), "Path": "/",
             "CreateDate": "2025-01-01T00:00:00+00:00", "GroupList": [], "AttachedManagedPolicies": [],
             "UserPolicyList": self._policies(role)}
            for one, (name, role) in enumerate(self.users)
        ]  # fmt: skip
        roles = [
            {"RoleName": name, "RoleId": f"AROAEXAMPLE{one:08d}", "Arn": self.arn("role", name), "Path": "/",
             "CreateDate": "2025-01-01T00:00:00+00:00", "AttachedManagedPolicies": [], "InstanceProfileList": [],
             "RolePolicyList": self._policies(role), "AssumeRolePolicyDocument": self._trust(trusted=trusted)}
            for one, (name, role, trusted) in enumerate(self.roles)
        ]  # fmt: skip
        return {"UserDetailList": users, "GroupDetailList": [], "RoleDetailList": roles, "Policies": []}

    def _policies(self, role: str) -> list[dict[str, Any]]:
        if not role:
            return []
        said = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": self.arn("role", role)}
        return [{"PolicyName": "work", "PolicyDocument": {"Version": "2012-10-17", "Statement": [said]}}]

    def _trust(self, *, trusted: bool) -> dict[str, Any]:
        who = {"AWS": f"arn:aws:iam::{self.number}:root"} if trusted else {"Service": "ec2.amazonaws.com"}
        said = {"Effect": "Allow", "Principal": who, "Action": "sts:AssumeRole"}
        return {"Version": "2012-10-17", "Statement": [said]}


@dataclass
class Site:
    """One site while it is made."""

    name: str
    number: int
    counts: dict[str, int]
    random: Random
    things: list[Thing] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    rules: list[tuple[str, str, str]] = field(default_factory=list)  # source zone, target zone, ports
    zones: dict[str, str] = field(default_factory=dict)
    planted_findings: list[tuple[str | int, ...]] = field(default_factory=list)
    machines: list[tuple[str, str]] = field(default_factory=list)  # name and address of ordinary ones

    def __post_init__(self) -> None:
        """Give the site its domain, its zones and its account."""
        self.domain = f"{self.name}.example.test"
        self.account = Account(f"{111_100_000_000 + self.number}")
        for place, zone in enumerate(proportions.ZONES):
            self.zones[f"{self.name}-{zone}"] = f"10.{self.number}.{16 * place}.0/20"

    @property
    def assets(self) -> int:
        """How many assets the files of this site name."""
        placed = sum(1 for one in self.things if one.kind != "computers")
        return placed + len(self.account.users) + len(self.account.roles) + len(self.machines) + len(
            [one for one in self.things if one.kind == "computers" and not one.name.startswith(("pc-", "srv-"))]
        ) + 2 * sum(1 for one in self.ways if one.kind == "network")  # fmt: skip

    def thing(self, kind: str, name: str) -> Thing:
        """Add an object to the directory."""
        sid = f"S-1-5-21-3000{self.number:03d}-4100-5200-{1100 + len(self.things)}"
        made = Thing(kind, name, sid, self.domain)
        self.things.append(made)
        return made


def plant(site: Site) -> Site:
    """Plant the ways of a site: of each kind some that are whole, and as many without a fact."""
    total = sum(site.counts.values())
    for number in range(max(2, total // _EACH)):
        _directory(site, number, "")
        _directory(site, number, _DIRECTORY[number % len(_DIRECTORY)])
        _cloud(site, number, "")
        _cloud(site, number, _CLOUD[number % len(_CLOUD)])
    for number in range(min(_NETWORKS // 2, max(2, total // _EACH))):
        _network(site, 2 * number, "")
        _network(site, 2 * number + 1, _NETWORK[number % len(_NETWORK)])
    return site


_DIRECTORY = ("member", "right", "second member", "administrator", "session")
_CLOUD = ("policy of the user", "trust of the first role", "policy of the first role", "trust of the second role")
_NETWORK = ("firewall rule", "weakness")


def _directory(site: Site, number: int, missing: str) -> None:
    """A user's group may do anything with another user, whose group administers a machine where a third is logged on."""
    mark = f"{'gap' if missing else 'way'}-{number:04d}"
    first, second, last = (site.thing("users", f"{mark}-{word}") for word in ("clerk", "helper", "chief"))
    desk, crew = (site.thing("groups", f"{mark}-{word}") for word in ("desk", "crew"))
    machine = site.thing("computers", f"{mark}-pc")
    if missing != "member":
        desk.members.append((first.sid, first.type))
    if missing != "right":
        second.aces.append((desk.sid, desk.type, "GenericAll"))
    if missing != "second member":
        crew.members.append((second.sid, second.type))
    if missing != "administrator":
        machine.admins.append((crew.sid, crew.type))
    if missing != "session":
        machine.sessions.append(last.sid)
    rules = ("member", "directory_full_control", "member", "administrator_remote", "logged_on")
    site.ways.append(Way(site.name, "directory", first.shown, last.shown, rules, missing))


def _cloud(site: Site, number: int, missing: str) -> None:
    """A user of the cloud may act as a role, which may act as another."""
    mark, account = f"{'gap' if missing else 'way'}-{number:04d}-{site.name}", site.account
    first, second = f"{mark}-build", f"{mark}-release"
    account.users.append((f"{mark}-user", "" if missing == _CLOUD[0] else first))
    account.roles.append((first, "" if missing == _CLOUD[2] else second, missing != _CLOUD[1]))
    account.roles.append((second, "", missing != _CLOUD[3]))
    ends = account.arn("user", f"{mark}-user"), account.arn("role", second)
    site.ways.append(Way(site.name, "cloud", *ends, ("aws_assume", "aws_assume"), missing))


def _network(site: Site, number: int, missing: str) -> None:
    """The firewall lets one machine's zone reach another's, where something can be attacked."""
    zones = [f"{site.name}-{'from' if place == 0 else 'to'}-{number}" for place in (0, 1)]
    hosts = []
    for place, zone in enumerate(zones):
        third = 128 + 2 * number + place
        site.zones[zone] = f"10.{site.number}.{third}.0/24"
        hosts.append((f"{zone}.{site.domain}", f"10.{site.number}.{third}.10"))
    flaw = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
    local = "CVSS:3.1/AV:L/AC:L/PR:L/UI:N/S:U/C:L/I:N/A:N"
    rows = (
        (hosts[0], 60_001, local, ""),
        (hosts[1], *((60_002, flaw, 8443) if missing != "weakness" else (60_003, local, ""))),
    )
    for (host, address), cve, vector, port in rows:
        name = f"CVE-2024-{cve}"
        site.planted_findings.append(
            (host, address, f"Outdated software ({name})", name, "high", vector, port, "An update is missing.")
        )
    if missing != "firewall rule":
        site.rules.append((zones[0], zones[1], "8443"))
    site.ways.append(Way(site.name, "network", hosts[0][0], hosts[1][0], ("exploit",), missing))


def fill(site: Site) -> None:
    """Fill a site with ordinary users, groups, machines and roles, tied in the shares of `proportions`."""
    counts, random = site.counts, site.random
    left = {kind: sum(1 for one in site.things if one.kind == kind) for kind in ("users", "groups")}
    users = [site.thing("users", f"u{one:06d}") for one in range(max(1, counts["user"] - left["users"]))]
    groups = [site.thing("groups", f"team-{one:05d}") for one in range(max(2, counts["group"] - left["groups"]))]
    desks = [site.thing("computers", f"pc-{one:06d}") for one in range(counts["workstation"])]
    servers = [site.thing("computers", f"srv-{one:05d}") for one in range(counts["server"])]
    for user in users:
        for group in random.sample(groups, min(4, len(groups))):
            group.members.append((user.sid, user.type))
        if random.random() < 0.6:
            random.choice(desks).sessions.append(user.sid)
        for right, share in (("GenericAll", 0.6), ("ForceChangePassword", 0.8)):
            if random.random() < share:
                user.aces.append((random.choice(groups).sid, "Group", right))
    for place, group in enumerate(groups[1:]):
        if random.random() < 0.5:  # groups contain earlier ones only: a tree, as in most directories
            group.members.append((groups[random.randrange(place + 1)].sid, "Group"))
    for machine in (*desks, *servers):
        machine.admins.append((random.choice(groups).sid, "Group"))
    _addresses(site, desks, servers)
    for number in range(counts["role"]):
        site.account.roles.append((f"task-{number:05d}-{site.name}", "", False))


def _addresses(site: Site, desks: list[Thing], servers: list[Thing]) -> None:
    """Give machines addresses in their zones; those beyond a zone's room are at home, without one."""
    zones = [zone for zone in proportions.ZONES if zone != "office"]
    for zone, machines in [
        ("office", desks),
        *((one, servers[place :: len(zones)]) for place, one in enumerate(zones)),
    ]:
        base = 16 * list(proportions.ZONES).index(zone)
        for number, machine in enumerate(machines[:_MACHINES]):
            site.machines.append((machine.shown, f"10.{site.number}.{base + number // 250}.{1 + number % 250}"))
