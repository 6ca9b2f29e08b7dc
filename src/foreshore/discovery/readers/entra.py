"""Entra and Intune as Microsoft Graph answers: users, groups, service principals, devices, directory roles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming
from foreshore.discovery.readers._azure_resources import each, fields
from foreshore.discovery.readers._directory import Ties
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, ControlSeen, Record, Relation, RunSeen, Sighting, Skipped

_HERE = regex(
    r'"@odata\.context"\s*:\s*"https://graph\.microsoft\.(?:com|us)/|'
    r'"(?:@odata\.type|odata_type)"\s*:\s*"#microsoft\.graph\.(?:user|group|device|servicePrincipal|managedDevice)"|'
    r'"(?:userPrincipalName|user_principal_name)"\s*:\s*"[^"@]{1,200}@'
)
_ANY: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Any)
_PAIR = regex(r"[0-9A-Fa-f]{2}")
_DEEPEST = 6
_SHOWN = (
    "userprincipalname", "mail", "department", "jobtitle", "accountenabled", "usertype", "securityenabled",
    "grouptypes", "appid", "serviceprincipaltype", "signinaudience", "templateid", "isbuiltin", "deviceid", "trusttype",
    "compliancestate", "iscompliant", "ismanaged", "managementagent", "manufacturer", "model", "azureaddeviceid",
    "onpremisessecurityidentifier", "onpremisessyncenabled", "isassignabletorole", "lastsyncdatetime",
)  # fmt: skip


@dataclass(frozen=True)
class Entra:
    """Reads answers of Microsoft Graph: who is who, who holds which directory role, and managed devices with users."""

    version: int = 2
    priority: int = -20  # other reports hold users of Entra beside what they are about

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins answers of Microsoft Graph."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] in ("{", "[") and bool(_HERE.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, every object once, then members, owners and holders of roles."""
        document = _decoding.whole(report, _ANY)
        left: Counter[str] = Counter()
        found = list(_objects(document, "", 0, left))
        if not found:
            raise BadReport(
                "holds no user, group, device or role",
                where=report.name,
                hint="export with: az rest, or Graph Explorer",
            )
        yield RunSeen(tool="entra", settings=(("objects", str(len(found))),))
        skipped: list[Skipped] = []
        reading = _Reading(skipped.append)
        for kind, said in found:
            yield from reading.object(kind, said)
        for kind, said in found:
            yield from reading.ties(kind, said)
        yield from skipped
        yield from (Skipped(where, f"{count} objects of a kind that is not read") for where, count in left.items())


def _objects(value: Any, where: str, depth: int, left: Counter[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for inner in value:
            yield from _objects(inner, where, depth + 1, left)
    elif isinstance(value, dict):
        said = fields(value)
        kind = _kind(said)
        if kind:
            yield kind, said
        elif "id" in said:
            left[where or "the document"] += 1
        else:
            for name, inner in value.items():
                if isinstance(inner, (dict, list)):
                    yield from _objects(inner, f"{where}.{name}" if where else str(name), depth + 1, left)


def _kind(said: dict[str, Any]) -> str:
    """The kind of object by its own word for it, else by the fields that only that kind has; '' for others."""
    if not isinstance(said.get("id"), str):
        return ""
    if "roledefinitionid" in said and "principalid" in said:
        return "assignment"
    if "serialnumber" in said and "devicename" in said:
        return "manageddevice"
    word = _naming.text(said.get("@odata.type") or said.get("odatatype")).lower().removeprefix("#microsoft.graph.")
    if word in ("user", "group", "device", "serviceprincipal", "directoryrole", "application"):
        return word
    for field, kind in (
        ("userprincipalname", "user"), ("securityenabled", "group"), ("serviceprincipaltype", "serviceprincipal"),
        ("roletemplateid", "directoryrole"), ("isbuiltin", "directoryrole"), ("signinaudience", "application"),
    ):  # fmt: skip
        if field in said:
            return kind
    return "device" if "deviceid" in said and "operatingsystem" in said else ""


class _Reading:
    """What one reading said."""

    def __init__(self, skip: Callable[[Skipped], None]) -> None:
        self.said = Ties()
        self.skip = skip

    def object(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield one object as an asset; a managed device with what Intune says of its disk."""
        if kind == "assignment":
            return
        key = _key(kind, said)
        names = ("devicename", "displayname", "userprincipalname", "id")
        host = kind in ("device", "manageddevice")
        asset: AssetKind = "host" if host else "identity"
        system = (_naming.text(said.get("operatingsystem")), _version(said))
        shown = [("directory_kind", kind), ("directory", "entra")]
        for field in _SHOWN:
            value = said.get(field)
            text = ", ".join(_naming.texts(value)) if isinstance(value, list) else _naming.text(value)
            if text:
                shown.append((field, text))
        if kind == "directoryrole" and key.startswith("entra:"):
            shown = [one for one in shown if one[0] != "templateid"] + [("templateid", key.removeprefix("entra:"))]
        fresh = list(
            self.said.sighting(
                Sighting(
                    key=key,
                    name=next(text for field in names if (text := _naming.text(said.get(field)))),
                    kind=asset,
                    identifiers=tuple(_identifiers(key, kind, said)),
                    os=" ".join(part for part in system if part),
                    owner=_naming.text(said.get("userprincipalname")) if kind == "manageddevice" else "",
                    attributes=tuple(shown),
                    observed_at=_naming.when(said.get("lastsyncdatetime")),
                )
            )
        )
        yield from fresh
        encrypted = said.get("isencrypted")
        if fresh and isinstance(encrypted, bool):
            yield ControlSeen(asset=key, kind="encryption", state="on" if encrypted else "off", name="disk")

    def ties(self, kind: str, said: dict[str, Any]) -> Iterator[Record]:
        """Yield the members and owners that an object lists, and who holds a role."""
        if kind == "assignment":
            principal = f"entra:{_naming.text(said.get('principalid')).lower()}"
            scope = _naming.text(said.get("directoryscopeid")).strip("/")
            role = f"entra:{_naming.text(said.get('roledefinitionid')).lower()}"
            if scope:
                yield from self.tie(
                    "controls", principal, f"entra:{scope.rpartition('/')[2].lower()}", f"role {role[6:]}"
                )
            else:
                yield from self.tie("member_of", principal, role, "role")
            return
        key = _key(kind, said)
        for field, relation, note in (("members", "member_of", ""), ("owners", "controls", "Owner")):
            for one in each(said.get(field)):
                if number := _naming.text(one.get("id")):
                    yield from self.tie(relation, f"entra:{number.lower()}", key, note)
        if kind == "manageddevice" and (user := _naming.text(said.get("userid"))):
            yield from self.tie("logged_on", f"entra:{user.lower()}", key, "primary user")

    def tie(self, kind: str, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield one relation; ends that the report does not describe are sighted by their number."""
        for key in (source, target):
            yield from self.said.sighting(Sighting(key=key, name="", kind="identity", identifiers=(("cloud_id", key),)))
        yield from self.said.tie(
            Relation(kind=kind, source=f"asset:{source}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
        )


def _key(kind: str, said: dict[str, Any]) -> str:
    """The key of an object: its number in Entra; roles are known by their template's, applications by their own."""
    number = _naming.text(said.get("id")).lower()
    if kind == "directoryrole":
        number = (_naming.text(said.get("roletemplateid")) or _naming.text(said.get("templateid")) or number).lower()
    if kind == "application" and (app := _naming.text(said.get("appid"))):
        return f"entra:app:{app.lower()}"
    return f"intune:{number}" if kind == "manageddevice" else f"entra:{number}"


def _version(said: dict[str, Any]) -> str:
    return _naming.text(said.get("osversion")) or _naming.text(said.get("operatingsystemversion"))


def _identifiers(key: str, kind: str, said: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Identifiers of an object; a managed device is known by its serial number, as other tools know it."""
    serial = _naming.text(said.get("serialnumber"))
    if kind != "manageddevice":
        yield "cloud_id", key
    elif serial:
        yield "serial", serial
    else:
        yield "artifact", key
    for field in ("wifimacaddress", "ethernetmacaddress"):
        bare = _naming.text(said.get(field))
        spelled = ":".join(_PAIR.findall(bare)) if len(bare) == 12 else bare  # Intune leaves the colons out
        yield from (("mac", mac) for mac in _hosts.macs(spelled))
    name = _naming.text(said.get("devicename") or said.get("displayname"))
    if kind in ("device", "manageddevice") and " " not in name:
        yield from (one for one in _naming.host_identifiers(name) if one[0] in ("hostname", "fqdn"))


PLUGIN = Entra()
