"""What may reach what in a cluster: services, ingresses and network policies over the workloads of one report."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import Ties
from foreshore.discovery.readers._kubernetes_objects import Object, identity, listed, mapping, mappings, texts, words
from foreshore.discovery.readers._kubernetes_workloads import Workload
from foreshore.facts import Answer, Record, Relation, Sighting, Skipped

_DENIED = 1000  # the position of what a policy leaves out, after all that it allows
_INTERNAL = {
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    "networking.gke.io/load-balancer-type": ("internal",),
    "cloud.google.com/load-balancer-type": ("internal",),
    "alb.ingress.kubernetes.io/scheme": ("internal",),
    "kubernetes.io/ingress.class": ("gce-internal",),
    "service.beta.kubernetes.io/oci-load-balancer-internal": ("true",),
}
_FACING = {
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internet-facing",),
    "alb.ingress.kubernetes.io/scheme": ("internet-facing",),
}


def internet(one: Object) -> Answer:
    """What annotations state of a load balancer's place; unknown where they say nothing."""
    said = one.annotations
    if any(said.get(name, "").lower() in values for name, values in _FACING.items()):
        return "yes"
    return "no" if any(said.get(name, "").lower() in values for name, values in _INTERNAL.items()) else "unknown"


class Network:
    """The services, ingresses and policies of one report over its workloads."""

    def __init__(
        self, found: Iterable[Object], workloads: list[Workload], said: Ties, skip: Callable[[Skipped], None]
    ) -> None:
        held = list(found)
        self.said = said
        self.skip = skip
        self.workloads = workloads
        self.services = {one.key: one for one in held if one.kind == "Service"}
        self.ingresses = [one for one in held if one.kind == "Ingress"]
        self.policies = [one for one in held if one.kind == "NetworkPolicy"]
        self.labels = {one.name: one.labels for one in held if one.kind == "Namespace"}

    def records(self) -> Iterator[Record]:
        """Yield services and ingresses with whom they lead to, then what policies allow and deny."""
        for service in self.services.values():
            yield from self.service(service)
        for ingress in self.ingresses:
            yield from self.ingress(ingress)
        for policy in self.policies:
            yield from self.policy(policy)

    def reach(self, source: str, target: str, ports: str, protocol: str, note: str, **more: Any) -> Iterator[Record]:
        """Yield one relation between ends as they are written."""
        if source != target:
            yield Relation(
                kind="may_reach", source=source, target=target, ports=ports, protocol=protocol, note=note, **more
            )

    # -- services --

    def service(self, one: Object) -> Iterator[Record]:
        """Yield a service, who may reach it from outside, and the workloads behind it."""
        kind = _naming.text(one.spec.get("type")) or "ClusterIP"
        yield from self.said.sighting(_front(one, _addresses(one), (("service_type", kind),)))
        open_to: list[str] = []
        if kind == "LoadBalancer":
            open_to = [end for end in map(_range, texts(one.spec, "loadBalancerSourceRanges") or ["any"]) if end]
        elif kind == "NodePort" or listed(one.spec, "externalIPs"):
            open_to = ["any"]
        for workload in self.behind(one):
            yield from self.leads(one.key, workload.top.key, "leads to")
        for protocol, ports, behind in _service_ports(one, self.behind(one)):
            for source in open_to:
                yield from self.reach(source, f"asset:{one.key}", ports, protocol, kind)
            for workload, target_ports in behind:
                yield from self.reach(
                    f"asset:{one.key}", f"asset:{workload.top.key}", target_ports, protocol, "service"
                )

    def leads(self, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield that requests to one thing arrive at another."""
        yield from self.said.tie(
            Relation(kind="controls", source=f"asset:{source}", target=f"asset:{target}", note=note)
        )

    def behind(self, one: Object) -> list[Workload]:
        """The workloads that a service selects, each once."""
        selector = words(one.spec, "selector")
        found = [w for w in self.of(one.namespace) if _matches(w.labels, selector)] if selector else []
        return list({w.top.key: w for w in found}.values())

    def of(self, namespace: str) -> list[Workload]:
        """The workloads of one namespace."""
        return [one for one in self.workloads if one.top.namespace == namespace]

    # -- ingresses --

    def ingress(self, one: Object) -> Iterator[Record]:
        """Yield an ingress, who may reach it, and the services behind it."""
        hosts = [_naming.text(rule.get("host")) for rule in mappings(one.spec, "rules")]
        shown = (("hosts", ", ".join(dict.fromkeys(host for host in hosts if host))),)
        yield from self.said.sighting(_front(one, (("artifact", one.key), *_uid(one)), shown))
        ports = "80,443" if listed(one.spec, "tls") else "80"
        yield from self.reach("any", f"asset:{one.key}", ports, "tcp", "Ingress")
        for name, port in dict.fromkeys(_backends(one)):
            if name:
                yield from self.to_service(one, name, port)

    def to_service(self, one: Object, name: str, port: str) -> Iterator[Record]:
        """Yield the way from an ingress to a service; one that the report does not hold is sighted by its name."""
        key = identity("Service", one.namespace, name)
        service = self.services.get(key)
        yield from self.said.sighting(
            _front(service or Object("Service", one.namespace, name, {}), (("artifact", key),))
        )
        yield from self.leads(one.key, key, "routes to")
        if port and not port.isdigit():
            named = mappings(service.spec, "ports") if service is not None else []
            port = next((_naming.text(p.get("port")) for p in named if _naming.text(p.get("name")) == port), "")
        yield from self.reach(f"asset:{one.key}", f"asset:{key}", port, "tcp", "ingress")

    # -- policies --

    def policy(self, one: Object) -> Iterator[Record]:
        """Yield what one policy allows to and from the workloads that it selects; the rest is denied to them."""
        chosen = self.selected(one.spec.get("podSelector"), self.of(one.namespace))
        if not chosen:
            self.skip(Skipped(one.shown, "the network policy selects no workload of this report"))
            return
        kinds = texts(one.spec, "policyTypes") or (["Ingress", "Egress"] if "egress" in one.spec else ["Ingress"])
        for kind, field, peers in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
            if kind not in kinds:
                continue
            for workload in chosen:
                own = f"asset:{workload.top.key}"
                for rule in mappings(one.spec, field):
                    yield from self.rule(one, own, rule, peers)
                pair = ("any", own) if kind == "Ingress" else (own, "any")
                yield from self.reach(*pair, "", "any", f"NetworkPolicy {one.name}", allowed=False, position=_DENIED)

    def rule(self, one: Object, own: str, rule: dict[str, Any], peers: str) -> Iterator[Record]:
        """Yield one rule of a policy for one workload."""
        ends = self.ends(one, mappings(rule, peers)) if listed(rule, peers) else ["any"]
        for protocol, ports in _policy_ports(rule):
            for end in ends:
                source, target = (end, own) if peers == "from" else (own, end)
                yield from self.reach(source, target, ports, protocol, f"NetworkPolicy {one.name}", position=1)

    def ends(self, one: Object, peers: list[dict[str, Any]]) -> list[str]:
        """The ends that the peers of a rule stand for."""
        found: list[str] = []
        for peer in peers:
            block = mapping(peer, "ipBlock")
            if block:
                found.extend(_ranges(_naming.text(block.get("cidr")), texts(block, "except")))
                continue
            spaces = self.spaces(peer["namespaceSelector"]) if isinstance(peer.get("namespaceSelector"), dict) else None
            near = (
                self.of(one.namespace) if spaces is None else [w for w in self.workloads if w.top.namespace in spaces]
            )
            chosen = self.selected(peer.get("podSelector"), near)
            if not chosen:
                self.skip(Skipped(one.shown, "a rule of the network policy is for no workload of this report"))
            found.extend(f"asset:{workload.top.key}" for workload in chosen)
        return list(dict.fromkeys(found))

    def spaces(self, selector: dict[str, Any]) -> set[str]:
        """The namespaces that a selector is for, by the labels that the report states and the one that all have."""
        names = {one.top.namespace for one in self.workloads} | set(self.labels)
        return {
            name
            for name in names
            if _selects(selector, {"kubernetes.io/metadata.name": name} | self.labels.get(name, {}))
        }

    def selected(self, selector: Any, among: list[Workload]) -> list[Workload]:
        """The workloads that a selector is for; none stands for all."""
        chosen = [one for one in among if _selects(selector if isinstance(selector, dict) else {}, one.labels)]
        return list({one.top.key: one for one in chosen}.values())


def _front(one: Object, own: tuple[tuple[str, str], ...], more: tuple[tuple[str, str], ...] = ()) -> Sighting:
    shown = (("resource_type", one.kind), ("namespace", one.namespace), *more)
    return Sighting(
        key=one.key,
        name=one.shown,
        kind="cloud_resource",
        identifiers=own,
        internet=internet(one),
        attributes=tuple((name, text) for name, text in shown if text),
        tags=tuple(f"{name}={value}" for name, value in one.labels.items() if value),
    )


def _uid(one: Object) -> tuple[tuple[str, str], ...]:
    return (("cloud_id", f"kubernetes:{one.uid}"),) if one.uid else ()


def _addresses(one: Object) -> tuple[tuple[str, str], ...]:
    """Identifiers of a service, with the addresses that its load balancer was given."""
    found = [("artifact", one.key), *_uid(one)]
    for given in mappings(one.body, "status", "loadBalancer", "ingress"):
        found.extend(("ip", ip) for ip in [_naming.address(_naming.text(given.get("ip")))] if ip)
        found.extend(h for h in _naming.host_identifiers(_naming.text(given.get("hostname"))) if h[0] == "fqdn")
    return tuple(dict.fromkeys(found))


def _service_ports(one: Object, behind: list[Workload]) -> Iterator[tuple[str, str, list[tuple[Workload, str]]]]:
    """Yield (protocol, port of the service, [(workload, its port)])."""
    for port in mappings(one.spec, "ports"):
        number = _naming.text(port.get("port"))
        target = _naming.text(port.get("targetPort")) or number
        found = [(workload, target if target.isdigit() else _named_port(workload, target)) for workload in behind]
        yield _protocol(port), number, found


def _named_port(workload: Workload, name: str) -> str:
    for container in workload.containers:
        for port in mappings(container, "ports"):
            if _naming.text(port.get("name")) == name:
                return _naming.text(port.get("containerPort"))
    return ""


def _protocol(port: dict[str, Any]) -> str:
    return _naming.text(port.get("protocol")).lower() or "tcp"


def _backends(one: Object) -> Iterator[tuple[str, str]]:
    """(service, port by number or name) of every backend, in the forms of v1 and v1beta1."""
    found = [mapping(one.spec, "defaultBackend"), mapping(one.spec, "backend")]
    for rule in mappings(one.spec, "rules"):
        found.extend(mapping(path, "backend") for path in mappings(rule, "http", "paths"))
    for backend in found:
        service = mapping(backend, "service")
        port = mapping(service, "port")
        number = _naming.text(port.get("number")) or _naming.text(port.get("name"))
        yield (
            _naming.text(service.get("name")) or _naming.text(backend.get("serviceName")),
            number or _naming.text(backend.get("servicePort")),
        )


def _policy_ports(rule: dict[str, Any]) -> list[tuple[str, str]]:
    """[(protocol, ports)] of a rule; a port by name is every port, since only the pod knows it."""
    if not listed(rule, "ports"):
        return [("any", "")]
    found: dict[str, list[str]] = {}
    for port in mappings(rule, "ports"):
        first, last = _naming.port(port.get("port")), _naming.port(port.get("endPort"))
        shown = f"{first}-{last}" if first and last > first else str(first or "")
        found.setdefault(_protocol(port), []).append(shown)
    return [(protocol, "" if "" in ports else ",".join(ports)) for protocol, ports in found.items()]


def _matches(labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return all(labels.get(name) == value for name, value in wanted.items())


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector with labels and expressions is for something with `labels`."""
    if not _matches(labels, words(selector, "matchLabels")):
        return False
    for one in mappings(selector, "matchExpressions"):
        name, values = _naming.text(one.get("key")), texts(one, "values")
        held = {
            "In": labels.get(name) in values,
            "NotIn": labels.get(name) not in values,
            "Exists": name in labels,
            "DoesNotExist": name not in labels,
        }
        if not held.get(_naming.text(one.get("operator")), False):
            return False
    return True


def _range(value: str) -> str:
    """An end for an address range; `any` for all of them, '' where it is none."""
    if value == "any":
        return value
    try:
        network = ipaddress.ip_network(value.strip(), strict=False)
    except ValueError:
        return ""
    return "any" if network.prefixlen == 0 else str(network)


def _ranges(cidr: str, without: list[str]) -> list[str]:
    """The ranges of `cidr` less those in `without`, as rules of other policies may allow what one leaves out."""
    try:
        left = [ipaddress.ip_network(cidr.strip(), strict=False)]
        for one in without[:64]:
            out = ipaddress.ip_network(one.strip(), strict=False)
            left = [part for net in left for part in _less(net, out)]
    except (ValueError, TypeError):
        return []
    return ["any" if net.prefixlen == 0 else str(net) for net in sorted(left)]


def _less(net: Any, out: Any) -> Iterator[Any]:
    if net.version != out.version or not net.overlaps(out):
        yield net
    elif net.prefixlen < out.prefixlen:
        yield from net.address_exclude(out)
