"""Resources of clouds as assets: one spelling of each, however many rows of a report name it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import msgspec

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _hosts, _naming
from foreshore.facts import AssetKind, Covered, Sighting

Pairs = tuple[tuple[str, str], ...]

_INSTANCE = regex(r"^(arn:[\w-]+:ec2:[^:]*:[^:]*:)(?:instance/)?(i-[0-9a-z]+)$")
_ACCOUNT = regex(r"^(?:AWS::::Account:|arn:[\w-]+:(?:iam|organizations)::)?(\d{12})(?::root)?$")
_IMAGE = regex(r"^arn:[\w-]+:ecr:([^:]*):([^:]*):repository/([^@]+?)[/@](sha256:[0-9a-f]{64})$")
# Names of parts of EC2 that are unique in all of the cloud
_EC2_ID = regex(r"(?:vpc|subnet|sg|acl|eni|vol|snap|ami|igw|nat|rtb|eipalloc|lt|tgw|vgw|vpce|pcx)-[0-9a-f]{8,17}")
_STORES = frozenset(
    {
        "s3", "dynamodb", "rds", "redshift", "efs", "elasticfilesystem", "docdb", "neptune", "glacier", "backup",
        "es", "elasticache", "secretsmanager",
    }
)  # fmt: skip
_NO_PLACES = ("0.0.0.0", "::")  # noqa: S104 - addresses that say nothing, never listened on


class Resource(msgspec.Struct, frozen=True):
    """What identifies one resource, and what kind of thing it is."""

    key: str
    name: str
    kind: AssetKind
    identifiers: Pairs
    account: str = ""
    region: str = ""
    whole_account: bool = False


def mapping(value: Any) -> Mapping[str, Any]:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in a list, other members left out; one object alone is a list of it."""
    if isinstance(value, dict):
        return [value]
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def resource(uid: str, *, provider: str = "aws", account: str = "", region: str = "", name: str = "") -> Resource:
    """The resource that a cloud calls `uid`: an ARN, an Azure or Google path, or a short name.

    A short name is made unique by provider and account; an account is the asset of the whole account.
    """
    uid = uid.strip()
    if provider == "aws" and (found := _ACCOUNT.match(uid)):
        return whole_account("aws", found.group(1), region)
    if uid.startswith("arn:"):
        return _of_arn(uid, account, region, name)
    if not uid:
        return whole_account(provider, account, region)
    if uid.lower().startswith(("/subscriptions/", "//")):
        return _of_path(uid.lower().rstrip("/"), provider, account, region, name)
    if provider == "aws" and re.fullmatch(r"i-[0-9a-z]{4,}", uid):
        return Resource(uid, name or uid, "host", (("cloud_id", uid),), account, region)
    if provider == "aws" and _EC2_ID.fullmatch(uid):
        return Resource(uid, name or uid, "cloud_resource", (("cloud_id", uid),), account, region)
    unique = ":".join(part for part in (provider, account, uid) if part)
    return Resource(unique, name or uid, "cloud_resource", (("cloud_id", unique),), account, region)


def whole_account(provider: str, account: str, region: str = "") -> Resource:
    """The account, project or subscription itself; `region` is where it was looked at, and no part of it."""
    key = f"{provider}:account:{account or 'unknown'}"
    return Resource(
        key, f"{provider} account {account or 'unknown'}", "cloud_resource", (("cloud_id", key),), account, region, True
    )


def _of_path(path: str, provider: str, account: str, region: str, name: str) -> Resource:
    parts = path.split("/")
    if path.startswith("/subscriptions/"):
        account = account or parts[2]
        if len(parts) == 3:
            return whole_account("azure", parts[2])
    kind: AssetKind = "cloud_resource"
    if "/microsoft.compute/virtualmachines/" in path and len(parts) == 9:
        kind = "host"
    elif any(word in path for word in ("/microsoft.storage/", "/microsoft.sql/", "/microsoft.documentdb/")):
        kind = "data_store"
    return Resource(path, name or parts[-1], kind, (("cloud_id", path),), account, region)


def _of_arn(arn: str, account: str, region: str, name: str) -> Resource:
    arn = arn.removesuffix(":$LATEST")
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return Resource(arn, name or arn, "cloud_resource", (("arn", arn),), account, region)
    region, account = parts[3] or region, parts[4] or account
    if found := _INSTANCE.match(arn):
        instance = found.group(2)
        arn = f"{found.group(1)}instance/{instance}"
        return Resource(arn, name or instance, "host", (("arn", arn), ("cloud_id", instance)), account, region)
    if found := _IMAGE.match(arn):
        return _image(found, name)
    last = parts[5].rpartition("/")[2]
    identifiers: Pairs = (("arn", arn),)
    if parts[2] == "ec2" and _EC2_ID.fullmatch(last):
        identifiers = (("arn", arn), ("cloud_id", last))
    return Resource(arn, name or last or arn, _kind(parts[2], parts[5]), identifiers, account, region)


def _image(found: re.Match[str], name: str) -> Resource:
    region, account, repository, digest = found.groups()
    reference = f"{account}.dkr.ecr.{region}.amazonaws.com/{repository}"
    identifiers = (("image_digest", digest), ("image_ref", f"{reference}@{digest}"))
    return Resource(f"image {digest}", name or repository, "image", identifiers, account, region)


def _kind(service: str, rest: str) -> AssetKind:
    if service == "iam" and rest.startswith(("user/", "role/", "group/")):
        return "identity"
    return "data_store" if service in _STORES else "cloud_resource"


def sighting(found: Resource, **said: Any) -> Sighting:
    """The sighting of a resource; `said` holds further fields, its identifiers and attributes are added to ours."""
    own = (("account", found.account), ("region", "" if found.whole_account else found.region))
    attributes = (*own, *said.pop("attributes", ()))
    return Sighting(
        key=found.key,
        name=found.name,
        kind=said.pop("kind", found.kind),
        identifiers=_hosts.gather(found.identifiers, said.pop("identifiers", ())),
        attributes=tuple(dict.fromkeys(one for one in attributes if one[1])),
        **said,
    )


def addresses(values: Any) -> tuple[list[str], list[str]]:
    """(private addresses, public addresses) in a list of texts; those that mean nothing are left out."""
    import ipaddress

    private: list[str] = []
    public: list[str] = []
    for value in values if isinstance(values, list) else ():
        shown = _naming.address(_naming.text(value))
        if not shown or shown in _NO_PLACES:
            continue
        found = ipaddress.ip_address(shown)
        if found.is_loopback or found.is_link_local:
            continue
        (private if found.is_private else public).append(shown)
    return private, public


def tags(value: Any) -> tuple[str, ...]:
    """Tags as `key=value`: from an object, or from a list of objects with key (name) and value."""
    if isinstance(value, dict):
        return tuple(f"{key}={_naming.text(one)}" for key, one in value.items())
    found = []
    for one in value if isinstance(value, list) else ():
        if isinstance(one, dict):
            folded = {key.lower(): _naming.text(inner) for key, inner in one.items()}
            key = folded.get("key") or folded.get("name") or ""
            found.append(f"{key}={folded.get('value', '')}" if key else "")
        else:
            found.append(_naming.text(one))
    return tuple(one for one in found if one)


class Assets:
    """The assets of a report, each once with what all its rows together say."""

    def __init__(self) -> None:
        self._seen: dict[str, Sighting] = {}

    def see(self, one: Sighting) -> str:
        """Take note of a sighting; returns its key."""
        held = self._seen.get(one.key)
        if held is None:
            self._seen[one.key] = one
        elif held != one:
            self._seen[one.key] = _joined(held, one)
        return one.key

    def sightings(self) -> Iterator[Sighting]:
        """Yield what was seen, in the order of the report."""
        yield from self._seen.values()


def _joined(held: Sighting, one: Sighting) -> Sighting:
    latest = max((when for when in (held.observed_at, one.observed_at) if when is not None), default=None)
    return msgspec.structs.replace(
        held,
        identifiers=_hosts.gather(held.identifiers, one.identifiers),
        os=held.os or one.os,
        owner=held.owner or one.owner,
        internet="yes" if "yes" in (held.internet, one.internet) else held.internet,
        tags=tuple(dict.fromkeys((*held.tags, *one.tags))),
        attributes=tuple(dict.fromkeys((*held.attributes, *one.attributes))),
        observed_at=latest,
    )


class Coverage:
    """Which checks a report itself says were made on which asset."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._checks: dict[str, set[str]] = {}

    def looked(self, asset: str, check: str) -> None:
        """`check` was made on `asset`, whatever it found."""
        if check:
            self._checks.setdefault(asset, set()).add(check)

    def records(self) -> Iterator[Covered]:
        """Yield one record for each asset, with its checks by name: nothing wider is ever closed."""
        for asset, names in self._checks.items():
            listed = tuple(sorted(names))
            name = f"{self._tool}:" + sha256("\n".join(listed).encode("utf-8", "replace")).hexdigest()[:16]
            yield Covered(asset=asset, checks=name, check_list=listed)


# -- packages as Amazon Inspector names them ------------------------------------------------------

_PLATFORMS = (
    ("AMAZON", "amazon"), ("UBUNTU", "ubuntu"), ("DEBIAN", "debian"), ("ALPINE", "alpine"), ("CENTOS", "centos"),
    ("RED_HAT", "redhat"), ("REDHAT", "redhat"), ("RHEL", "redhat"), ("ROCKY", "rocky"), ("ALMA", "alma"),
    ("ORACLE", "oracle"), ("FEDORA", "fedora"), ("SUSE", "sles"), ("OPENSUSE", "opensuse"), ("PHOTON", "photon"),
    ("WOLFI", "wolfi"), ("CHAINGUARD", "chainguard"),
)  # fmt: skip
_MANAGERS = {
    "PYTHONPKG": "pypi", "PYTHON": "pypi", "NODEPKG": "npm", "NODE": "npm", "DOTNET_CORE": "nuget", "DOTNET": "nuget",
    "GOMOD": "golang", "GOBINARY": "golang", "GO": "golang",
}  # fmt: skip


def os_name(platform: str) -> str:
    """An operating system as people write it: `UBUNTU_22_04` is Ubuntu 22.04."""
    return re.sub(r"(?<=\d) (?=\d)", ".", platform.replace("_", " ").title())


def package(manager: str, platform: str, name: str) -> str:
    """The purl, without version, of a package by package manager and platform; '' where they do not tell."""
    manager, platform = manager.upper(), platform.upper()
    if name in ("go/stdlib", "stdlib", "go") and manager in ("GENERIC", "GOBINARY", "GOMOD"):
        return _naming.built_package("golang", "stdlib")
    if manager == "OS":
        start = next((mine for theirs, mine in _PLATFORMS if platform.startswith(theirs)), "")
        return _naming.built_package(start, name)
    return _naming.built_package(_MANAGERS.get(manager, manager.lower()), name)


def full_version(version: str, release: str, epoch: object) -> str:
    """`epoch:version-release` as package managers write it, without what is missing or zero."""
    shown = f"{version}-{release}" if release and version else version
    number = _naming.whole_number(epoch)
    return f"{number}:{shown}" if number and shown else shown


def fixed_version(text: str) -> str:
    """The version that holds the fix; words that say there is none give ''."""
    text = text.strip().removeprefix("0:")
    return "" if text.lower().replace("_", " ") in ("notavailable", "not available", "none", "n/a") else text
