"""What Google Cloud's firewalls let through, over the machines of one report and the networks they are in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._gcp_resources import Resource, full_name, mapping, mappings, texts
from foreshore.facts import Relation, Skipped

_EVERYWHERE = frozenset({"0.0.0.0/0", "::/0"})


def networks_of(machine: Resource) -> list[str]:
    """The full names of the networks that a machine is in."""
    found = [full_name(_naming.text(one.get("network"))) for one in mappings(machine.said, "networkInterfaces")]
    return list(dict.fromkeys(one for one in found if one))


def addresses_of(machine: Resource) -> Iterator[tuple[str, str]]:
    """Yield (`ip` or `public`, address) of a machine."""
    for one in mappings(machine.said, "networkInterfaces"):
        if private := _naming.address(_naming.text(one.get("networkIP"))):
            yield "ip", private
        for access in (*mappings(one, "accessConfigs"), *mappings(one, "ipv6AccessConfigs")):
            for name in ("natIP", "externalIpv6"):
                if public := _naming.address(_naming.text(access.get(name))):
                    yield "public", public


class Firewalls:
    """The firewall rules of one report and the machines that they are for."""

    def __init__(self, found: list[Resource]) -> None:
        self.rules = [one for one in found if one.type == "compute.googleapis.com/Firewall"]
        self.machines = [one for one in found if one.type == "compute.googleapis.com/Instance"]

    def open_machines(self) -> set[str]:
        """Machines that a rule lets the whole internet talk to."""
        found: set[str] = set()
        for rule in self.rules:
            inbound = not _outbound(rule) and not _off(rule) and mappings(rule.said, "allowed")
            if inbound and _EVERYWHERE & set(texts(rule.said, "sourceRanges")):
                found.update(one.id for one in self.targets(rule))
        return found

    def targets(self, rule: Resource) -> list[Resource]:
        """The machines that a rule is for."""
        network = full_name(_naming.text(rule.said.get("network")))
        near = [one for one in self.machines if network in networks_of(one)]
        tags, accounts = set(texts(rule.said, "targetTags")), set(texts(rule.said, "targetServiceAccounts"))
        if not tags and not accounts:
            return near
        return [one for one in near if _tags(one) & tags or _accounts(one) & accounts]

    def relations(self) -> Iterator[Relation | Skipped]:
        """Yield what each rule allows or denies; a rule for a whole network is for the network."""
        for rule in self.rules:
            if _off(rule):
                yield Skipped(rule.id, "the firewall rule is switched off")
            else:
                yield from self._rule(rule)

    def _rule(self, rule: Resource) -> Iterator[Relation]:
        own, others = self._own(rule), self._others(rule)
        pairs = [(mine, other) if _outbound(rule) else (other, mine) for mine in own for other in others]
        for allowed, word in ((True, "allowed"), (False, "denied")):
            for entry in mappings(rule.said, word):
                ports = ",".join(texts(entry, "ports"))
                for source, target in pairs:
                    if source != target:
                        yield Relation(
                            kind="may_reach",
                            source=source,
                            target=target,
                            ports="" if ports == "0-65535" else ports,
                            protocol=_protocol(entry),
                            allowed=allowed,
                            position=_naming.whole_number(rule.said.get("priority"), 1000),
                            note=rule.name,
                        )

    def _own(self, rule: Resource) -> list[str]:
        """Ends that a rule is for: the network, or machines by tag or account, else the tag as a zone."""
        network = full_name(_naming.text(rule.said.get("network")))
        labels = (*texts(rule.said, "targetTags"), *texts(rule.said, "targetServiceAccounts"))
        if not labels:
            return [f"asset:{network}"] if network else ["any"]
        return [f"asset:{one.id}" for one in self.targets(rule)] or [f"zone:{label}" for label in labels]

    def _others(self, rule: Resource) -> list[str]:
        """Ends at the other side of a rule."""
        found = [_end(one) for one in texts(rule.said, "destinationRanges" if _outbound(rule) else "sourceRanges")]
        tags, accounts = set(texts(rule.said, "sourceTags")), set(texts(rule.said, "sourceServiceAccounts"))
        near = [one for one in self.machines if _tags(one) & tags or _accounts(one) & accounts]
        found.extend(f"asset:{one.id}" for one in near)
        if not near:
            found.extend(f"zone:{label}" for label in sorted(tags | accounts))
        return list(dict.fromkeys(found)) or ["any"]


def _off(rule: Resource) -> bool:
    return rule.said.get("disabled") is True


def _outbound(rule: Resource) -> bool:
    return _naming.text(rule.said.get("direction")).upper() == "EGRESS"


def _tags(machine: Resource) -> set[str]:
    return set(texts(mapping(machine.said, "tags"), "items"))


def _accounts(machine: Resource) -> set[str]:
    return {_naming.text(one.get("email")) for one in mappings(machine.said, "serviceAccounts")}


def _end(value: str) -> str:
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return f"zone:{value.strip()}"
    return "any" if network.prefixlen == 0 else str(network)


def _protocol(entry: dict[str, Any]) -> str:
    word = _naming.text(entry.get("IPProtocol") or entry.get("ipProtocol")).lower()
    return {"all": "any", "": "any", "6": "tcp", "17": "udp", "1": "icmp"}.get(word, word)
