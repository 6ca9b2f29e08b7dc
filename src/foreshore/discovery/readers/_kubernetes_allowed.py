"""What the rules of a role allow, one right at a time: `create pods`, `get secrets by name`.

Only rights by which something can be taken over are told; wildcards are written out to those. What a right leads
to is not decided here but by the rules of the attack graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from foreshore.discovery.readers._kubernetes_objects import Object, listed, mappings, texts, words

_RBAC = "rbac.authorization.k8s.io"
_SIGNING = "certificates.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
# (verbs, API group, resources, kind of the object where the right can be limited to one by its name)
_NAMED: tuple[tuple[str, str, str, str], ...] = (
    ("get list watch", "", "secrets", "Secret"),
    ("create", "", "pods", ""),
    ("update patch", "", "pods pods/ephemeralcontainers", "Pod"),
    ("create get", "", "pods/exec pods/attach", "Pod"),
    ("get", "", "pods/log nodes/log", ""),
    ("create get", "", "nodes/proxy", "Node"),
    ("create", "", "serviceaccounts/token", "ServiceAccount"),
    ("impersonate", "", "users", "User"),
    ("impersonate", "", "groups", "Group"),
    ("impersonate", "", "serviceaccounts", "ServiceAccount"),
    ("create update patch", "", "replicationcontrollers", ""),
    ("create update patch", "apps", "deployments daemonsets statefulsets replicasets", ""),
    ("create update patch", "batch", "jobs cronjobs", ""),
    ("bind", _RBAC, "clusterroles", "ClusterRole"),
    ("bind", _RBAC, "roles", "Role"),
    ("escalate update patch", _RBAC, "roles clusterroles", ""),
    ("create update patch", _RBAC, "rolebindings clusterrolebindings", ""),
    ("create", _SIGNING, "certificatesigningrequests", ""),
    ("update patch", _SIGNING, "certificatesigningrequests/approval", ""),
    ("approve", _SIGNING, "signers", ""),
    ("create update patch", _ADMISSION, "mutatingwebhookconfigurations", ""),
)
# What belongs to no namespace: a role that holds in one namespace allows nothing of it.
_CLUSTER_WIDE = frozenset(
    {"nodes/log", "nodes/proxy", "users", "groups", "clusterrolebindings", "certificatesigningrequests",
     "certificatesigningrequests/approval", "signers", "mutatingwebhookconfigurations"}
)  # fmt: skip
_MANAGED = "deployments daemonsets statefulsets replicasets"


class Right(NamedTuple):
    """One verb on one resource; with a `name` on that object alone, whose kind is `kind`."""

    verb: str
    resource: str
    kind: str = ""
    name: str = ""

    @property
    def note(self) -> str:
        """The right in words, as rules of the attack graph name it."""
        return f"{self.verb} {self.resource}{' by name' if self.name else ''}"


@dataclass(frozen=True)
class Rule:
    """One rule of a role."""

    verbs: tuple[str, ...]
    resources: tuple[str, ...]
    groups: tuple[str, ...]
    names: tuple[str, ...]

    @property
    def note(self) -> str:
        """The rule in short: verbs, resources, and the names that it is limited to."""
        names = f"[{','.join(self.names)}]" if self.names else ""
        return f"{','.join(self.verbs)}:{','.join(self.resources)}{names}"

    @property
    def everything(self) -> bool:
        """Whether the rule allows all there is."""
        return all("*" in held for held in (self.verbs, self.resources, self.groups)) and not self.names

    def allows(self, verb: str, *resources: str) -> bool:
        """Whether the rule allows `verb` on any of `resources` without a limit by names."""
        return not self.names and self.speaks_of(verb) and any(map(self.covers, resources))

    def speaks_of(self, verb: str) -> bool:
        """Whether the verb is among the rule's."""
        return "*" in self.verbs or verb in self.verbs

    def covers(self, resource: str) -> bool:
        """Whether the resource is among the rule's: by its name, by `*`, or a part of any resource by `*/part`."""
        part = resource.partition("/")[2]
        return "*" in self.resources or resource in self.resources or bool(part and f"*/{part}" in self.resources)

    def within(self, group: str) -> bool:
        """Whether the rule is for an API group; a rule that names none is taken as for all."""
        return not self.groups or "*" in self.groups or group in self.groups

    def rights(self, cluster: bool) -> Iterator[Right]:
        """Yield the rights that the rule gives; `cluster`: where the role holds in all of it."""
        for verbs, group, resources, kind in _NAMED:
            if not self.within(group):
                continue
            for resource in resources.split():
                for verb in filter(self.speaks_of, verbs.split()) if self.covers(resource) else ():
                    if cluster or _holds_in_a_namespace(verb, resource):
                        yield from self._limited(verb, resource, kind)

    def _limited(self, verb: str, resource: str, kind: str) -> Iterator[Right]:
        if not self.names:
            yield Right(verb, resource)
        elif kind:
            yield from (Right(verb, resource, kind, name) for name in self.names)


def _holds_in_a_namespace(verb: str, resource: str) -> bool:
    """Of cluster roles only binding is possible within a namespace."""
    return resource not in _CLUSTER_WIDE and (resource != "clusterroles" or verb == "bind")


def rules_of(role: Object, roles: Iterable[Object] = ()) -> tuple[Rule, ...]:
    """The rules of a role that are about resources, those of cluster roles that it gathers by their labels among them."""
    gathered = [one for one in roles if one.kind == "ClusterRole" and one.key != role.key and _gathers(role, one)]
    found: dict[Rule, None] = {}
    for body in (role.body, *(one.body for one in gathered)):
        for one in mappings(body, "rules"):
            verbs = tuple(verb.lower() for verb in texts(one, "verbs"))
            resources = tuple(name.lower() for name in texts(one, "resources"))
            if verbs and resources:
                groups = tuple(group for group in listed(one, "apiGroups") if isinstance(group, str))
                found[Rule(verbs, resources, groups, tuple(texts(one, "resourceNames")))] = None
    return tuple(found)


def _gathers(role: Object, other: Object) -> bool:
    """Whether a cluster role takes the rules of another into its own."""
    for selector in mappings(role.body, "aggregationRule", "clusterRoleSelectors"):
        wanted = words(selector, "matchLabels")
        if wanted and all(other.labels.get(name) == value for name, value in wanted.items()):
            return True
    return False


def _rule(verbs: str, resources: str, group: str = "") -> Rule:
    return Rule(tuple(verbs.split()), tuple(resources.split()), (group,), ())


_EDIT = (
    _rule("get list watch create update patch delete", "pods secrets replicationcontrollers serviceaccounts"),
    _rule("create get", "pods/exec pods/attach pods/portforward pods/proxy services/proxy"),
    _rule("get", "pods/log"),
    _rule("impersonate", "serviceaccounts"),
    _rule("create", "serviceaccounts/token"),
    _rule("create update patch delete", _MANAGED, "apps"),
    _rule("create update patch delete", "jobs cronjobs", "batch"),
)
# Roles that every cluster has, as Kubernetes documents them, for bindings in a report that does not hold the role.
# `admin` also writes roles and bindings, but neither binds nor escalates: it cannot give what it does not have.
_BUILT_IN: dict[str, tuple[Rule, ...]] = {
    "cluster-admin": (Rule(("*",), ("*",), ("*",), ()),),
    "admin": (*_EDIT, _rule("create update patch", "roles rolebindings", _RBAC)),
    "edit": _EDIT,
    "view": (_rule("get", "pods/log"),),
}
# Roles of a namespace that every cluster has: whoever may bind roles there can take them.
BUILT_IN_ROLES: dict[tuple[str, str], tuple[Rule, ...]] = {
    ("kube-system", "system:controller:bootstrap-signer"): (_rule("get list watch", "secrets"),),
    ("kube-system", "system:controller:token-cleaner"): (_rule("get list watch delete", "secrets"),),
}
_BELOW = {"admin": ("admin", "edit", "view"), "edit": ("edit", "view"), "view": ("view",)}


def built_in(name: str, roles: Iterable[Object]) -> tuple[Rule, ...]:
    """The rules of a cluster role that every cluster has, with those that the roles of a report add to it by label."""
    labels = [f"rbac.authorization.k8s.io/aggregate-to-{one}" for one in _BELOW.get(name, ())]
    added = [one for one in roles if any(one.labels.get(label) == "true" for label in labels)]
    return (*_BUILT_IN.get(name, ()), *(rule for one in added for rule in rules_of(one)))
