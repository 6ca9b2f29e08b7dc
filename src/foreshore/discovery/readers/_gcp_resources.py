"""Resources of Google Cloud under their full names, whoever wrote them: gcloud, REST, or the asset inventory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _naming
from foreshore.facts import AssetKind

_DEEPEST = 8
_LINK = regex(
    r"^https://(?:www\.googleapis\.com/([a-z]+)/(?:v\d\w*|beta|alpha)/|([a-z-]+)\.googleapis\.com/"
    r"(?:[a-z]+/)?v\d\w*/)(.{1,800})$"
)
_ACCOUNT = regex(r"^projects/[^/]+/serviceAccounts/([^/]+@[^/]+)$")
_ROLE = regex(r"^(?:(?:projects|organizations)/[^/]+/)?roles/[\w.]+$")
_RELATIVE = regex(r"^projects/[^/]+/(?:[a-zA-Z]+/[^/]+/){0,4}([a-zA-Z]+)/[^/]+$")
_ABOVE = regex(r"^(?:folders|organizations)/\d+$")
# The service of a resource that is named by its path only, by the last folder of the path.
_SERVICES = {
    "functions": "cloudfunctions", "services": "run", "jobs": "run", "revisions": "run", "keyRings": "cloudkms",
    "cryptoKeys": "cloudkms", "secrets": "secretmanager", "repositories": "artifactregistry",
    "clusters": "container", "topics": "pubsub", "subscriptions": "pubsub", "models": "aiplatform",
    "endpoints": "aiplatform", "featurestores": "aiplatform", "workloadIdentityPools": "iam", "managedZones": "dns",
    "datasets": "aiplatform",
}  # fmt: skip
# What the last folder of a name says of the type, for lists that say nothing else.
_TYPES = {
    "instances": "Instance", "networks": "Network", "subnetworks": "Subnetwork", "firewalls": "Firewall",
    "disks": "Disk", "forwardingrules": "ForwardingRule", "addresses": "Address", "clusters": "Cluster",
    "serviceaccounts": "ServiceAccount", "projects": "Project", "folders": "Folder",
    "organizations": "Organization", "images": "Image", "snapshots": "Snapshot", "instancegroups": "InstanceGroup",
    "backendservices": "BackendService", "routes": "Route", "functions": "Function", "services": "Service",
    "datasets": "Dataset", "topics": "Topic", "secrets": "Secret",
}  # fmt: skip
_KINDS: dict[str, AssetKind] = {
    "compute.googleapis.com/Instance": "host",
    "iam.googleapis.com/ServiceAccount": "identity",
    "storage.googleapis.com/Bucket": "data_store",
    "compute.googleapis.com/Disk": "data_store",
    "compute.googleapis.com/Snapshot": "data_store",
    "appengine.googleapis.com/Application": "web_application",
}
_STORES = (
    "sqladmin.", "cloudsql.", "bigquery.", "bigtable", "spanner.", "redis.", "firestore.", "secretmanager.",
    "alloydb.", "memcache.",
)  # fmt: skip
_ATTACHED = ("attached_resource", "attachedResource", "resource", "full_resource_name", "fullResourceName")
_POLICIES = ("iamPolicy", "iam_policy", "policy")


@dataclass(frozen=True)
class Resource:
    """One resource: its full name in small letters, its type as the asset inventory calls it, and what it says."""

    id: str
    type: str
    said: dict[str, Any] = field(repr=False, hash=False)

    @property
    def name(self) -> str:
        """The name for people."""
        given = [_naming.text(self.said.get(word)) for word in ("email", "displayName", "projectId", "name")]
        return (next((text for text in given if text), "") or self.id).rpartition("/")[2]

    @property
    def kind(self) -> AssetKind:
        """The kind of asset."""
        if self.type.startswith(_STORES):
            return "data_store"
        return _KINDS.get(self.type, "cloud_resource")


@dataclass(frozen=True)
class Policy:
    """Who holds which role on one resource."""

    resource: str
    bindings: list[dict[str, Any]] = field(repr=False, hash=False)
    where: str = ""


def mapping(value: Any, *steps: str) -> dict[str, Any]:
    """The mapping that `steps` lead to; an empty one where there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def mappings(value: Any, *steps: str) -> list[dict[str, Any]]:
    """The mappings of the list that `steps` lead to."""
    found = mapping(value, *steps[:-1]).get(steps[-1])
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def texts(value: Any, *steps: str) -> list[str]:
    """The texts of the list that `steps` lead to."""
    found = mapping(value, *steps[:-1]).get(steps[-1])
    return [text for one in found if (text := _naming.text(one))] if isinstance(found, list) else []


def full_name(link: str) -> str:
    """The full resource name in small letters for a link or a full name; '' for what is neither."""
    if link.startswith("//"):
        return link.rstrip("/").lower()
    found = _LINK.match(link)
    if not found:
        return ""
    service, path = (found[1] or found[2]), found[3].rstrip("/")
    if service == "storage" and path.startswith("b/"):
        return f"//storage.googleapis.com/{path[2:]}".lower()
    if service in ("sqladmin", "sql"):
        service = "cloudsql"
    return f"//{service}.googleapis.com/{path}".lower()


def type_of(name: str) -> str:
    """The type that a full name spells."""
    service, _, path = name.removeprefix("//").partition("/")
    if service == "storage.googleapis.com":
        return f"{service}/Bucket"
    parts = path.split("/")
    folder = parts[-2] if len(parts) > 1 else ""
    return f"{service}/{_TYPES.get(folder, folder or 'Resource')}"


def account_name(email: str) -> str:
    """The key of a service account, user or group by its address."""
    return f"google:{email.strip().lower()}"


def above(path: str) -> str:
    """The full name of a project, folder or organisation by its path."""
    return f"//cloudresourcemanager.googleapis.com/{path}".lower()


def project_of(name: str) -> str:
    """The full name of the project that a full name lies in; '' where it names none."""
    found = re.search(r"/projects/([^/]+)/", name)
    return above(f"projects/{found[1]}") if found else ""


def found_in(document: Any) -> Iterator[Resource | Policy | str]:
    """Yield the resources and policies of a document in its lists, and where something stands that is neither."""
    yield from _walk(document, "", "", 0)


def _walk(value: Any, where: str, attached: str, depth: int) -> Iterator[Resource | Policy | str]:
    if depth >= _DEEPEST:
        yield where
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            if isinstance(inner, (dict, list)):
                yield from _walk(inner, f"{where}[{number}]", attached, depth + 1)
    elif isinstance(value, dict):
        yield from _of(value, where, attached, depth)


def _of(value: dict[str, Any], where: str, attached: str, depth: int) -> Iterator[Resource | Policy | str]:
    given = [name for word in _ATTACHED if (name := full_name(_naming.text(value.get(word))))]
    attached = given[0] if given else attached
    one = _resource(value)
    if one is not None:
        yield one
        attached = one.id
    if isinstance(value.get("bindings"), list):
        yield Policy(attached, mappings(value, "bindings"), where)
        return
    if one is None and not given and not value.keys() & {"items", "resources"} and value.keys() & {"name", "id"}:
        yield where or "the document"
        return
    for name, held in value.items():
        if isinstance(held, (dict, list)) and (one is None or name in _POLICIES):
            yield from _walk(held, f"{where}.{name}" if where else name, attached, depth + 1)


def _resource(value: dict[str, Any]) -> Resource | None:
    """The resource that a mapping is, in whichever form; None where it is none, as lists of resources are."""
    kind = _naming.text(value.get("kind"))
    asset = _naming.text(value.get("assetType") or value.get("asset_type"))
    name = _naming.text(value.get("name"))
    if asset and name.startswith("//"):
        return _of_inventory(value, asset, name)
    if "items" in value or kind.endswith(("List", "#buckets")):
        return None
    if "includedPermissions" in value and _ROLE.match(name):
        return Resource(f"//iam.googleapis.com/{name}", "iam.googleapis.com/Role", value)
    if account := _ACCOUNT.match(name):
        return Resource(account_name(account[1]), "iam.googleapis.com/ServiceAccount", value)
    identifier = full_name(_naming.text(value.get("selfLink") or value.get("self_link"))) or _named(value, name, kind)
    return Resource(identifier, type_of(identifier), value) if identifier else None


def _of_inventory(value: dict[str, Any], asset: str, name: str) -> Resource:
    """A resource as the asset inventory writes it, with the resource's own fields where they were exported."""
    inner = mapping(value, "resource", "data") or mapping(value, "additionalAttributes")
    said = {key: held for key, held in value.items() if key not in ("resource", "iamPolicy", "name")} | inner
    said.setdefault("name", name)
    said.setdefault("parent", mapping(value, "resource").get("parent"))
    if asset.endswith("/ServiceAccount") and (email := _naming.text(said.get("email"))):
        return Resource(account_name(email), asset, said)
    return Resource(name.lower(), asset, said)


def _named(value: dict[str, Any], name: str, kind: str) -> str:
    """The full name of a resource that has no link to itself; '' where it cannot be told."""
    if value.get("projectId") and "lifecycleState" in value:
        return above(f"projects/{_naming.text(value.get('projectId'))}")
    if _ABOVE.match(name):
        return above(name)
    if name and (kind == "storage#bucket" or "storageClass" in value or "storage_class" in value):
        return f"//storage.googleapis.com/{name}".lower()
    relative = _RELATIVE.match(name)
    if relative and relative[1] in _SERVICES:
        return f"//{_SERVICES[relative[1]]}.googleapis.com/{name}".lower()
    return ""
