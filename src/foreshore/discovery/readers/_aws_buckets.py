"""S3 buckets, and what their settings prove of who may read them."""

from __future__ import annotations

from collections.abc import Iterator

from foreshore.discovery.readers._aws_assets import about
from foreshore.discovery.readers._aws_shapes import Thing, World, listed, mapping, partition, text
from foreshore.facts import Answer, Sighting

_BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_EVERYONE = (
    "http://acs.amazonaws.com/groups/global/AllUsers",
    "http://acs.amazonaws.com/groups/global/AuthenticatedUsers",
)


def buckets(world: World) -> Iterator[Sighting]:
    """Yield each bucket; `world.answers` holds answers by call and bucket, None unknown, False "there is none"."""
    for thing in world.of("bucket"):
        name = text(thing.body, "Name")
        place = world.answers.get(("s3:GetBucketLocation", name))
        region = (text(place, "LocationConstraint") or "us-east-1") if isinstance(place, dict) else thing.region
        arn = f"arn:{partition(region)}:s3:::{name}"
        blocked = _blocked(world, thing.account, name)
        shown = {True: "all four settings", False: "not all settings", None: ""}[blocked]
        yield Sighting(
            key=arn, name=name, kind="data_store", identifiers=(("arn", arn),), internet=_internet(world, name, blocked),
            attributes=about(
                Thing({}, thing.account, region), ("resource_type", "bucket"), ("public_access_block", shown)
            ),
        )  # fmt: skip


def _internet(world: World, name: str, blocked: bool | None) -> Answer:
    public = _policy(world.answers.get(("s3:GetBucketPolicyStatus", name)))
    granted = _granted(world.answers.get(("s3:GetBucketAcl", name)))
    if blocked or (public is False and granted is False):
        return "no"
    return "yes" if blocked is False and (public or granted) else "unknown"


def _blocked(world: World, account: str, name: str) -> bool | None:
    """Are all four settings of a public access block on, for the bucket or its account? None: not known.

    A block with some of its settings makes neither a yes nor a no certain.
    """
    found = (world.answers.get(("s3:GetPublicAccessBlock", name)), world.answers.get(("account", account)))
    states: list[bool | None] = []
    for one in found:
        settings = mapping(one, "PublicAccessBlockConfiguration") if isinstance(one, dict) else {}
        on = [settings.get(each) is True for each in _BLOCKS]
        states.append(None if one is None or (any(on) and not all(on)) else all(on))
    if True in states:
        return True
    return None if None in states else False


def _policy(answer: object) -> bool | None:
    if answer is None:
        return None
    if not isinstance(answer, dict):
        return False
    found = mapping(answer, "PolicyStatus").get("IsPublic")
    return found if isinstance(found, bool) else None


def _granted(answer: object) -> bool | None:
    if not isinstance(answer, dict) or "Grants" not in answer:
        return None
    return any(text(mapping(one, "Grantee"), "URI") in _EVERYONE for one in listed(answer, "Grants"))
