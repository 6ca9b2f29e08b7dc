"""Rows of ThreatMapper's reports as findings: vulnerabilities, secrets, malware, compliance; and their assets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _images, _kube_rows, _naming, _wiz_rows
from foreshore.facts import Finding, Record, Relation, Severity, Sighting, Word

Said = Mapping[str, str]

# Where its scanners put a copy of a container's files, or see a machine's own
_COPIES = regex(r"^/?(?:tmp/Deepfence/[A-Za-z]+/df_[0-9a-f]+|fenced/mnt/host)(?=/)")
_VECTOR = regex(r"^(?:CVSS:[34]\.\d/)?(?:[A-Z]{1,3}:[A-Z]{1,2}/?){6,40}$")
# What the version of a package of the system says about its distribution
_RELEASES = (
    (regex(r"\.amzn\d"), "amazon"), (regex(r"\+deb\d|~deb\d|~bpo\d"), "debian"), (regex("ubuntu"), "ubuntu"),
    (regex(r"\.el\d"), "redhat"), (regex(r"\.fc\d"), "fedora"), (regex(r"-r\d{1,3}$"), "alpine"),
    (regex(r"\.(?:ph|photon)\d"), "photon"), (regex(r"\.(?:cm|azl)\d"), "azurelinux"),
)  # fmt: skip
_LEVELS: dict[str, Severity] = {"alarm": "high", "warn": "medium", "warning": "medium", "fail": "medium"}
PASSED = frozenset({"pass", "ok", "passed"})


def word(said: Said) -> Word:
    """Rows that people masked are suppressed."""
    return "suppressed" if said.get("masked", "").lower() in ("true", "1", "yes") else "open"


def assets(said: Said) -> tuple[list[Record], str] | None:
    """(the node of a row, with the machine it runs on and their tie; the key of the node); None for no node.

    A node is a machine, an image, a container as `name / machine`, or a part of a cluster or a cloud.
    """
    node = (said.get("node") or said.get("image") or said.get("host") or "").strip()
    kind = said.get("nodetype", "").strip().lower()
    if not node:
        return None
    name, slash, machine = (part.strip() for part in node.partition(" / "))
    if slash and machine:
        return _container(name, machine, said)
    seen = _node(node, kind, said)
    return [seen], seen.key


def _node(node: str, kind: str, said: Said) -> Sighting:
    account = said.get("account", "")
    if kind in ("host", "vm") or (not kind and node == said.get("host", "").strip()):
        return _machine(node, said)
    if "image" in kind or (not kind and (":" in node or said.get("imageid"))):
        own = said.get("imageid", "")
        return _images.image([node], [node.rpartition("@")[2], own], attributes=(("account", account),))
    if not kind:
        return _machine(node, said)
    if kind in ("pod", "container"):
        return _kube_rows.workload(said.get("cluster", ""), "", kind.capitalize(), node)
    arn = (("arn", node),) if node.startswith("arn:") else (("artifact", node),)
    attributes = tuple((key, text) for key, text in (("type", kind), ("account", account)) if text)
    return Sighting(key=f"node {node}", name=node, kind="cloud_resource", identifiers=arn, attributes=attributes)


def _machine(name: str, said: Said) -> Sighting:
    account, cluster = said.get("account", ""), said.get("cluster", "")
    return Sighting(
        key=f"host {name.lower()}",
        name=name,
        identifiers=_naming.host_identifiers(name),
        attributes=tuple((key, text) for key, text in (("account", account), ("cluster", cluster)) if text),
        authenticated=True,
    )


def _container(name: str, machine: str, said: Said) -> tuple[list[Record], str]:
    host = _machine(machine, said)
    shown = f"{name} on {machine}"
    cluster = said.get("cluster", "")
    container = Sighting(
        key=f"container {shown}",
        name=shown,
        kind="cloud_resource",
        identifiers=(("artifact", f"container {name} on {machine.lower()}"),),
        attributes=(("resource_type", "container"), *((("cluster", cluster),) if cluster else ())),
        authenticated=True,
    )
    tie = Relation(kind="runs", source=f"asset:{host.key}", target=f"asset:{container.key}")
    return [host, container, tie], container.key


def path_of(text: str) -> str:
    """A path as it is within the machine or the image, not within the scanner's copy of it."""
    return _COPIES.sub("", text.strip())


@lru_cache(maxsize=65536)
def package(text: str, kind: str) -> tuple[str, str, str]:
    """(purl without version, name, version) of what ThreatMapper writes as `name:version`."""
    kind = kind.strip().lower()
    parts = text.strip().split(":")
    if kind in ("java", "maven") and len(parts) > 2:
        name, version = ":".join(parts[:-1]), parts[-1]
    else:
        name, version = parts[0], ":".join(parts[1:])
    if kind in ("base", "os", ""):
        family = next((found for mark, found in _RELEASES if mark.search(version)), "")
        return _naming.built_package(family, name), name, version
    if kind in ("java", "maven") and ":" not in name:
        return "", name, version  # without its group it is no name that others know
    return _images.component(kind, "", name), name, version


def vulnerability(asset: str, said: Said) -> Finding:
    """A vulnerability in a package of the node."""
    rule = said["cve"]
    component, name, version = package(said.get("package", ""), said.get("sort", ""))
    vector, link = said.get("vector", "").upper(), said.get("link", "")
    seen = _wiz_rows.moment(said.get("time", ""))
    return Finding(
        asset=asset,
        rule=rule,
        title=_images.title(rule, name),
        severity=_naming.severity(said.get("severity")),
        weaknesses=_naming.weakness(rule),
        component=component,
        component_name=name,
        version=version,
        fixed_version=said.get("fixed", ""),
        path=path_of(said.get("packagepath", "")),
        cvss_vector=vector if _VECTOR.match(vector) else "",
        cvss_score=_naming.score(said.get("score")),
        proof="package",
        word=word(said),
        description=said.get("description", ""),
        references=(link,) if link.startswith("http") else (),
        observed_at=seen,
        tags=("exploit",) if said.get("exploit", "").startswith("http") else (),
    )


def secret(asset: str, said: Said) -> Finding:
    """A secret in a file: which rule and where; what was found stays where it is."""
    path, name = path_of(said.get("file", "")), said.get("name", "")
    rule = said.get("rule") or name or "secret"
    return Finding(
        asset=asset,
        rule=rule,
        title=f"Secret in {path or 'a file'}: {name or rule}",
        severity=_naming.severity(said.get("severity")),
        kind="secret",
        path=path,
        proof="confirmed",
        word=word(said),
    )


def malware(asset: str, said: Said) -> Finding:
    """A file that matches a rule for malware: something to look into, and no weakness that can be mended."""
    rule, path, sort = said["malware"], path_of(said.get("file", "")), said.get("class", "")
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{rule} in {path}" if path else rule,
        severity=_naming.severity(said.get("severity")),
        kind="observation",
        path=path,
        proof="probe",
        word=word(said),
        description=said.get("summary", "").replace("\xa0", " "),
        tags=("malware", *((f"class={sort}",) if sort else ())),
    )


def control(asset: str, said: Said) -> Finding:
    """A control of a benchmark that the node does not pass, or that a person must look at."""
    rule, status = said["control"], said.get("status", "").lower()
    level = _LEVELS.get(status)
    category, standard = said.get("category", ""), said.get("standard", "")
    return Finding(
        asset=asset,
        rule=rule,
        title=said.get("info") or said.get("description") or rule,
        severity=level or "info",
        kind="misconfiguration" if level else "observation",
        resource=said.get("resource", ""),
        proof="configuration",
        word=word(said),
        description=said.get("description", "") if said.get("info") else "",
        solution=said.get("solution", ""),
        tags=tuple(f"{name}={text}" for name, text in (
            ("standard", standard), ("category", category), ("status", status)) if text),
    )  # fmt: skip


def once(records: list[Record], held: set[str]) -> Iterator[Record]:
    """Yield those of `records` that were not said before; `held` remembers them."""
    for one in records:
        mark = one.key if isinstance(one, Sighting) else repr(one)
        if mark not in held:
            held.add(mark)
            yield one
