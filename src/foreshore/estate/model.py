"""The records of a made-up company: hosts, images, repositories, cloud resources, what is wrong there."""

from __future__ import annotations

from dataclasses import dataclass, field

SITES = ("hq", "south")
DOMAINS = {"hq": "example.com", "south": "south.example.com"}
ENTITIES = {"hq": "", "south": "Example Stores South"}
NETWORKS = {
    ("hq", "dmz"): "203.0.113.0/24",
    ("hq", "office"): "10.1.0.0/16",
    ("hq", "servers"): "10.10.0.0/16",
    ("hq", "payments"): "10.20.0.0/16",
    ("hq", "dev"): "10.30.0.0/16",
    ("hq", "lab"): "10.66.0.0/16",
    ("hq", "management"): "10.99.0.0/16",
    ("south", "dmz"): "198.51.100.0/24",
    ("south", "office"): "10.1.0.0/16",
    ("south", "servers"): "10.10.0.0/16",
}


@dataclass(frozen=True)
class Flaw:
    """A known weakness of a product, one row of the catalogue; `month` names a Windows update."""

    cve: str
    group: str
    vendor: str
    product: str
    version: str
    fixed_version: str
    month: str
    way: str
    port: int
    service: str
    cpe: str
    purl: str
    vector: str
    score: float
    cwe: int
    published: str
    plugin_id: int
    family: str
    title: str

    @property
    def severity(self) -> str:
        """The qualitative severity of the CVSS v3.1 base score."""
        return severity_of(self.score)


@dataclass(frozen=True)
class Noise:
    """A check that reports something on many hosts and rarely matters."""

    plugin_id: int
    title: str
    family: str
    severity: int
    port: int
    service: str
    on: str
    share: float
    score: float
    vector: str
    synopsis: str
    solution: str


@dataclass(frozen=True)
class Port:
    """An open TCP port and what answers there."""

    number: int
    service: str
    product: str = ""
    version: str = ""
    cpe: str = ""
    tls: bool = False


@dataclass(frozen=True)
class Host:
    """A machine with all names and numbers by which different tools know it."""

    name: str
    site: str
    zone: str
    ip: str
    mac: str
    uuid: str
    agent: str
    os: str
    role: str
    ports: tuple[Port, ...]
    flaws: tuple[Flaw, ...]
    noise: tuple[Noise, ...]
    seen: tuple[str, ...]
    tags: tuple[str, ...]

    @property
    def fqdn(self) -> str:
        """The full name, for example `ws-0012.office.example.com`."""
        return f"{self.name}.{self.zone}.{DOMAINS[self.site]}"


@dataclass(frozen=True)
class Image:
    """A container image, the packages in it and where it runs."""

    name: str
    reference: str
    digest: str
    base: str
    flaws: tuple[Flaw, ...]
    runs_on: tuple[str, ...]


@dataclass(frozen=True)
class Repository:
    """A source repository with its components."""

    name: str
    url: str
    flaws: tuple[Flaw, ...]


@dataclass(frozen=True)
class CloudResource:
    """A cloud resource and the checks it passes and fails."""

    arn: str
    name: str
    kind: str
    account: str
    region: str
    site: str
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Company:
    """A made-up company; everything in it follows from its seed."""

    seed: int
    hosts: tuple[Host, ...]
    images: tuple[Image, ...]
    repositories: tuple[Repository, ...]
    cloud: tuple[CloudResource, ...]
    by_name: dict[str, Host] = field(default_factory=dict, compare=False, repr=False)

    @property
    def assets(self) -> int:
        """How many assets there are in truth."""
        return len(self.hosts) + len(self.images) + len(self.repositories) + len(self.cloud)

    def at(self, site: str) -> tuple[Host, ...]:
        """The hosts of one site."""
        return tuple(host for host in self.hosts if host.site == site)


def severity_of(score: float) -> str:
    """Return the qualitative severity of a CVSS base score (CVSS v3.1 specification, section 5)."""
    for floor, word in ((9.0, "critical"), (7.0, "high"), (4.0, "medium"), (0.1, "low")):
        if score >= floor:
            return word
    return "info"
