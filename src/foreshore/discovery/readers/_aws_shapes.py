"""What AWS's answers hold: objects known by the fields that only they have, whatever list they stand in."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.facts import Skipped

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DEPTH = 6

# kind: fields that all have to be there, fields of which one has to be, fields that must not.
_SHAPES: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    ("instance", ("InstanceId",), ("InstanceType", "ImageId", "PrivateIpAddress", "NetworkInterfaces", "LaunchTime"),
     ()),
    ("interface", ("NetworkInterfaceId", "Groups"), ("PrivateIpAddress", "MacAddress", "SubnetId"), ()),
    ("subnet", ("SubnetId",), ("CidrBlock", "Ipv6CidrBlockAssociationSet"), ()),
    ("route_table", ("RouteTableId", "Routes"), (), ()),
    ("acl", ("NetworkAclId", "Entries"), (), ()),
    ("group", ("GroupId", "IpPermissions"), (), ()),
    ("gateway", ("InternetGatewayId",), ("Attachments", "OwnerId"), ()),
    ("vpc", ("VpcId",), ("CidrBlock", "CidrBlockAssociationSet"), ("VpcPeeringConnectionId",)),
    ("balancer", ("LoadBalancerName", "DNSName"), ("LoadBalancerArn", "Scheme"), ("ListenerDescriptions",)),
    ("classic", ("LoadBalancerName", "ListenerDescriptions"), (), ()),
    ("listener", ("ListenerArn", "Port"), (), ()),
    ("target_group", ("TargetGroupArn", "TargetGroupName"), (), ()),
    ("health", ("Target", "TargetHealth"), (), ()),
    ("database", ("DBInstanceIdentifier", "Engine"), (), ("DBSnapshotIdentifier",)),
    ("cluster", ("DBClusterIdentifier", "Engine"), (), ("DBClusterSnapshotIdentifier",)),
    ("function", ("FunctionArn", "FunctionName"), ("Role", "Runtime", "PackageType"), ()),
    ("user", ("UserName", "UserId", "Arn"), (), ()),
    ("access_key", ("AccessKeyId", "UserName", "Status"), (), ("SecretAccessKey",)),
    ("iam_group", ("GroupName", "GroupId", "Arn"), (), ("IpPermissions",)),
    ("role", ("RoleName", "Arn"), ("RoleId", "AssumeRolePolicyDocument"), ()),
    ("policy", ("PolicyName", "PolicyVersionList"), (), ()),
    ("profile", ("InstanceProfileName", "Roles"), (), ()),
    ("repository", ("repositoryArn", "repositoryName"), (), ()),
    ("scan", ("imageId", "imageScanFindings"), (), ()),
    ("image", ("imageDigest", "repositoryName"), (), ()),
    ("account", ("Id", "JoinedMethod"), (), ()),
    ("organization", ("MasterAccountId",), (), ()),
    ("scp", ("PolicySummary", "Content"), (), ()),
    ("scp_target", ("TargetId", "Type"), (), ()),
    ("launch_template", ("LaunchTemplateId", "LaunchTemplateData"), (), ()),
    ("stack", ("StackId", "StackName", "StackStatus"), (), ("ResourceType",)),
    ("stack_set", ("StackSetARN", "StackSetName"), (), ()),
    ("build_project", ("serviceRole", "arn", "name"), (), ()),
    ("dev_endpoint", ("EndpointName", "RoleArn"), (), ("EndpointArn",)),
    ("glue_job", ("Name", "Role", "Command"), (), ()),
    ("notebook", ("NotebookInstanceArn", "NotebookInstanceName"), (), ()),
    ("studio_user", ("UserProfileArn", "UserProfileName"), (), ()),
    ("web_service", ("ServiceArn", "ServiceName"), ("InstanceConfiguration", "SourceConfiguration"), ()),
    ("code_interpreter", ("codeInterpreterArn",), (), ()),
    ("agent_runtime", ("agentRuntimeArn",), (), ()),
    ("task", ("taskArn", "taskDefinitionArn"), (), ()),
    ("task_definition", ("taskDefinitionArn", "containerDefinitions"), (), ()),
    ("data_cluster", ("ClusterArn", "Ec2InstanceAttributes"), (), ()),
    ("state_machine", ("stateMachineArn", "roleArn"), (), ("executionArn",)),
    ("batch_job", ("jobDefinitionArn", "jobDefinitionName"), (), ("jobId",)),
    ("delivery_pipeline", ("stages", "roleArn", "name"), (), ()),
    ("workflow_environment", ("ExecutionRoleArn", "AirflowVersion", "Arn"), (), ()),
    ("stream_application", ("ApplicationARN", "ApplicationName"), ("ServiceExecutionRole",), ()),
)  # fmt: skip
_LISTS = {
    "Buckets": ("bucket", "Name"),
    "Parents": ("scp_parent", "Id"),
}  # objects without fields of their own, known by their list
_DAY = regex(r"\d{4}-\d{2}-\d{2}T")
_ARN = regex(r"arn:(aws[\w-]*):([\w-]*):([\w-]*):(\d{12})?:")


@dataclass(frozen=True)
class Thing:
    """One object, and where it was listed: account and region ('' unknown), and what was asked about."""

    body: Mapping[str, Any]
    account: str = ""
    region: str = ""
    about: Mapping[str, str] = field(default_factory=dict)


@dataclass
class World:
    """All objects by kind, what was left out, and which calls were answered to the end, or refused, and where.

    Places are (call, account, region). `answers` are those that hold no object, by call and what they are about.
    """

    things: dict[str, list[Thing]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)
    answered: set[tuple[str, str, str]] = field(default_factory=set)
    refused: set[tuple[str, str, str]] = field(default_factory=set)
    answers: dict[tuple[str, str], object] = field(default_factory=dict)

    def of(self, kind: str) -> list[Thing]:
        """The objects of a kind."""
        return self.things.get(kind, [])

    def knows(self, account: str, region: str, *calls: str) -> bool:
        """Were all of `calls` answered to the end there, and none of them refused for anything?"""
        return all((call, account, region) in self.answered - self.refused for call in calls)

    def take(self, document: Any, account: str = "", region: str = "", about: Mapping[str, str] | None = None) -> int:
        """Take all objects that `document` holds and return how many those are."""
        count = 0
        for kind, body, owner in found(document):
            who = owner or _account(body) or account
            self.things.setdefault(kind, []).append(Thing(body, who, _region(body) or region, about or {}))
            count += 1
        return count


_DATES = ("CreateDate", "UpdateDate", "PasswordLastUsed")


def clock(world: World) -> dict[str, str]:
    """What is known of the time of any request: it is no earlier than the newest date that identities tell."""
    bodies = [one.body for kind in ("user", "iam_group", "role", "policy", "access_key") for one in world.of(kind)]
    told = [text(body, name) for body in bodies for name in _DATES]
    told += [text(mapping(body, "RoleLastUsed"), "LastUsedDate") for body in bodies]
    newest = max((one for one in told if _DAY.match(one)), default="")
    return {"aws:currenttime": newest, "aws:epochtime": newest} if newest else {}


def found(document: Any) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Yield (kind, object, account that a list around it names) of everything known in `document`."""
    waiting: list[tuple[Any, int, str, str]] = [(document, 0, "", "")]
    while waiting:
        value, depth, listed, owner = waiting.pop()
        if isinstance(value, dict):
            kind = shape(value, listed)
            if kind:
                yield kind, value, owner
            elif depth < DEPTH:
                number = text(value, "OwnerId") if "Instances" in value else ""
                inner = number if re.fullmatch(r"\d{12}", number) else owner
                waiting.extend((one, depth + 1, str(name), inner) for name, one in reversed(list(value.items())))
        elif isinstance(value, list) and depth < DEPTH:
            waiting.extend((one, depth + 1, listed, owner) for one in reversed(value))


def shape(value: Mapping[str, Any], listed: str = "") -> str:
    """The kind of an object, '' where it is none that is known."""
    if listed in _LISTS and isinstance(value.get(_LISTS[listed][1]), str):
        return _LISTS[listed][0]
    for kind, needed, one_of, none_of in _SHAPES:
        if all(name in value for name in needed) and not any(name in value for name in none_of):
            identifier = value[needed[0]]
            fits = isinstance(identifier, (str, dict, list)) and bool(identifier)
            if fits and (not one_of or any(name in value for name in one_of)):
                return kind
    return ""


def _account(body: Mapping[str, Any]) -> str:
    for name in ("OwnerId", "registryId", "AccountId"):
        if re.fullmatch(r"\d{12}", text(body, name)):
            return text(body, name)
    match = _ARN.match(arn_of(body))
    return (match.group(4) or "") if match else ""


def _region(body: Mapping[str, Any]) -> str:
    match = _ARN.match(arn_of(body))
    if match and match.group(3):
        return match.group(3)
    zone = text(mapping(body, "Placement"), "AvailabilityZone") or text(body, "AvailabilityZone")
    shown = re.match(r"([a-z]{2,4}(?:-[a-z]+)+-\d)[a-z]?$", zone)
    return shown.group(1) if shown else ""


_ARNS = ("Arn", "LoadBalancerArn", "DBInstanceArn", "DBClusterArn", "FunctionArn", "repositoryArn", "SubnetArn",
         "TargetGroupArn", "ListenerArn", "SecurityGroupArn", "StackId", "StackSetARN", "arn", "NotebookInstanceArn",
         "UserProfileArn", "ServiceArn", "codeInterpreterArn", "agentRuntimeArn", "taskArn", "taskDefinitionArn",
         "ClusterArn", "stateMachineArn", "jobDefinitionArn", "ApplicationARN", "RoleArn")  # fmt: skip


def arn_of(body: Mapping[str, Any]) -> str:
    """The object's own ARN where its answer gives one."""
    return next((value for name in _ARNS if (value := text(body, name)).startswith("arn:")), "")


# -- reading values that may be anything ------------------------------------------------------------


def text(body: Mapping[str, Any], name: str) -> str:
    """A field as text; '' where it is missing or no text."""
    return _naming.text(body.get(name)).strip()


def mapping(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A field that is an object; an empty one where it is none."""
    value = body.get(name)
    return value if isinstance(value, dict) else {}


def listed(body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The objects of a field that is a list."""
    value = body.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def words(value: Any) -> list[str]:
    """A text or a list of texts, as a list."""
    return [value] if isinstance(value, str) else _naming.texts(value)


def document(value: Any) -> Mapping[str, Any]:
    """A policy: an object, or JSON text, perhaps with percent signs as AWS's interface gives it."""
    if isinstance(value, str):
        try:
            value = _decoding.within(unquote(value) if value.lstrip().startswith("%7B") else value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def network(value: str) -> Network | None:
    """A range of addresses, None where `value` is none."""
    try:
        return ipaddress.ip_network(value, strict=False) if value else None
    except ValueError:
        return None


def tags(body: Mapping[str, Any], name: str = "Tags") -> tuple[str, ...]:
    """Tags as `key=value`."""
    return tuple(f"{text(one, 'Key')}={text(one, 'Value')}" for one in listed(body, name) if text(one, "Key"))


def partition(region: str) -> str:
    """The part of the cloud that a region belongs to, as ARNs name it."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
