"""Resources and devices of OCSF events, as assets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from foreshore.discovery.readers import _cloud_rows, _hosts, _naming
from foreshore.discovery.readers._cloud_rows import Resource, mapping, objects
from foreshore.facts import SINGLE_VALUED, AssetKind, Sighting

Event = Mapping[str, Any]
_DEVICES = frozenset({4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15})  # type_id of devices that are no computers
_CLOUDS = {
    "amazon": "aws", "amazon web services": "aws", "google": "gcp", "google cloud": "gcp", "microsoft": "azure",
    "microsoft azure": "azure",
}  # fmt: skip
_BY_WORD: tuple[tuple[str, AssetKind], ...] = (
    ("containerimage", "image"), ("container image", "image"), ("container_image", "image"),
    ("repository", "repository"), ("instance", "host"), ("server", "host"), ("virtual machine", "host"),
    ("host", "host"), ("bucket", "data_store"), ("database", "data_store"), ("user", "identity"), ("role", "identity"),
)  # fmt: skip


def provider(event: Event) -> str:
    """The cloud of the event in one spelling: aws, azure, gcp; '' where there is none."""
    said = _naming.text(mapping(event.get("cloud")).get("provider")).strip().lower()
    return _CLOUDS.get(said, said)


def account(event: Event) -> str:
    """The account, project or subscription of the event."""
    return _naming.text(mapping(mapping(event.get("cloud")).get("account")).get("uid"))


def product(event: Event) -> str:
    """Who made the event: its vendor, else its product, in lower case."""
    said = mapping(mapping(event.get("metadata")).get("product"))
    return (_naming.text(said.get("vendor_name")) or _naming.text(said.get("name")) or "unknown").lower()


def moment(one: Event, name: str) -> Any:
    """A time of the event: `name` as text with `_dt`, else as a number of milliseconds."""
    return _naming.when(one.get(f"{name}_dt")) or _naming.when(one.get(name))


def of_event(event: Event) -> list[tuple[Resource, Sighting]]:
    """All that the event is about: its resources, else its device, else its application, else the account."""
    found = [_resource(event, one) for name in ("resources", "resource") for one in objects(event.get(name))]
    if not found and (device := mapping(event.get("device"))):
        found = [_device(event, device)]
    if not found and (application := mapping(event.get("application"))):
        found = [_resource(event, {**application, "type": "application"})]
    return found or [_account(event)]


def _account(event: Event) -> tuple[Resource, Sighting]:
    if account(event):
        found = _cloud_rows.whole_account(provider(event) or "cloud", account(event))
    else:
        said = mapping(mapping(event.get("metadata")).get("product"))
        shown = f"what {_naming.text(said.get('name')) or 'an unnamed product'} looked at"
        found = Resource(shown, shown, "cloud_resource", (("artifact", shown),), whole_account=True)
    return found, _sighting(event, found, {})


def _sighting(event: Event, found: Resource, one: Event, **more: Any) -> Sighting:
    named = mapping(mapping(event.get("cloud")).get("account"))
    group, owner = mapping(one.get("group")), mapping(one.get("owner"))
    attributes = (
        ("provider", provider(event)), ("account_name", _naming.text(named.get("name"))),
        ("resource_type", _naming.text(one.get("type"))), ("namespace", _naming.text(one.get("namespace"))),
        ("cloud_service", _naming.text(group.get("name"))), ("criticality", _naming.text(one.get("criticality"))),
    )  # fmt: skip
    return _cloud_rows.sighting(
        found,
        attributes=(*attributes, *more.pop("attributes", ())),
        owner=_naming.text(owner.get("email_addr")) or _naming.text(owner.get("name")),
        tags=_tags(one),
        observed_at=moment(event, "time"),
        **more,
    )


def _tags(one: Event) -> tuple[str, ...]:
    """Labels are texts `key:value`, tags objects with name and value."""
    labels = _naming.texts(one.get("labels"))
    plain = tuple(label if "=" in label else label.replace(":", "=", 1) for label in labels)
    return tuple(dict.fromkeys((*plain, *_cloud_rows.tags(one.get("tags")))))


def _resource(event: Event, one: Event) -> tuple[Resource, Sighting]:
    uid, name = _naming.text(one.get("uid")), _naming.text(one.get("name"))
    region = _naming.text(one.get("region")) or _naming.text(mapping(event.get("cloud")).get("region"))
    kind = _kind(_naming.text(one.get("type")).lower())
    cloud = provider(event) or (
        "aws" if uid.startswith("arn:") else "azure" if uid.startswith("/subscriptions/") else ""
    )
    if cloud:
        shown = "" if name == uid or name.startswith("arn:") else name
        found = _cloud_rows.resource(uid or name, provider=cloud, account=account(event), region=region, name=shown)
    else:
        found = _plain(uid, name, kind)
    hostname, address = _naming.text(one.get("hostname")), _naming.text(one.get("ip"))
    identifiers = [*_hosts.named("fqdn", hostname), *_hosts.named("ip", address)]
    if found.kind == "host":
        identifiers.extend(_agents(event, one))
    extra: dict[str, Any] = {}
    if kind and found.kind == "cloud_resource" and not found.whole_account:
        extra["kind"] = kind
    return found, _sighting(event, found, one, identifiers=tuple(identifiers), **extra)


def _kind(word: str) -> AssetKind | None:
    return next((kind for part, kind in _BY_WORD if part in word), None)


def _plain(uid: str, name: str, kind: AssetKind | None) -> Resource:
    """A resource outside any cloud, by what kind of thing it is said to be."""
    shown = name or uid or "unnamed resource"
    identifiers: tuple[tuple[str, str], ...] = ()
    if kind == "image":
        references = [one for one in (name, uid) if one and not one.startswith("sha256:")]
        identifiers = _naming.image_identifiers(references, [uid, name])
    elif kind == "repository" and "://" in shown:
        identifiers = (("repo_url", shown.lower().removesuffix("/").removesuffix(".git")),)
    elif kind == "host":
        identifiers = _hosts.gather(_hosts.named("fqdn", name), _hosts.named("fqdn", uid))
    return Resource(uid or shown, shown, kind or "cloud_resource", identifiers or (("artifact", uid or shown),))


def _agents(event: Event, one: Event) -> list[tuple[str, str]]:
    """Identifiers of agents on the machine, under the names of their makers."""
    found = []
    for agent in objects(one.get("agent_list")):
        maker = _naming.text(agent.get("vendor_name")) or _naming.text(agent.get("name")) or product(event)
        if uid := _naming.text(agent.get("uid")):
            found.append(("agent_id", f"{maker.lower()}:{uid}"))
    return found


def _device(event: Event, device: Event) -> tuple[Resource, Sighting]:
    """A device, by all identifiers that it states."""
    uid, name = _naming.text(device.get("uid")), _naming.text(device.get("name"))
    name = name or _naming.text(device.get("hostname")) or uid or "unnamed device"
    known = _one_of_each(_hosts.gather(_numbers(event, device), _network(device))) or (("artifact", name),)
    kind: AssetKind = "device" if _naming.whole_number(device.get("type_id")) in _DEVICES else "host"
    region = _naming.text(device.get("region")) or _naming.text(mapping(event.get("cloud")).get("region"))
    found = Resource(known[0][1], name, kind, known, account(event), region)
    os = mapping(device.get("os"))
    wanted = ("vpc_uid", "subnet_uid", "model", "vendor_name", "risk_level", "is_managed", "is_compliant", "domain")
    sighting = _sighting(
        event,
        found,
        device,
        attributes=tuple((field, _naming.text(device.get(field))) for field in wanted),
        os=" ".join(part for field in ("name", "version") if (part := _naming.text(os.get(field)))),
    )
    return found, sighting


def _numbers(event: Event, device: Event) -> list[tuple[str, str]]:
    """Identifiers that clouds, makers and agents gave to a device; its own number is one of its product's."""
    uid, instance = _naming.text(device.get("uid")), _naming.text(device.get("instance_uid"))
    hardware = mapping(device.get("hw_info"))
    identifiers: list[tuple[str, str]] = []
    for one in dict.fromkeys((uid, instance)):
        if one.startswith("arn:"):
            identifiers.append(("arn", one))
        elif re.fullmatch(r"i-[0-9a-z]{4,}", one) or one.lower().startswith("/subscriptions/"):
            identifiers.append(("cloud_id", one.lower()))
        elif one and one == uid:
            identifiers.append(("agent_id", f"{product(event)}:{one}"))
    identifiers.append(("serial", _naming.text(hardware.get("serial_number"))))
    identifiers.append(("bios_uuid", _hosts.uuid(_naming.text(hardware.get("uuid")))))
    identifiers.extend(_agents(event, device))
    return identifiers


def _network(device: Event) -> list[tuple[str, str]]:
    """Names and addresses of a device and its interfaces; a short name with its domain is a full one."""
    found: list[tuple[str, str]] = []
    hostname, domain = _naming.text(device.get("hostname")), _naming.text(device.get("domain"))
    if hostname and "." in domain and "." not in hostname:
        found.extend(_hosts.named("fqdn", f"{hostname}.{domain}"))
    found.extend(_hosts.named("fqdn", hostname))
    for one in (device, *objects(device.get("network_interfaces"))):
        found.extend(("mac", mac) for mac in _hosts.macs(_naming.text(one.get("mac"))))
        found.extend(_hosts.named("ip", _naming.text(one.get("ip"))))
    return found


def _one_of_each(identifiers: _hosts.Identifiers) -> _hosts.Identifiers:
    """At most one identifier of each class that has one value only."""
    seen: set[str] = set()
    found = []
    for kind, value in identifiers:
        if kind in SINGLE_VALUED and kind in seen:
            continue
        seen.add(kind)
        found.append((kind, value))
    return tuple(found)
