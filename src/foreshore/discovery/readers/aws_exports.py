"""Answers saved from AWS's command line: `aws ec2 describe-instances`, account authorization details, and the like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _aws_records, _decoding
from foreshore.discovery.readers._aws_shapes import World
from foreshore.errors import BadReport
from foreshore.facts import Record, RunSeen, Skipped

# Fields that only these answers have.
_SIGN = regex(
    r'"(?:Reservations|ReservationId|IpPermissions|IpPermissionsEgress|RouteTableId|RouteTables|NetworkAclId|NetworkAcls|'
    r"InternetGatewayId|InternetGateways|CidrBlockAssociationSet|MapPublicIpOnLaunch|Vpcs|UserDetailList|GroupDetailList|"
    r"RoleDetailList|AssumeRolePolicyDocument|LoadBalancerDescriptions|CanonicalHostedZoneId|CanonicalHostedZoneNameID|"
    r"TargetGroupArn|TargetHealthDescriptions|DBInstanceIdentifier|DBInstances|DBClusterIdentifier|FunctionArn|"
    r"repositoryArn|imageScanFindings|imageDetails|PolicyVersionList|InstanceProfileId|JoinedMethod|Buckets|"
    r"MasterAccountId|PolicySummary|LaunchTemplateVersions|LaunchTemplateData|StackStatus|StackSetARN|serviceRole|DevEndpoints|"
    r"NotebookInstanceArn|UserProfileArn|codeInterpreterArn|agentRuntimeArn|taskDefinitionArn|stateMachineArn|"
    r'jobDefinitionArn|ExecutionRoleArn|ServiceExecutionRole|InstanceRoleArn)"\s*:'
)
# Reports that hold such fields inside something else.
_NOT = regex(
    r'"(?:SchemaVersion|ProductArn|findingArn|CheckID|finding_info|\$schema|eventVersion|eventSource|AWSTemplateFormatVersion|'
    r'configurationItems|foreshore_collection|bomFormat)"\s*:'
)
_EMPTY = frozenset({
    "Reservations", "Vpcs", "Subnets", "SecurityGroups", "NetworkAcls", "RouteTables", "InternetGateways",
    "NetworkInterfaces", "LoadBalancers", "LoadBalancerDescriptions", "Listeners", "TargetGroups", "DBInstances",
    "DBClusters", "Functions", "UserDetailList", "GroupDetailList", "RoleDetailList", "Policies", "repositories",
    "imageDetails", "Buckets", "Accounts", "TargetHealthDescriptions",
})  # fmt: skip
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)


@dataclass(frozen=True)
class AwsExports:
    """Reads JSON of AWS's command line: machines, networks, load balancers, databases, functions, images, identities,
    and what runs under a role (stacks, build projects, notebooks, container tasks and more).

    One answer, several under names of one's own, or a list of them. What only another answer would tell stays
    unknown: without route tables, no machine is said to face the internet.
    """

    version: int = 3
    priority: int = -5

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins JSON with fields that only AWS's answers have."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] in ("{", "[") and not _NOT.search(opening) and bool(_SIGN.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, then what the answers hold; raises BadReport where that is nothing that is known."""
        document = _decoding.whole(report, _ANY)
        world = World()
        if not world.take(document) and not _is_empty(document):
            raise BadReport(
                "holds no answer of AWS that is known", where=report.name,
                hint="export with `aws ec2 describe-instances --output json` or the like, without --query",
            )  # fmt: skip
        for number, one in enumerate(document if isinstance(document, list) else [document]):
            _unknown(world, f"element {number}, " if isinstance(document, list) else "", one)
        accounts = sorted({one.account for things in world.things.values() for one in things} - {""})
        yield RunSeen(tool="aws", scanner=", ".join(accounts[:20]))
        yield from _aws_records.records(world)


def _is_empty(document: Any) -> bool:
    return isinstance(document, dict) and any(name in _EMPTY and value == [] for name, value in document.items())


def _unknown(world: World, where: str, document: Any) -> None:
    """Name the lists of an answer in which nothing was known."""
    if not isinstance(document, dict) or World().take([document]) == 1:
        return
    for name, value in document.items():
        held = isinstance(value, (list, dict)) and bool(value) and name != "ResponseMetadata"
        if held and not World().take({name: value}):
            world.skipped.append(Skipped(f"{where}{str(name)[:80]}", "holds nothing that is taken from AWS's answers"))


PLUGIN = AwsExports()
