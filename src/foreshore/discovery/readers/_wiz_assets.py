"""Assets as Wiz names them: cloud resources, machines, images, identities, objects of Kubernetes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _gcp_resources, _hosts, _images, _naming
from foreshore.facts import AssetKind, Sighting

# Wiz's own words for what a thing is, and clouds' words for the same, without anything but letters.
_KINDS: dict[str, AssetKind] = {
    "virtualmachine": "host", "instance": "host", "microsoftcomputevirtualmachines": "host", "ecinstance": "host",
    "computeinstance": "host", "computeinstancegroup": "cloud_resource", "node": "host",
    "containerimage": "image", "bucket": "data_store", "storageaccount": "data_store", "database": "data_store",
    "dbserver": "data_store", "databaseserver": "data_store", "filesystemservice": "data_store",
    "datastore": "data_store", "user": "identity", "useraccount": "identity", "serviceaccount": "identity",
    "accessrole": "identity", "group": "identity", "identity": "identity", "role": "identity",
    "repository": "repository", "repositorybranch": "repository", "coderepository": "repository",
    "endpoint": "web_application", "applicationendpoint": "web_application", "webservice": "web_application",
}  # fmt: skip
_CLOUDS = {"amazonwebservices": "aws", "googlecloudplatform": "gcp", "googlecloud": "gcp", "microsoftazure": "azure"}
_GOOGLE_MACHINE = regex(r"^//compute\.googleapis\.com/projects/[^/]+/zones/[^/]+/instances/[^/]+$")
_NATIVE = ("arn", "selfLink", "id", "Id", "Arn")


def kind_of(*words: str) -> AssetKind | None:
    """The kind of asset by the first of Wiz's words that we know."""
    return next((found for word in words if (found := _KINDS.get(re.sub(r"[^a-z]", "", word.lower())))), None)


def sighting(said: Mapping[str, str], attributes: tuple[tuple[str, str], ...] = ()) -> Sighting:
    """The sighting of an asset from its fields as text.

    Known fields: provider_id, wiz_id, name, type, native_type, platform, account, region, os, addresses
    (separated by commas or semicolons), tags (an object as JSON), original (Wiz's copy of the cloud's object).
    """
    kind = kind_of(said.get("type", ""), said.get("native_type", ""))
    uid, name = said.get("provider_id", ""), said.get("name", "")
    if kind == "image" or "@sha256:" in uid:
        return _image(uid, name, said)
    uid = _stated(uid, said.get("original", ""))
    kind = kind or ("host" if _GOOGLE_MACHINE.match(uid) else None)
    found = _resource(uid, kind, said)
    own: list[tuple[str, str]] = [_hosts.agent("wiz", said.get("wiz_id", ""))] if not found.whole_account else []
    if found.kind == "host" or kind == "host":
        own.extend(_naming.host_identifiers(name))
    own.extend(("ip", one) for one in _addresses(said.get("addresses", "")))
    return _cloud_rows.sighting(
        found,
        kind=kind or found.kind,
        identifiers=tuple(own),
        os=said.get("os", ""),
        tags=_cloud_rows.tags(_object(said.get("tags", ""))),
        attributes=(("type", said.get("native_type") or said.get("type", "")), *attributes),
    )


def _resource(uid: str, kind: AssetKind | None, said: Mapping[str, str]) -> _cloud_rows.Resource:
    name, account, region = said.get("name", ""), said.get("account", ""), said.get("region", "")
    wiz = said.get("wiz_id", "")
    if uid.startswith(("arn:", "/subscriptions/", "//")) or re.fullmatch(r"i-[0-9a-f]{8,17}", uid):
        return _cloud_rows.resource(uid, provider=_cloud(said, uid), account=account, region=region, name=name)
    if kind == "repository" and uid.startswith(("http://", "https://", "git@")):
        return _cloud_rows.Resource(uid, name or uid, "repository", (("repo_url", uid.lower()),), account, region)
    if not uid and not wiz and not name:
        return _cloud_rows.resource("", provider=_cloud(said, "") or "cloud", account=account, region=region)
    cloud = _cloud(said, uid) or "wiz"
    plain = ":".join(part for part in (cloud, account, uid or wiz or name) if part)
    return _cloud_rows.Resource(
        plain, name or uid or wiz, kind or "cloud_resource", (("cloud_id", plain),), account, region
    )


def _cloud(said: Mapping[str, str], uid: str) -> str:
    if uid.startswith(("arn:", "i-")):
        return "aws"
    word = re.sub(r"[^a-z0-9]", "", said.get("platform", "").lower())
    return _CLOUDS.get(word, word)


def _stated(uid: str, original: str) -> str:
    """The cloud's own name of a thing: as Wiz gives it, or from its copy of the cloud's object."""
    candidates = [uid]
    if original and not uid.startswith(("arn:", "/subscriptions/", "https://", "//")):
        held = _object(original)
        candidates += [_naming.text(held.get(field)) for field in _NATIVE]
    for one in candidates:
        if one.startswith("arn:"):
            return one
        if one.lower().startswith("/subscriptions/"):
            return one.lower()
        if link := _gcp_resources.full_name(one):
            return link
    return uid


def _image(uid: str, name: str, said: Mapping[str, str]) -> Sighting:
    reference = uid if "/" in uid else ""
    return _images.image(
        [reference, name],
        [uid.rpartition("@")[2], name.rpartition("@")[2]],
        os=said.get("os", ""),
        attributes=(("account", said.get("account", "")), ("region", said.get("region", ""))),
    )


def _addresses(text: str) -> list[str]:
    found = (_naming.address(one.strip(" []\"'")) for one in re.split(r"[,;\s]+", text) if one)
    return [one for one in dict.fromkeys(found) if one and not one.startswith(("127.", "169.254.", "fe80:"))]


def _object(text: str) -> Mapping[str, Any]:
    try:
        return _cloud_rows.mapping(_decoding.within(text)) if text.startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
