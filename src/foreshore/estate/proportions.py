"""What large organisations are made of: shares of assets, ties and exposures, from a few hundred to a million assets.

The shares are an own convention. They are kept here, in one place, so that generated files and measurements speak of
the same organisation.
"""

from __future__ import annotations

from dataclasses import dataclass

# Part of an organisation -> share of its assets.
SHARES = {
    "user": 0.45, "group": 0.09, "workstation": 0.22, "server": 0.07, "role": 0.06, "instance": 0.05, "store": 0.03,
    "container": 0.03,
}  # fmt: skip
MACHINES = ("workstation", "server", "instance", "container")
# Zone of a site -> the ports that the rest of the site may reach there.
ZONES = {
    "dmz": (80, 443), "office": (445, 3389), "servers": (443, 445, 1433, 3389, 5985), "payments": (443,),
    "management": (22, 443), "factory": (502, 44818), "backup": (9401,), "cloud": (22, 443),
}  # fmt: skip
_SITE = 40_000  # assets of one site, in the largest organisations
_SITES = 24


@dataclass(frozen=True)
class Tie:
    """One kind of tie: between which parts, with what note, and how many there are for each of its sources."""

    kind: str
    source: str
    target: str
    note: str
    each: float


TIES = (
    Tie("member_of", "user", "group", "", 4.0),
    Tie("member_of", "group", "group", "", 1.5),
    Tie("admin_of", "group", "workstation", "", 6.0),
    Tie("admin_of", "user", "server", "", 0.05),
    Tie("logged_on", "user", "workstation", "", 0.6),
    Tie("controls", "group", "user", "GenericAll", 3.0),
    Tie("controls", "group", "user", "ForceChangePassword", 4.0),
    Tie("controls", "group", "group", "AddMember", 1.0),
    Tie("controls", "group", "workstation", "WriteDacl", 2.0),
    Tie("controls", "user", "workstation", "CanRDP", 0.4),
    Tie("controls", "group", "workstation", "ReadLAPSPassword", 2.0),
    Tie("controls", "user", "user", "WriteSPN", 0.05),
    Tie("controls", "role", "role", "iam:PassRole", 1.0),
    Tie("controls", "role", "role", "sts:AssumeRole", 1.0),
    Tie("controls", "role", "store", "s3:GetObject", 2.0),
    Tie("trusts", "role", "role", "", 0.3),
    Tie("runs_as", "instance", "role", "", 0.8),
    Tie("runs_as", "server", "user", "", 0.7),
    Tie("controls", "container", "instance", "create pods", 0.05),
)


def counts(assets: int) -> dict[str, int]:
    """Return how many of each part `assets` assets are; at least one of each, users take what rounding leaves."""
    found = {part: max(1, int(assets * share)) for part, share in SHARES.items()}
    found["user"] += max(0, assets - sum(found.values()))
    return found


def sites(assets: int) -> tuple[str, ...]:
    """Return the names of the sites of an organisation of `assets` assets."""
    return tuple(f"site-{number:03d}" for number in range(1, max(1, min(_SITES, assets // _SITE)) + 1))
