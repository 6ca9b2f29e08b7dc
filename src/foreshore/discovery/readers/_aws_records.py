"""A world of AWS objects as records: accounts, assets with what is proven of their exposure, and ties."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from foreshore.discovery.readers import (
    _aws_assets,
    _aws_buckets,
    _aws_identities,
    _aws_listed,
    _aws_network,
    _aws_rights,
    _aws_scans,
    _aws_workloads,
    _naming,
)
from foreshore.discovery.readers._aws_assets import Seen, account_key
from foreshore.discovery.readers._aws_network import Fabric
from foreshore.discovery.readers._aws_shapes import World, listed, mapping, text, words
from foreshore.facts import Answer, Record, Relation, Sighting, Skipped

_BALANCING = ("elbv2:DescribeLoadBalancers", "elbv2:DescribeTargetGroups", "elb:DescribeLoadBalancers")


def records(world: World) -> Iterator[Record]:
    """Yield everything that `world` tells, sightings first; the run itself is the caller's to yield."""
    found = list(_aws_assets.assets(world))
    world.skipped.extend(one for one in found if isinstance(one, Skipped))
    first = {one.sighting.key: one for one in reversed(found) if isinstance(one, Seen)}
    seen = list(first.values())[::-1]
    net = _aws_network.fabric(world)
    known: dict[str, Sighting] = {}
    others = (*_aws_buckets.buckets(world), *_aws_identities.identities(world), *_aws_workloads.sightings(world))
    for sighting in (*_accounts(world), *_placed(world, net, seen), *others):
        if sighting.key and sighting.key not in known:
            known[sighting.key] = sighting
            yield sighting
    keys = frozenset(known)
    yield from _aws_listed.listed(world, known)
    for ended, end in _aws_assets.ended(world):
        if ended.key not in known:
            known[ended.key] = ended
            yield ended
            yield end
    yield from _aws_scans.scans(world, keys)
    yield from _relations(world, net, seen, known)
    yield from _aws_identities.ties(world, keys)
    yield from _aws_rights.rights(world, keys)
    yield from world.skipped


def _accounts(world: World) -> Iterator[Sighting]:
    """Every account that anything belongs to, with its name where the organization gives it."""
    about = {text(one.body, "Id"): one.body for one in world.of("account")}
    numbers = {one.account for things in world.things.values() for one in things if one.account}
    for number in sorted(numbers | about.keys()):
        body = about.get(number, {})
        attributes = (("provider", "aws"), ("account", number), ("resource_type", "account"),
                      ("state", text(body, "State") or text(body, "Status")),
                      *_aws_workloads.lists(world, number))  # fmt: skip
        yield Sighting(
            key=account_key(number), name=text(body, "Name") or number, kind="cloud_resource",
            identifiers=(("cloud_id", account_key(number)),),
            attributes=tuple((name, value) for name, value in attributes if value),
        )  # fmt: skip


# -- exposure -----------------------------------------------------------------------------------------


def _placed(world: World, net: Fabric, seen: list[Seen]) -> list[Sighting]:
    """The sightings with what is proven of their exposure to the internet."""
    answers = {one.sighting.key: _aws_network.internet(net, one.spots) for one in seen if one.spots}
    behind: dict[str, list[Answer]] = {}
    for balancer, asset, _port in _targets(world, seen):
        behind.setdefault(asset, []).append(answers.get(balancer, "unknown"))
    found = []
    for one in seen:
        answer = answers.get(one.sighting.key, "unknown")
        if answer == "no" and not _nothing_in_front(world, one.sighting, behind.get(one.sighting.key, [])):
            answer = "unknown"
        found.append(msgspec.structs.replace(one.sighting, internet=answer))
    return found


def _nothing_in_front(world: World, sighting: Sighting, balancers: list[Answer]) -> bool:
    """Is it known that no load balancer hands traffic of the internet on to a machine?"""
    if sighting.kind != "host":
        return True
    about = dict(sighting.attributes)
    account, region = about.get("account", ""), about.get("region", "")
    health = ("elbv2:DescribeTargetHealth", account, region)
    return world.knows(account, region, *_BALANCING) and health not in world.refused and set(balancers) <= {"no"}


class _Places:
    """Assets by what load balancers call their targets: instance, address or ARN."""

    def __init__(self, seen: list[Seen]) -> None:
        self._by: dict[str, str] = {}
        for one in seen:
            for kind, value in one.sighting.identifiers:
                if kind in ("cloud_id", "arn", "ip"):
                    self._by.setdefault(value, one.sighting.key)

    def find(self, name: str) -> str:
        """The key of a target, '' where it is not here."""
        return self._by.get(name, "")


def _targets(world: World, seen: list[Seen]) -> Iterator[tuple[str, str, int]]:
    """(load balancer, asset behind it, port there) of every target that is an asset here."""
    assets = _Places(seen)
    groups = {text(one.body, "TargetGroupArn"): dict(one.body) for one in world.of("target_group")}
    for one in world.of("balancer"):
        for inner in listed(one.body, "TargetGroups"):
            own = {**inner, "LoadBalancerArns": [text(one.body, "LoadBalancerArn") or text(one.body, "DNSName")]}
            groups.setdefault(text(inner, "TargetGroupArn"), own)
    health: dict[str, list[tuple[str, int]]] = {}
    for each in world.of("health"):
        target = mapping(each.body, "Target")
        place = (text(target, "Id"), _naming.port(target.get("Port")))
        health.setdefault(each.about.get("TargetGroupArn", ""), []).append(place)
    for arn, body in groups.items():
        port = _naming.port(body.get("Port"))
        ends = health.get(arn, []) + [(name, port) for name in words(body.get("Targets"))]
        for balancer in words(body.get("LoadBalancerArns")):
            yield from ((balancer, asset, number or port) for name, number in ends if (asset := assets.find(name)))
    yield from _classic_targets(world, seen, assets)


def _classic_targets(world: World, seen: list[Seen], assets: _Places) -> Iterator[tuple[str, str, int]]:
    keys = {
        (one.sighting.name, dict(one.sighting.attributes).get("account"), dict(one.sighting.attributes).get("region")):
        one.sighting.key for one in seen if one.sighting.kind == "cloud_resource"
    }  # fmt: skip
    for thing in world.of("classic"):
        place = (text(thing.body, "LoadBalancerName"), thing.account or None, thing.region or None)
        balancer = keys.get(place, "")
        numbers = [mapping(one, "Listener").get("InstancePort") for one in listed(thing.body, "ListenerDescriptions")]
        for inner in listed(thing.body, "Instances"):
            asset = assets.find(text(inner, "InstanceId"))
            yield from (
                (balancer, asset, port) for one in numbers if asset and balancer and (port := _naming.port(one))
            )


def _relations(world: World, net: Fabric, seen: list[Seen], known: dict[str, Sighting]) -> Iterator[Record]:
    yield from _aws_network.relations(net, [spot for one in seen for spot in one.spots])
    for balancer, asset, port in dict.fromkeys(_targets(world, seen)):
        if balancer not in known:
            continue
        ends = [f"asset:{balancer}", *(["0.0.0.0/0"] if known[balancer].internet == "yes" else [])]
        for source in ends:
            yield Relation(
                kind="may_reach", source=source, target=f"asset:{asset}", ports=str(port) if port else "", position=100,
                note=f"through the load balancer {known[balancer].name}",
            )  # fmt: skip
