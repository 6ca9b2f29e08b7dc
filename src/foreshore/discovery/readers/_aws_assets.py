"""AWS objects as assets, and where each stands in the network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _aws_ports as ports
from foreshore.discovery.readers import _hosts, _naming
from foreshore.discovery.readers._aws_network import Spot
from foreshore.discovery.readers._aws_shapes import Thing, World, arn_of, listed, mapping, partition, tags, text, words
from foreshore.facts import Ended, Sighting, Skipped

Identifiers = list[tuple[str, str]]
_WHEN = regex(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")  # in the reason of the last change of state
_FROM_ADDRESS = regex(r"(ip-\d+-\d+-\d+-\d+|ec2-\d+-\d+-\d+-\d+)\.")
_DIGEST = regex(r"sha256:[0-9a-f]{64}")


class Seen(NamedTuple):
    """An asset before its exposure is known: the sighting, and its places in the network."""

    sighting: Sighting
    spots: tuple[Spot, ...] = ()


def assets(world: World) -> Iterator[Seen | Skipped]:
    """Yield everything in `world` that is an asset of its own, machines first."""
    shared = _shared(world)
    for thing in world.of("instance"):
        if not _terminated(thing):
            yield _instance(thing, shared)
    listeners = _listeners(world)
    for thing in world.of("balancer"):
        yield _balancer(thing, listeners)
    for thing in world.of("classic"):
        yield _classic(thing)
    for thing in (*world.of("database"), *world.of("cluster")):
        yield _database(thing)
    for thing in world.of("function"):
        yield _function(thing)
    for thing in world.of("repository"):
        yield _repository(thing)
    for thing in world.of("image"):
        yield _image(thing)


def ended(world: World) -> Iterator[tuple[Sighting, Ended]]:
    """Yield the machines that are terminated: under their own names alone, for others have their addresses now."""
    for thing in world.of("instance"):
        if _terminated(thing):
            key, told = instance_key(thing), text(thing.body, "StateTransitionReason")
            own: Identifiers = [("arn", key)] if key.startswith("arn:") else []
            own.append(("cloud_id", text(thing.body, "InstanceId")))
            when = _WHEN.search(told)
            at = _naming.moment(f"{when.group(1)}Z")[0] if when else None
            sighting = Sighting(key=key, name=own[-1][1], kind="host", identifiers=tuple(own), attributes=about(thing))
            yield sighting, Ended(asset=key, reason="terminated", observed_at=at)


def _terminated(thing: Thing) -> bool:
    return text(mapping(thing.body, "State"), "Name") == "terminated"


def account_key(account: str) -> str:
    """The key and cloud identifier of an account, as other readers of AWS write it."""
    return f"aws:account:{account}"


def about(thing: Thing, *more: tuple[str, str]) -> tuple[tuple[str, str], ...]:
    """Attributes that every asset of AWS has, and more; those without a value are left out."""
    named = (("provider", "aws"), ("account", thing.account), ("region", thing.region), *more)
    return tuple((name, value) for name, value in named if value)


def _said(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, "") if isinstance(value, bool) else ""


# -- machines -----------------------------------------------------------------------------------------


def instance_key(thing: Thing) -> str:
    """The ARN of an instance, or its id where account or region are not known."""
    name = text(thing.body, "InstanceId")
    if not thing.account or not thing.region:
        return name
    return f"arn:{partition(thing.region)}:ec2:{thing.region}:{thing.account}:instance/{name}"


def _shared(world: World) -> frozenset[str]:
    """Private addresses that two machines here have, in networks that overlap: they tell nobody apart."""
    counts: Counter[str] = Counter()
    for thing in world.of("instance"):
        counts.update(set(_private(thing.body)))
    return frozenset(address for address, count in counts.items() if count > 1)


def _private(body: Mapping[str, Any]) -> list[str]:
    found = [text(body, "PrivateIpAddress")]
    for interface in listed(body, "NetworkInterfaces"):
        found += [text(one, "PrivateIpAddress") for one in listed(interface, "PrivateIpAddresses")]
    return [shown for one in dict.fromkeys(found) if (shown := _naming.address(one))]


def _public(body: Mapping[str, Any]) -> list[str]:
    found = [text(body, "PublicIpAddress")]
    for interface in (body, *listed(body, "NetworkInterfaces")):
        found.append(text(mapping(interface, "Association"), "PublicIp"))
        found += [text(mapping(one, "Association"), "PublicIp") for one in listed(interface, "PrivateIpAddresses")]
    return [shown for one in dict.fromkeys(found) if (shown := _naming.address(one))]


def _sixes(body: Mapping[str, Any]) -> list[str]:
    found = [text(one, "Ipv6Address") for one in listed(body, "Ipv6Addresses")]
    return [shown for one in found if (shown := _naming.address(one))]


def _instance(thing: Thing, shared: frozenset[str]) -> Seen:
    body, name = thing.body, text(thing.body, "InstanceId")
    state = text(mapping(body, "State"), "Name")
    key, labels = instance_key(thing), tags(body)
    sighting = Sighting(
        key=key,
        name=next((one[5:] for one in labels if one.startswith("Name=") and len(one) > 5), name),
        kind="host",
        identifiers=_of_instance(thing, key, shared),
        os=text(body, "PlatformDetails") or text(body, "Platform"),
        tags=labels,
        attributes=about(
            thing, ("vpc", text(body, "VpcId")), ("subnet", text(body, "SubnetId")), ("state", state),
            ("instance_type", text(body, "InstanceType")), ("image", text(body, "ImageId")),
            ("private_addresses", " ".join(_private(body))), ("public_dns", text(body, "PublicDnsName")),
            ("metadata_tokens", text(mapping(body, "MetadataOptions"), "HttpTokens")),
            ("launched", text(body, "LaunchTime")),
        ),
    )  # fmt: skip
    return Seen(sighting, tuple(_spots(thing, key)))


def _of_instance(thing: Thing, key: str, shared: frozenset[str]) -> tuple[tuple[str, str], ...]:
    body, interfaces = thing.body, listed(thing.body, "NetworkInterfaces")
    private = _private(body)
    found: Identifiers = [("arn", key)] if key.startswith("arn:") else []
    found.append(("cloud_id", text(body, "InstanceId")))
    found += [("mac", mac) for interface in interfaces for mac in _hosts.macs(text(interface, "MacAddress"))]
    found += [("ip", one) for one in (*private, *_public(body)) if one not in shared]
    found += [("ip", one) for interface in interfaces for one in _sixes(interface)]
    if not shared.intersection(private):
        found += _name(text(body, "PrivateDnsName"))
    return tuple(dict.fromkeys(found))


def _name(value: str) -> Identifiers:
    """A private name: one made from the address is as short-lived as the address, one from the id is not."""
    if not value:
        return []
    return [("hostname", value.split(".")[0])] if _FROM_ADDRESS.match(value) else [("fqdn", value.lower())]


def _spots(thing: Thing, key: str) -> Iterator[Spot]:
    body = thing.body
    interfaces = listed(body, "NetworkInterfaces") or [body]
    for one in interfaces:
        subnet = text(one, "SubnetId") or text(body, "SubnetId")
        groups = listed(one, "Groups") or listed(body, "SecurityGroups")
        public = _public(one) or (_public(body) if len(interfaces) == 1 else [])
        inside = [
            text(one, "PrivateIpAddress"),
            *(text(i, "PrivateIpAddress") for i in listed(one, "PrivateIpAddresses")),
        ]
        yield Spot(
            asset=key, subnets=(subnet,) if subnet else (), groups=tuple(text(group, "GroupId") for group in groups),
            public4=bool(public), public6=bool(_sixes(one)),
            addresses=tuple(shown for each in dict.fromkeys(inside) if (shown := _naming.address(each))),
        )  # fmt: skip


# -- load balancers -----------------------------------------------------------------------------------


def _listeners(world: World) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for one in world.of("listener"):
        balancer = text(one.body, "LoadBalancerArn") or one.about.get("LoadBalancerArn", "")
        found.setdefault(balancer, []).append(_naming.port(one.body.get("Port")))
    return found


def _limit(numbers: list[int]) -> ports.Ranges:
    return tuple((one, one) for one in sorted(set(numbers)) if one) or ports.ALL


def _balancer(thing: Thing, listeners: dict[str, list[int]]) -> Seen:
    body = thing.body
    arn, kind = arn_of(body), text(body, "Type") or "application"
    zones = listed(body, "AvailabilityZones")
    groups = tuple(words(body.get("SecurityGroups")))
    public = text(body, "Scheme") == "internet-facing"
    own = [_naming.port(one.get("Port")) for one in listed(body, "Listeners")]
    addresses = [text(one, "IpAddress") for zone in zones for one in listed(zone, "LoadBalancerAddresses")]
    key = arn or text(body, "DNSName")
    spot = Spot(
        asset=key, subnets=tuple(name for zone in zones if (name := text(zone, "SubnetId"))), groups=groups,
        public4=public, public6=public and text(body, "IpAddressType").startswith("dualstack"),
        limit=_limit(listeners.get(arn, []) + own), guarded=bool(groups) or kind == "application",
    )  # fmt: skip
    return _shown_balancer(thing, kind, arn, addresses, spot)


def _classic(thing: Thing) -> Seen:
    body = thing.body
    name, arn = text(body, "LoadBalancerName"), ""
    if thing.account and thing.region:
        arn = f"arn:{partition(thing.region)}:elasticloadbalancing:{thing.region}:{thing.account}:loadbalancer/{name}"
    numbers = [
        _naming.port(mapping(i, "Listener").get("LoadBalancerPort")) for i in listed(body, "ListenerDescriptions")
    ]
    spot = Spot(
        asset=arn or text(body, "DNSName") or name, subnets=tuple(words(body.get("Subnets"))),
        groups=tuple(words(body.get("SecurityGroups"))), public4=text(body, "Scheme") != "internal", public6=False,
        limit=_limit(numbers),
    )  # fmt: skip
    return _shown_balancer(thing, "classic", arn, [], spot)


def _shown_balancer(thing: Thing, kind: str, arn: str, addresses: list[str], spot: Spot) -> Seen:
    body = thing.body
    identifiers: Identifiers = [("arn", arn)] if arn else []
    identifiers += [("fqdn", name)] if (name := text(body, "DNSName").lower()) else []
    identifiers += [("ip", shown) for one in addresses if (shown := _naming.address(one))]
    if not identifiers:
        identifiers = [("cloud_id", f"aws:{thing.account}:{thing.region}:loadbalancer/{spot.asset}")]
    return Seen(
        Sighting(
            key=spot.asset, name=text(body, "LoadBalancerName"), kind="cloud_resource", identifiers=tuple(identifiers),
            attributes=about(
                thing, ("resource_type", f"{kind} load balancer"), ("vpc", text(body, "VpcId") or text(body, "VPCId")),
                ("scheme", text(body, "Scheme")),
            ),
        ),
        (spot,),
    )  # fmt: skip


# -- data, functions, images --------------------------------------------------------------------------


def _database(thing: Thing) -> Seen:
    body, arn = thing.body, arn_of(thing.body)
    name = text(body, "DBInstanceIdentifier") or text(body, "DBClusterIdentifier")
    endpoint = body.get("Endpoint")
    host = text(endpoint, "Address") if isinstance(endpoint, dict) else _naming.text(endpoint)
    port = _naming.port(endpoint.get("Port") if isinstance(endpoint, dict) else body.get("Port"))
    key = arn or f"aws:{thing.account}:{thing.region}:db:{name}"
    identifiers: Identifiers = [("arn", arn)] if arn else [("cloud_id", key)]
    identifiers += [("fqdn", host.lower())] if "." in host else []
    public = body.get("PubliclyAccessible")
    place = mapping(body, "DBSubnetGroup")
    spot = Spot(
        asset=key,
        subnets=tuple(each for one in listed(place, "Subnets") if (each := text(one, "SubnetIdentifier"))),
        groups=tuple(text(one, "VpcSecurityGroupId") for one in listed(body, "VpcSecurityGroups")),
        public4=public if isinstance(public, bool) else None,
        public6=False if public is False or text(body, "NetworkType") == "IPV4" else None,
        limit=_limit([port]),
    )
    sighting = Sighting(
        key=key, name=name, kind="data_store", identifiers=tuple(identifiers), tags=tags(body, "TagList"),
        os=" ".join(one for one in (text(body, "Engine"), text(body, "EngineVersion")) if one),
        attributes=about(
            thing, ("resource_type", "database" if "DBInstanceIdentifier" in body else "database cluster"),
            ("class", text(body, "DBInstanceClass")), ("vpc", text(place, "VpcId")),
            ("encrypted", _said(body.get("StorageEncrypted"))),
        ),
    )  # fmt: skip
    return Seen(sighting, (spot,))


def _function(thing: Thing) -> Seen:
    body, arn = thing.body, text(thing.body, "FunctionArn")
    return Seen(Sighting(
        key=arn, name=text(body, "FunctionName"), kind="cloud_resource", identifiers=(("arn", arn),),
        attributes=about(
            thing, ("resource_type", "function"), ("runtime", text(body, "Runtime")),
            ("vpc", text(mapping(body, "VpcConfig"), "VpcId")), ("changed", text(body, "LastModified")),
        ),
    ))  # fmt: skip


def _repository(thing: Thing) -> Seen:
    body, arn = thing.body, text(thing.body, "repositoryArn")
    return Seen(Sighting(
        key=arn, name=text(body, "repositoryName"), kind="cloud_resource", identifiers=(("arn", arn),),
        attributes=about(
            thing, ("resource_type", "image repository"), ("uri", text(body, "repositoryUri")),
            ("scan_on_push", _said(mapping(body, "imageScanningConfiguration").get("scanOnPush"))),
        ),
    ))  # fmt: skip


def digest_of(body: Mapping[str, Any]) -> str:
    """The digest of an image, as it is known in every registry; '' where it is none."""
    found = text(body, "imageDigest")
    return found if _DIGEST.fullmatch(found) else ""


def _image(thing: Thing) -> Seen | Skipped:
    body, digest = thing.body, digest_of(thing.body)
    name = text(body, "repositoryName")
    if not digest:
        return Skipped(f"image in {name}", "its digest is none")
    labels = words(body.get("imageTags"))
    ending = ".cn" if thing.region.startswith("cn-") else ""
    known = thing.account and thing.region
    registry = f"{thing.account}.dkr.ecr.{thing.region}.amazonaws.com{ending}/" if known else ""
    return Seen(Sighting(
        key=digest, name=f"{name}:{labels[0]}" if labels else f"{name}@{digest[:19]}", kind="image",
        identifiers=_naming.image_identifiers([f"{registry}{name}:{label}" for label in labels], [digest]),
        attributes=about(thing, ("repository", name), ("pushed", text(body, "imagePushedAt"))),
    ))  # fmt: skip
