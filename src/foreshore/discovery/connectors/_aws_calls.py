"""The calls that the AWS connector makes, as data: all of them only list or describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]
About = list[tuple[dict[str, str], dict[str, Any]]]


@dataclass(frozen=True)
class Call:
    """One call: service and operation, how it pages, and for which things of another call it is made.

    `token` names the page token in the request and in the answer. `each` is the operation whose answers
    name the things to ask about, `about` takes them from one page as (names for people, parameters).
    `absent` are error codes that mean "there is none", which is an answer. `report` is the kind of another
    report that the answers belong to.
    """

    service: str
    operation: str
    token: tuple[str, str] = ("", "")
    each: str = ""
    about: Callable[[Body], About] | None = None
    parameters: Mapping[str, Any] | None = None
    absent: tuple[str, ...] = ()
    everywhere: bool = False  # one answer for the account, not one a region
    report: str = ""

    @property
    def name(self) -> str:
        """As AWS's own documentation and policies write it: `ec2:DescribeInstances`."""
        words = ("DB" if word == "db" else word.capitalize() for word in self.operation.split("_"))
        return f"{self.service}:{''.join(words)}"


_NEXT = ("NextToken", "NextToken")
_SMALL = ("nextToken", "nextToken")
_MARKER = ("Marker", "NextMarker")


def _each(listed: str, name: str, parameter: str) -> Callable[[Body], About]:
    def about(body: Body) -> About:
        return [({parameter: one[name]}, {parameter: one[name]}) for one in body.get(listed) or () if one.get(name)]

    return about


def _scanned(body: Body) -> About:
    return [
        (
            {"repositoryName": one["repositoryName"], "imageDigest": one["imageDigest"]},
            {"repositoryName": one["repositoryName"], "imageId": {"imageDigest": one["imageDigest"]}},
        )
        for one in body.get("imageDetails") or ()
        if one.get("repositoryName") and one.get("imageDigest")
    ]


_ACTIVE = {"Filters": {"RecordState": [{"Value": "ACTIVE", "Comparison": "EQUALS"}]}}
_NO_BUCKET = ("NoSuchBucket",)

CALLS: tuple[Call, ...] = (
    *(
        Call("ec2", operation, _NEXT)
        for operation in (
            "describe_vpcs", "describe_subnets", "describe_route_tables", "describe_internet_gateways",
            "describe_network_acls", "describe_security_groups", "describe_network_interfaces", "describe_instances",
        )
    ),
    Call("elbv2", "describe_load_balancers", _MARKER),
    Call("elbv2", "describe_listeners", _MARKER, "describe_load_balancers",
         _each("LoadBalancers", "LoadBalancerArn", "LoadBalancerArn"), absent=("LoadBalancerNotFound",)),
    Call("elbv2", "describe_target_groups", _MARKER),
    Call("elbv2", "describe_target_health", ("", ""), "describe_target_groups",
         _each("TargetGroups", "TargetGroupArn", "TargetGroupArn"), absent=("TargetGroupNotFound",)),
    Call("elb", "describe_load_balancers", _MARKER),
    Call("rds", "describe_db_instances", ("Marker", "Marker")),
    Call("rds", "describe_db_clusters", ("Marker", "Marker")),
    Call("lambda", "list_functions", _MARKER),
    Call("ecr", "describe_repositories", _SMALL),
    Call("ecr", "describe_images", _SMALL, "describe_repositories",
         _each("repositories", "repositoryName", "repositoryName"), absent=("RepositoryNotFoundException",)),
    Call("ecr", "describe_image_scan_findings", _SMALL, "describe_images", _scanned,
         absent=("ScanNotFoundException", "ImageNotFoundException", "RepositoryNotFoundException")),
    Call("inspector2", "list_findings", _SMALL, report="inspector2"),
    Call("securityhub", "get_findings", _NEXT, parameters=_ACTIVE, report="securityhub"),
    Call("iam", "get_account_authorization_details", ("Marker", "Marker"), everywhere=True),
    Call("s3", "list_buckets", ("ContinuationToken", "ContinuationToken"), everywhere=True),
    *(
        Call("s3", operation, ("", ""), "list_buckets", _each("Buckets", "Name", "Bucket"),
             absent=(*_NO_BUCKET, *absent), everywhere=True)
        for operation, absent in (
            ("get_bucket_location", ()),
            ("get_public_access_block", ("NoSuchPublicAccessBlockConfiguration",)),
            ("get_bucket_policy_status", ("NoSuchBucketPolicy",)),
            ("get_bucket_policy", ("NoSuchBucketPolicy",)),
            ("get_bucket_acl", ()),
        )
    ),
    Call("s3control", "get_public_access_block", absent=("NoSuchPublicAccessBlockConfiguration",), everywhere=True),
)  # fmt: skip

SERVICES = tuple(dict.fromkeys(call.service for call in CALLS))
_LEFT_OUT = frozenset({"UserData", "MasterUserPassword", "SecretBinary", "SecretString"})


def without_secrets(body: Any) -> Any:
    """`body` as plain JSON values, without what may hold secrets: the values of environment variables."""
    if isinstance(body, Mapping):
        return {
            str(name): dict.fromkeys(map(str, value), "left out")
            if name == "Variables" and isinstance(value, Mapping)
            else without_secrets(value)
            for name, value in body.items()
            if name not in _LEFT_OUT
        }
    if isinstance(body, (list, tuple)):
        return [without_secrets(one) for one in body]
    if isinstance(body, (str, int, float, bool)) or body is None:
        return body
    if isinstance(body, (bytes, bytearray)):
        return ""
    return body.isoformat() if hasattr(body, "isoformat") else str(body)
