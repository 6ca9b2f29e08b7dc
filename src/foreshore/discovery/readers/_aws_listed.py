"""What a collection of AWS lists whole: for each call that was answered to its end, all that there is of its kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from foreshore.discovery.readers._aws_shapes import World
from foreshore.facts import Listed

# Calls that list all of one kind in a region, and what begins the resource in the ARNs of that kind.
_LISTS = {
    "ec2:DescribeInstances": ("ec2", "instance/"),
    "rds:DescribeDBInstances": ("rds", "db:"),
    "rds:DescribeDBClusters": ("rds", "cluster:"),
    "lambda:ListFunctions": ("lambda", "function:"),
    "ecr:DescribeRepositories": ("ecr", "repository/"),
    "elbv2:DescribeLoadBalancers": ("elasticloadbalancing", "loadbalancer/"),
    "elb:DescribeLoadBalancers": ("elasticloadbalancing", "loadbalancer/"),
}
_NEWER = re.compile(r"loadbalancer/(app|net|gwy)/")
_ARN = re.compile(r"arn:[\w-]+:([\w-]+):([\w-]*):(\d{12}):(.+)")


def listed(world: World, keys: Iterable[str]) -> Iterator[Listed]:
    """Yield the extents that were listed whole, with those of the assets `keys` (ARNs among them) that lie there."""
    found: dict[str, list[str]] = {}
    for key in keys:
        if match := _ARN.fullmatch(key):
            service, region, account, resource = match.groups()
            if call := _call_of(service, resource):
                found.setdefault(_extent(call, account, region), []).append(key)
    for call, account, region in sorted(world.answered - world.refused):
        if call in _LISTS and account and region:
            extent = _extent(call, account, region)
            yield Listed(extent=extent, assets=tuple(found.get(extent, ())))


def _extent(call: str, account: str, region: str) -> str:
    return f"aws:{account}:{region}:{call}"


def _call_of(service: str, resource: str) -> str:
    if service == "elasticloadbalancing":
        return f"{'elbv2' if _NEWER.match(resource) else 'elb'}:DescribeLoadBalancers"
    fitting = (call for call, (name, begins) in _LISTS.items() if name == service and resource.startswith(begins))
    return next(fitting, "")
