"""What Azure's network lets through: security groups over the subnets and machines that they protect."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._azure_resources import Resource, at, each, lower_id, texts
from foreshore.facts import Relation

_ANY = ("*", "internet", "0.0.0.0/0", "::/0", "any", "0.0.0.0")  # noqa: S104


class Network:
    """Interfaces, addresses, subnets and security groups of one report, by their ids."""

    def __init__(self, found: list[Resource]) -> None:
        self.addresses: dict[str, str] = {}  # public address -> its text
        self.interfaces: list[Resource] = []
        self.groups: list[Resource] = []
        self.protected: dict[str, list[str]] = {}  # security group -> subnets' ranges
        self.members: dict[str, list[str]] = {}  # security group -> machines
        self.direct: dict[str, list[str]] = {}  # the same, by their own interfaces only
        self.application: dict[str, list[str]] = {}  # application security group -> machines
        self.of_machine: dict[str, list[dict[str, Any]]] = {}  # machine -> its interfaces' fields
        self.subnet_group: dict[str, str] = {}
        for one in found:
            self._take(one)
        for interface in self.interfaces:
            self._interface(interface.said)

    def _take(self, one: Resource) -> None:
        if one.type == "microsoft.network/publicipaddresses":
            self.addresses[one.id] = _naming.address(_naming.text(one.said.get("ipaddress")))
        elif one.type == "microsoft.network/networkinterfaces":
            self.interfaces.append(one)
        elif one.type == "microsoft.network/networksecuritygroups":
            self.groups.append(one)
            for subnet in each(one.said.get("subnets")):
                self.subnet_group[lower_id(subnet.get("id"))] = one.id
        elif one.type == "microsoft.network/virtualnetworks/subnets":
            self._subnet(one.said)
        elif one.type == "microsoft.network/virtualnetworks":
            for subnet in each(one.said.get("subnets")):
                self._subnet(subnet)

    def _subnet(self, said: dict[str, Any]) -> None:
        group = lower_id(at(said, "networksecuritygroup", "id"))
        if group:
            self.subnet_group[lower_id(said.get("id"))] = group
            self.protected.setdefault(group, []).extend(_ranges(said))

    def _interface(self, said: dict[str, Any]) -> None:
        machine = lower_id(at(said, "virtualmachine", "id"))
        if not machine:
            return
        self.of_machine.setdefault(machine, []).append(said)
        own = lower_id(at(said, "networksecuritygroup", "id"))
        if own:
            self.direct.setdefault(own, []).append(machine)
        groups = {own}
        for place in each(said.get("ipconfigurations")):
            groups.add(self.subnet_group.get(lower_id(at(place, "subnet", "id")), ""))
            for group in each(place.get("applicationsecuritygroups")):
                self.application.setdefault(lower_id(group.get("id")), []).append(machine)
        for name in sorted(one for one in groups if one):
            self.members.setdefault(name, []).append(machine)

    def of(self, machine: str) -> Iterator[tuple[str, str]]:
        """Yield (kind, value) of the addresses of a machine: `mac`, `ip` or `public`."""
        for said in self.of_machine.get(machine, ()):
            if mac := _naming.text(said.get("macaddress")):
                yield "mac", mac
            for place in each(said.get("ipconfigurations")):
                if private := _naming.address(_naming.text(place.get("privateipaddress"))):
                    yield "ip", private
                public = self.addresses.get(lower_id(at(place, "publicipaddress", "id")), "")
                public = public or _naming.address(_naming.text(at(place, "publicipaddress", "ipaddress")))
                if public:
                    yield "public", public

    def open_machines(self) -> set[str]:
        """Machines that a rule of one of their groups lets the whole internet talk to."""
        found: set[str] = set()
        for group in self.groups:
            if any(_lets_all_in(rule) for rule in _rules_of(group)):
                found.update(self.members.get(group.id, ()))
        return found

    def relations(self) -> Iterator[Relation]:
        """Yield what every rule of every security group allows or denies, in the order of its priority."""
        for group in self.groups:
            subnets = self.protected.get(group.id, [])
            machines = self.direct.get(group.id, []) if subnets else self.members.get(group.id, [])
            near = [f"asset:{one}" for one in machines]
            protected = list(dict.fromkeys([*subnets, *near])) or [f"asset:{group.id}"]
            for rule in _rules_of(group):
                yield from self._rule(group, rule, protected)

    def _rule(self, group: Resource, rule: dict[str, Any], protected: list[str]) -> Iterator[Relation]:
        inbound = _naming.text(rule.get("direction")).lower() != "outbound"
        sources, targets = self._ends(rule, "source"), self._ends(rule, "destination")
        if inbound:
            targets = [end for end in targets if end not in ("any", "zone:VirtualNetwork")] or protected
        else:
            sources = [end for end in sources if end not in ("any", "zone:VirtualNetwork")] or protected
        for source in sources:
            for target in targets:
                if source != target:
                    yield Relation(
                        kind="may_reach",
                        source=source,
                        target=target,
                        ports=_ports(rule),
                        protocol=_protocol(rule),
                        allowed=_naming.text(rule.get("access")).lower() == "allow",
                        position=_naming.whole_number(rule.get("priority")),
                        note=f"{group.name}: {_naming.text(rule.get('name'))}",
                    )

    def _ends(self, rule: dict[str, Any], side: str) -> list[str]:
        given = (*texts(rule.get(f"{side}addressprefix")), *texts(rule.get(f"{side}addressprefixes")))
        found = [_end(value) for value in given]
        for group in each(rule.get(f"{side}applicationsecuritygroups")):
            identifier = lower_id(group.get("id"))
            machines = self.application.get(identifier, [])
            name = identifier.rpartition("/")[2]
            found.extend([f"asset:{one}" for one in machines] or ([f"zone:{name}"] if name else []))
        return list(dict.fromkeys(found)) or ["any"]


def _rules_of(group: Resource) -> list[dict[str, Any]]:
    """The rules of a security group under folded names, those that every group has among them."""
    return [*each(group.said.get("securityrules")), *each(group.said.get("defaultsecurityrules"))]


def _lets_all_in(rule: dict[str, Any]) -> bool:
    if _naming.text(rule.get("access")).lower() != "allow" or _naming.text(rule.get("direction")).lower() == "outbound":
        return False
    given = (*texts(rule.get("sourceaddressprefix")), *texts(rule.get("sourceaddressprefixes")))
    return any(one.lower() in _ANY for one in given)


def _ranges(said: dict[str, Any]) -> list[str]:
    """The address ranges of a subnet."""
    given = (*texts(said.get("addressprefix")), *texts(said.get("addressprefixes")))
    return [shown for value in given if not (shown := _end(value)).startswith("zone:")]


def _end(value: str) -> str:
    """`any`, an address range, or the zone that a service tag stands for."""
    if value.strip().lower() in _ANY:
        return "any"
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return f"zone:{value.strip()}"
    return str(network)


def _protocol(rule: dict[str, Any]) -> str:
    word = _naming.text(rule.get("protocol")).lower()
    return "any" if word in ("", "*") else word


def _ports(rule: dict[str, Any]) -> str:
    """The ports of a rule's destination; '' for all."""
    found = [*texts(rule.get("destinationportrange")), *texts(rule.get("destinationportranges"))]
    shown = [one.strip() for one in found if one.strip()]
    return "" if not shown or "*" in shown or "0-65535" in shown else ",".join(dict.fromkeys(shown))
