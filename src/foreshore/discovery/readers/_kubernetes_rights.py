"""Who may do what in a cluster: service accounts, users and groups, their roles, and what the roles allow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._directory import Ties
from foreshore.discovery.readers._kubernetes_allowed import BUILT_IN_ROLES, Right, Rule, built_in, rules_of
from foreshore.discovery.readers._kubernetes_objects import NOWHERE, Object, identity, mapping, mappings
from foreshore.facts import Covered, Finding, Record, Relation, Severity, Sighting

CLUSTER = identity("Cluster", "", "")
_NAMESPACES = identity("Namespace", "", "") + "/"
_PEOPLE = (identity("User", "", "") + "/", identity("Group", "", "") + "/")
_MAKERS = (
    "cronjobs", "daemonsets", "deployments", "jobs", "replicasets", "replicationcontrollers", "statefulsets",
)  # fmt: skip
_DATA = ("Secret", "Secrets", "PersistentVolumeClaim")
_ANYBODY = ("system:anonymous", "system:unauthenticated")


class Check(NamedTuple):
    """One check on what a role allows in sum."""

    rule: str
    severity: Severity
    title: str
    pairs: tuple[tuple[str, tuple[str, ...]], ...]  # all of (verb, any of these resources)


_EVERYTHING = Check("k8s-role-allows-everything", "high", "The role allows everything", ())
_CHECKS = (
    Check("k8s-role-reads-secrets", "high", "The role reads secrets, tokens of service accounts among them",
          (("get", ("secrets",)),)),
    Check("k8s-role-lists-secrets", "high", "The role lists secrets, and a list holds their contents",
          (("list", ("secrets",)),)),
    Check("k8s-role-creates-pods", "high",
          "The role creates pods, so it can run as any service account there and mount any secret",
          (("create", ("pods",)),)),
    Check("k8s-role-changes-workloads", "medium",
          "The role creates workloads, so it can run as any service account there", (("create", _MAKERS),)),
    Check("k8s-role-runs-commands", "high", "The role runs commands in pods",
          (("create", ("pods/exec", "pods/attach")),)),
    Check("k8s-role-debugs-pods", "high", "The role adds debugging containers to pods",
          (("patch", ("pods/ephemeralcontainers",)),)),
    Check("k8s-role-binds-cluster-wide", "critical", "The role can bind any cluster role to itself, cluster-wide",
          (("create", ("clusterrolebindings",)), ("bind", ("clusterroles",)))),
    Check("k8s-role-binds", "high", "The role can bind other roles to itself",
          (("create", ("rolebindings",)), ("bind", ("clusterroles", "roles")))),
    Check("k8s-role-escalates", "critical", "The role may write roles that allow more than its holder has",
          (("escalate", ("clusterroles", "roles")),)),
    Check("k8s-role-impersonates", "critical", "The role can act as other users, groups or service accounts",
          (("impersonate", ("users", "groups", "serviceaccounts")),)),
    Check("k8s-role-makes-tokens", "high", "The role makes tokens of service accounts",
          (("create", ("serviceaccounts/token",)),)),
    Check("k8s-role-reaches-kubelets", "high",
          "The role reaches the kubelets of nodes, and through them every container", (("get", ("nodes/proxy",)),)),
    Check("k8s-role-approves-certificates", "high", "The role approves requests for client certificates",
          (("update", ("certificatesigningrequests/approval",)), ("approve", ("signers",)))),
    Check("k8s-role-changes-admission", "high",
          "The role makes webhooks that see and alter everything that is created",
          (("create", ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")),)),
)  # fmt: skip


_RULES = (_EVERYTHING.rule, *(check.rule for check in _CHECKS))


def role_findings(key: str, role: Object) -> Iterator[Finding]:
    """Yield what a role allows that takes a cluster over."""
    rules = rules_of(role)
    if any(rule.everything for rule in rules):
        yield _finding(key, _EVERYTHING, "*:*")
        return
    for check in _CHECKS:
        matched = [next((r.note for r in rules if r.allows(verb, *names)), "") for verb, names in check.pairs]
        if all(matched):
            yield _finding(key, check, "; ".join(dict.fromkeys(matched)))


def _finding(key: str, check: Check, where: str) -> Finding:
    return Finding(
        asset=key,
        rule=check.rule,
        title=check.title,
        severity=check.severity,
        kind="misconfiguration",
        resource=where,
        proof="configuration",
        solution="Take the right away from the role, or bind the role to those who need it only.",
    )


class Rights:
    """The roles and bindings of one report."""

    def __init__(self, found: Iterable[Object], said: Ties) -> None:
        held = list(found)
        self.said = said
        # The namespace that every cluster has; its number tells clusters apart.
        self.cluster = next((one.uid for one in held if one.kind == "Namespace" and one.name == "kube-system"), "")
        self.roles = {one.key: one for one in held if one.kind in ("Role", "ClusterRole")}
        self.bindings = [one for one in held if one.kind in ("RoleBinding", "ClusterRoleBinding")]
        self.accounts: dict[str, None] = {}  # every service account so far
        self.spaces: set[str] = set()  # every namespace so far
        self.binding_roles: set[str] = set()  # namespaces in which somebody may bind any role; '' is all of them
        self.told_of: set[str] = set()  # roles, as they hold in a place, that are yielded already
        self.holders: dict[str, list[Object]] = {}  # subject -> bindings that name it
        for one in self.bindings:
            for key in {subject_key(subject, one.namespace) for subject in mappings(one.body, "subjects")}:
                self.holders.setdefault(key, []).append(one)

    def records(self) -> Iterator[Record]:
        """Yield roles with what is dangerous about them (not of those that Kubernetes ships), and who holds them."""
        for role in self.roles.values():
            yield from self.role(role, role.namespace)
            if role.labels.get("kubernetes.io/bootstrapping") != "rbac-defaults":
                yield from role_findings(role.key, role)
                yield Covered(asset=role.key, checks="kubernetes:role", check_list=_RULES)
        for binding in self.bindings:
            yield from self.binding(binding)
        for (namespace, name), rules in BUILT_IN_ROLES.items():
            key = identity("Role", namespace, name)
            if self.binding_roles & {"", namespace} and key not in self.told_of:
                self.told_of.add(key)
                shown = (("resource_type", "Role"), ("namespace", namespace))
                yield from self.said.sighting(self.identity(key, shown))
                yield from self.allowed(key, namespace, rules)

    def role(self, role: Object, namespace: str) -> Iterator[Record]:
        """Yield a role as it holds in one namespace, or in the whole cluster."""
        key = identity(role.kind, namespace, role.name)
        if key in self.told_of:  # bound twice, or a role that names itself
            return
        self.told_of.add(key)
        rules = rules_of(role, self.roles.values())
        shown = (("resource_type", role.kind), ("namespace", namespace), ("rules", "; ".join(r.note for r in rules)))
        uid = role.uid if namespace == role.namespace else ""
        yield from self.said.sighting(self.identity(key, tuple((name, text) for name, text in shown if text), uid))
        yield from self.allowed(key, namespace, rules)

    def allowed(self, key: str, namespace: str, rules: Iterable[Rule]) -> Iterator[Record]:
        """Yield what a role allows in one namespace, or in the whole cluster: one relation for each right."""
        scope = scope_of(namespace)
        yield from self.within(key, namespace, "role")
        for rule in rules:
            if rule.everything:
                yield from self.tie("admin_of", key, scope, "*:*")
                continue
            for right in rule.rights(cluster=not namespace):
                if not right.name:
                    if right.note == "bind roles":
                        self.binding_roles.add(namespace)
                    yield from self.tie("controls", key, scope, right.note)
                elif target := self.named(right, namespace):
                    yield from self.named_thing(right, target, namespace)
                    yield from self.tie("controls", key, target, right.note)

    def named(self, right: Right, namespace: str) -> str:
        """The key of the object that a right is limited to; '' where its namespace is not known."""
        kind, name = right.kind, right.name
        if kind in ("User", "Group"):
            return subject_key({"kind": kind, "name": name}, "")
        if kind == "Node":
            return identity(kind, "", name)
        return identity(kind, namespace, name) if namespace or kind == "ClusterRole" else ""

    def named_thing(self, right: Right, key: str, namespace: str) -> Iterator[Record]:
        """Yield the object that a right is limited to, unless the report holds it."""
        if right.kind == "ClusterRole":
            held = self.roles.get(identity("ClusterRole", "", right.name))
            yield from (
                self.role(held, namespace) if held else self.unknown_role(key, "ClusterRole", right.name, namespace)
            )
        elif right.kind in ("User", "Group", "ServiceAccount"):
            yield from self.holder(key)
        elif right.kind == "Role":
            yield from self.said.sighting(self.identity(key, (("resource_type", "Role"),)))
        else:
            yield from self.said.sighting(thing(right.kind, key))

    def binding(self, binding: Object) -> Iterator[Record]:
        """Yield the holders of a role; through a role binding a cluster role holds in that namespace only."""
        reference = mapping(binding.body, "roleRef")
        kind, name = _naming.text(reference.get("kind")), _naming.text(reference.get("name"))
        if not name or kind not in ("Role", "ClusterRole") or (kind == "Role" and not binding.namespace):
            return
        key = identity(kind, binding.namespace, name)
        role = self.roles.get(identity(kind, "" if kind == "ClusterRole" else binding.namespace, name))
        if role is not None:
            yield from self.role(role, binding.namespace)
        else:
            yield from self.unknown_role(key, kind, name, binding.namespace)
        for subject in mappings(binding.body, "subjects"):
            holder = subject_key(subject, binding.namespace)
            if holder:
                yield from self.holder(holder)
                yield from self.tie("member_of", holder, key, f"{binding.kind} {binding.name}")
                if _naming.text(subject.get("name")) in _ANYBODY:
                    yield _anybody(holder, f"{binding.kind} {binding.name}: {name}")

    def unknown_role(self, key: str, kind: str, name: str, namespace: str) -> Iterator[Record]:
        """Yield a role that the report does not hold; of those that every cluster has it is known what they allow."""
        if key in self.told_of:
            return
        self.told_of.add(key)
        yield from self.said.sighting(self.identity(key, (("resource_type", kind),)))
        rules = built_in(name, self.roles.values()) if kind == "ClusterRole" else ()
        yield from self.allowed(key, namespace, rules)

    def holder(self, key: str) -> Iterator[Record]:
        """Yield a subject of a binding by its key, and what is true of every cluster's own groups."""
        kind = next((one for one in ("User", "Group") if key.startswith(identity(one, "", "") + "/")), "ServiceAccount")
        yield from self.said.sighting(self.identity(key, (("resource_type", kind),)))
        if kind == "ServiceAccount":
            self.accounts[key] = None
            yield from self.within(key, namespace_of(key), "account")
        else:
            yield from self.tie("controls", CLUSTER, key, f"Contains {kind.lower()}")
        if key == identity("Group", "", "system:masters"):
            yield from self.tie("admin_of", key, CLUSTER, "*:*")

    def within(self, key: str, namespace: str, what: str) -> Iterator[Record]:
        """Yield that the namespace and the cluster hold something, so that a right over either reaches it."""
        for scope in dict.fromkeys((scope_of(namespace), CLUSTER)):
            yield from self.tie("controls", scope, key, f"Contains {what}")

    def bound(self, key: str) -> list[Object]:
        """The bindings that name the subject with `key`."""
        return self.holders.get(key, [])

    def tie(self, kind: str, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield one relation; the cluster or a namespace at its ends is sighted before."""
        yield from self.scope(source)
        yield from self.scope(target)
        yield from self.said.tie(
            Relation(kind=kind, source=f"asset:{source}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
        )

    def scope(self, key: str) -> Iterator[Record]:
        """Yield the cluster, or a namespace and that the cluster holds it; nothing for other keys."""
        if key == CLUSTER:
            yield from self.said.sighting(self.scoped(key))
        elif key.startswith(_NAMESPACES):
            self.spaces.add(key.removeprefix(_NAMESPACES))
            yield from self.said.sighting(self.scoped(CLUSTER))
            yield from self.said.sighting(self.scoped(key))
            yield from self.said.tie(
                Relation(kind="controls", source=f"asset:{CLUSTER}", target=f"asset:{key}", note="Contains namespace")
            )

    def scoped(self, key: str) -> Sighting:
        """The cluster or a namespace that is known by its name only."""
        return Sighting(
            key=key,
            name="cluster" if key == CLUSTER else key.removeprefix(NOWHERE),
            kind="cloud_resource",
            identifiers=self.told(key),
            attributes=(("resource_type", "Cluster" if key == CLUSTER else "Namespace"),),
        )

    def identity(self, key: str, attributes: tuple[tuple[str, str], ...], uid: str = "") -> Sighting:
        """A user, group, service account or role."""
        return Sighting(
            key=key,
            name=key.removeprefix(NOWHERE),
            kind="identity",
            identifiers=(("artifact", key), ("cloud_id", f"kubernetes:{uid}")) if uid else self.told(key),
            attributes=attributes,
        )

    def told(self, key: str) -> tuple[tuple[str, str], ...]:
        """Identifiers of what has no number of its own: clusters, users and groups are told apart by their cluster."""
        if self.cluster and (key == CLUSTER or key.startswith(_PEOPLE)):
            path = key.removeprefix(NOWHERE)
            return (("artifact", key), ("cloud_id", f"kubernetes:{self.cluster}:{path}"))
        return (("artifact", key),)


def thing(kind: str, key: str) -> Sighting:
    """An object that is known by its name only; secrets and volumes hold data."""
    shown = (("resource_type", kind), ("namespace", namespace_of(key)))
    return Sighting(
        key=key,
        name=key.removeprefix(NOWHERE),
        kind="data_store" if kind in _DATA else "cloud_resource",
        identifiers=(("artifact", key),),
        attributes=tuple(one for one in shown if one[1]),
    )


def namespace_of(key: str) -> str:
    """The namespace of the object with `key`; '' of one that is in none."""
    parts = key.removeprefix(NOWHERE).split("/")
    return parts[0] if len(parts) > 2 else ""


def scope_of(namespace: str) -> str:
    """The key of the namespace, or of the whole cluster where there is none."""
    return identity("Namespace", "", namespace) if namespace else CLUSTER


def subject_key(subject: dict[str, Any], namespace: str) -> str:
    """The key of a binding's subject; '' where it has no name."""
    kind, name = _naming.text(subject.get("kind")), _naming.text(subject.get("name"))
    if not name or kind not in ("ServiceAccount", "User", "Group"):
        return ""
    if kind == "ServiceAccount":
        return identity(kind, _naming.text(subject.get("namespace")) or namespace or "default", name)
    if kind == "User" and name.startswith("system:serviceaccount:") and name.count(":") == 3:
        own, account = name.split(":")[2:]
        return identity("ServiceAccount", own, account)
    return identity(kind, "", name)


def _anybody(key: str, where: str) -> Finding:
    return Finding(
        asset=key,
        rule="k8s-role-for-anybody",
        title="Somebody who has not signed in holds a role",
        severity="high",
        kind="misconfiguration",
        resource=where,
        proof="configuration",
        solution="Delete the binding, or bind the role to those who need it.",
    )
