"""The vocabulary: records that readers yield, values that people decided, and what a stage may see.

Words are those of the glossary (docs/reference/words.md). Records are immutable msgspec Structs.
Table schemas of the lake stand in `tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, Protocol

import msgspec

if TYPE_CHECKING:
    import pyarrow as pa

SEVERITIES = ("info", "low", "medium", "high", "critical")
Severity = Literal["info", "low", "medium", "high", "critical"]
Answer = Literal["yes", "no", "unknown"]
AssetKind = Literal[
    "host", "device", "image", "cloud_resource", "web_application", "repository", "code_component",
    "identity", "data_store", "saas", "ot_device", "supplier_service",
]  # fmt: skip
# Kinds that a scanner can look at, and those among them that have a place in the network.
SCANNED = ("host", "device", "image", "web_application", "repository", "cloud_resource", "ot_device")
ADDRESSED = ("host", "device", "ot_device")
ExposureKind = Literal["vulnerability", "misconfiguration", "secret", "code", "identity", "end_of_life", "observation"]
PlaceKind = Literal["component", "port", "resource", "web", "code", "none"]
Proof = Literal["unknown", "banner", "version", "package", "configuration", "probe", "confirmed"]
WayIn = Literal["network", "user", "local", "library", "identity", "configuration"]
Treatment = Literal["act_now", "routine", "watch", "accepted", "unknown"]
TREATMENTS: tuple[Treatment, ...] = ("act_now", "unknown", "routine", "watch", "accepted")
TREATMENT_WORDS: dict[str, str] = {
    "act_now": "act now", "unknown": "unknown", "routine": "routine patching", "watch": "watch",
    "accepted": "accepted",
}  # fmt: skip
Disposition = Literal["false_positive", "not_applicable", "accepted", "mitigated", "duplicate", "not_ours"]
DISMISSALS = ("false_positive", "not_applicable", "duplicate", "not_ours")
# `reboot_pending`: the fix is installed and works only after a restart.
Word = Literal["open", "fixed", "suppressed", "accepted", "false_positive", "reboot_pending"]

# Identifiers by class. Strong ones join anywhere, names join unless contradicted, weak ones join
# only within one site and time window.
STRONG = (
    "arn", "cloud_id", "agent_id", "serial", "bios_uuid", "mac", "sid", "image_digest",
    "repo_url", "purl",
)  # fmt: skip
NAMES = ("fqdn", "image_ref", "artifact")
WEAK = ("hostname", "netbios", "ip")
SINGLE_VALUED = ("arn", "cloud_id", "agent_id", "serial", "bios_uuid", "sid", "image_digest")


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Base of all that a reader yields."""


class Sighting(Record, frozen=True):
    """The report saw an asset; `key` is the handle by which the other records name it."""

    key: str
    name: str
    kind: AssetKind = "host"
    identifiers: tuple[tuple[str, str], ...] = ()  # (kind, value), kinds as STRONG, NAMES, WEAK
    os: str = ""
    owner: str = ""
    internet: Answer = "unknown"  # the source's own statement of internet exposure
    tags: tuple[str, ...] = ()  # "service=payments" or plain words
    attributes: tuple[tuple[str, str], ...] = ()
    authenticated: bool | None = None  # did the source log in and look inside?
    observed_at: datetime | None = None  # UTC; None: the run's time


class PortSeen(Record, frozen=True):
    """A port of an asset, as seen from where the scanner stood."""

    asset: str
    port: int
    protocol: str = "tcp"
    state: Literal["open", "closed", "filtered"] = "open"
    service: str = ""
    product: str = ""
    version: str = ""
    cpe: str = ""
    tls: bool = False
    observed_at: datetime | None = None


class Finding(Record, frozen=True):
    """What the source said about one asset: one row of the report, all its weaknesses together."""

    asset: str
    rule: str  # the tool's own identifier of the check, stable across reports
    title: str
    severity: Severity
    weaknesses: tuple[str, ...] = ()  # CVE, else GHSA, else vendor's; empty: the rule itself
    kind: ExposureKind = "vulnerability"
    component: str = ""  # purl or CPE 2.3 of the software; version in its own field
    component_name: str = ""
    version: str = ""
    fixed_version: str = ""
    fix: str = ""  # KB, bulletin or other name of the fix where the source gives one
    port: int = 0  # 0: no port known
    protocol: str = ""
    resource: str = ""  # configuration: what is set wrong, where (ARN, file, setting)
    url: str = ""
    method: str = ""
    parameter: str = ""
    path: str = ""  # file in code, image or host
    line: int = 0
    context: str = ""  # surrounding code or logical location, for a place that survives moved lines
    cvss_vector: str = ""
    cvss_score: float | None = None
    epss: float | None = None
    cwes: tuple[int, ...] = ()
    proof: Proof = "unknown"
    word: Word = "open"  # the source's own word on it
    description: str = ""
    solution: str = ""
    references: tuple[str, ...] = ()
    evidence: str = ""  # output of the check, secrets redacted by the reader's caller
    instances: int = 1
    first_seen: datetime | None = None
    fixed_at: datetime | None = None
    observed_at: datetime | None = None
    tags: tuple[str, ...] = ()


class Relation(Record, frozen=True):
    """A directed tie. Ends are `asset:KEY`, `zone:NAME`, `identity:NAME`, `any` or an address range.

    `controls` is a right by which its holder can take the target over or change it, under the right's own
    name in `note` (GenericAll, iam:PassRole); `logged_on` is an identity with a session on an asset.
    """

    kind: Literal[
        "may_reach", "member_of", "admin_of", "runs_as", "depends_on", "trusts", "runs", "controls", "logged_on",
    ]  # fmt: skip
    source: str
    target: str
    ports: str = ""  # "80,443,8000-8100"; empty: all
    protocol: str = "tcp"
    allowed: bool = True
    position: int = 0  # rules that are tried in order: the first that matches decides
    note: str = ""
    observed_at: datetime | None = None


class ControlSeen(Record, frozen=True):
    """Something on an asset that should stop or see an attack."""

    asset: str
    kind: str  # edr, waf, mfa, firewall, encryption, ...
    state: Literal["on", "off", "unknown"] = "on"
    name: str = ""
    observed_at: datetime | None = None


class Covered(Record, frozen=True):
    """The report's own statement that it looked at `asset` for `checks` ("*": all of the source's).

    Only what is covered can be closed by not being reported. `check_list` names the checks where
    the report lists them, under the name given in `checks`. With a `port` or `paths` it looked there
    alone: what the source found at another port or in another file is not covered.
    """

    asset: str
    checks: str = "*"
    check_list: tuple[str, ...] = ()
    floor: Severity = "info"
    authenticated: bool | None = None
    port: int = 0
    protocol: str = ""
    paths: tuple[str, ...] = ()


class Listed(Record, frozen=True):
    """The report names all assets that there are of `extent`: what it no longer names there is gone.

    `extent` says exactly what was listed whole, for example `aws:111122223333:eu-west-1:instances`, under the
    same words in every report. Several records about one extent add up. Where the report cannot know that it is
    all (`whole` is not set), only a person's word at the import makes it so.
    """

    extent: str
    assets: tuple[str, ...] = ()
    whole: bool = True


class Ended(Record, frozen=True):
    """The source's own word that `asset` exists no more: terminated, deleted, retired."""

    asset: str
    reason: str = ""
    observed_at: datetime | None = None


class Skipped(Record, frozen=True):
    """Something in the report that was not taken, and why; nothing is dropped without one."""

    where: str
    why: str


class RunSeen(Record, frozen=True):
    """Facts about the report itself; a reader yields at most one, and first."""

    tool: str = ""
    version: str = ""
    scanner: str = ""  # the instance: scanner's name, account, project
    observed_at: datetime | None = None  # UTC
    observed_text: str = ""  # as the report wrote it
    zone_assumed: bool = False  # the report wrote no time zone and UTC was assumed
    settings: tuple[tuple[str, str], ...] = ()


class Report(Protocol):
    """A file to be read: decompressed, bounded, already known not to be hostile by size."""

    name: str

    @property
    def head(self) -> bytes:
        """The first 64 KiB."""

    def open(self) -> BinaryIO:
        """A fresh binary stream from the start."""

    def read(self) -> bytes:
        """All of it; refused with a clear error above the size limit for unstreamed formats."""

    def text(self) -> str:
        """All of it as text: byte-order marks, UTF-8 and UTF-16 understood, else Windows-1252."""


class Range(msgspec.Struct, frozen=True):
    """A three-point range; `low` and `high` are the 5 and 95 % points."""

    low: float
    likely: float
    high: float


class Zone(msgspec.Struct, frozen=True):
    """A part of a site's network, by address ranges and names."""

    name: str
    site: str
    networks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class ReachRule(msgspec.Struct, frozen=True):
    """The scope's word that one zone may (or may not) reach another; no ports means all."""

    source: str
    target: str
    ports: tuple[int, ...] = ()
    allowed: bool = True


class TagRule(msgspec.Struct, frozen=True):
    """A tag that the scope gives to all assets that one of the selectors picks."""

    tag: str  # "service=payments" or a plain word
    assets: tuple[str, ...] = ()


class Service(msgspec.Struct, frozen=True):
    """A business service; `assets` are selectors, `loss` only where a named person confirmed it."""

    name: str
    owner: str = ""
    tier: int = 3
    safety: str = "none"
    mission: str = "none"
    loss: Range | None = None
    confirmed_by: str = ""
    assets: tuple[str, ...] = ()
    foundation: bool = False
    depends_on: tuple[str, ...] | None = None  # None: all confirmed foundations


class Team(msgspec.Struct, frozen=True):
    """Who does the work; hours are per week, `windows` when it may change things (see `query.windows`; none: always)."""

    name: str
    assets: tuple[str, ...] = ()
    hours_per_week: float | None = None
    windows: tuple[str, ...] = ()


class Attacker(msgspec.Struct, frozen=True):
    """An attacker profile: where it enters and how often it attacks in a year."""

    name: str
    enters: tuple[str, ...]  # "internet", "user" (something opened by a person), or a zone
    attacks_per_year: Range
    capability: str = "common"  # row of the policy's table of capabilities
    source: str = ""


class History(msgspec.Struct, frozen=True):
    """What happened to the organisation itself: so many losses of a service (empty: of any) in so many years."""

    service: str
    times: int
    years: float
    source: str = ""


class Site(msgspec.Struct, frozen=True):
    """An address space; addresses and short names never join across sites."""

    name: str
    entity: str = ""


class Target(msgspec.Struct, frozen=True):
    """What may be actively tested, once an approved decision says so."""

    what: str  # address range or name
    ports: tuple[int, ...] = ()
    until: date | None = None
    authorised_by: str = ""


class Obligation(msgspec.Struct, frozen=True):
    """A deadline rule attached to the organisation, an entity, a service or a zone."""

    name: str  # a rule of the policy, for example "bod-26-04"
    applies_to: str = "all"  # all, entity:NAME, service:NAME, zone:NAME, or a name that only one of them has


class Scope(msgspec.Struct, frozen=True):
    """What a programme looks at, as applied."""

    organization: str
    currency: str = "EUR"
    sites: tuple[Site, ...] = (Site("main"),)
    zones: tuple[Zone, ...] = ()
    reach_default: Literal["by-prior", "closed", "open"] = "by-prior"
    reach: tuple[ReachRule, ...] = ()
    services: tuple[Service, ...] = ()
    teams: tuple[Team, ...] = ()
    attackers: tuple[Attacker, ...] = ()  # empty: the shipped profiles
    targets: tuple[Target, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    tags: tuple[TagRule, ...] = ()
    history: tuple[History, ...] = ()


def subjects(scope: Scope) -> list[tuple[str, str]]:
    """Return what an obligation may be attached to besides all: (service, zone or entity, name)."""
    entities = dict.fromkeys(site.entity for site in scope.sites if site.entity)
    return [
        *(("service", one.name) for one in scope.services),
        *(("zone", one.name) for one in scope.zones),
        *(("entity", name) for name in entities),
    ]


def subject(where: str, scope: Scope) -> tuple[str, str]:
    """Return (kind, name) of what `where` names, ("", where) for nothing; a bare name is a service's first."""
    known = subjects(scope)
    kind, colon, name = where.partition(":")
    if colon and (kind.strip(), name.strip()) in known:
        return kind.strip(), name.strip()
    return next((one for one in known if one[1] == where), ("", where))


class Assumption(msgspec.Struct, frozen=True):
    """What an exception rests on: as the person said it, and as a query that holds while it is so."""

    said: str
    query: str


class Decision(msgspec.Struct, frozen=True):
    """A person's word on one exposure, as it is effective at the start of a cycle."""

    exposure: int
    disposition: str  # a Disposition, or "claimed_fixed"
    because: str
    author: str
    decided_at: datetime
    until: date | None = None
    assumes: tuple[Assumption, ...] = ()


class AssetReview(msgspec.Struct, frozen=True):
    """A person's word on two parts of assets (ids as they were minted): one and the same, or not."""

    left: int
    right: int
    same: bool


class Snapshot(Protocol):
    """What a stage sees: facts as of two times, and copies of the decisions, scope and policy."""

    @property
    def cycle(self) -> int:
        """Key of the cycle that is being run."""

    @property
    def as_of(self) -> datetime:
        """The moment that is looked at, UTC without zone."""

    @property
    def seed(self) -> int:
        """Seed of all draws."""

    @property
    def scope(self) -> Scope:
        """The scope in force."""

    @property
    def policy(self) -> Any:
        """The policy in force (foreshore.policy.Policy)."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """People's effective words on exposures."""

    def sql(self, query: str, **tables: pa.Table) -> pa.Table:
        """Run a query over the lake's tables (by name) and the given Arrow tables."""

    def table(self, name: str) -> Any:
        """The named table as an Ibis expression."""


Batches = Mapping[str, "pa.Table"]  # what a stage returns: rows to append, by table
