"""Workloads and their containers as assets: what they run, as whom, and which secrets and volumes they hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from foreshore.discovery.readers import _kubernetes_workloads as workloads
from foreshore.discovery.readers import _naming
from foreshore.discovery.readers._kubernetes_nodes import tags
from foreshore.discovery.readers._kubernetes_objects import Object, identity, mapping, mappings
from foreshore.discovery.readers._kubernetes_rights import Rights, thing
from foreshore.discovery.readers._kubernetes_workloads import Workload
from foreshore.facts import Covered, Finding, Record, Relation, Sighting

_READS = "reads secret"
_MOUNTS = "mounts volume"
_SETUP_ONLY = "initContainers"


class Pods:
    """The workloads of one report."""

    def __init__(self, accounts: dict[str, Object], rights: Rights) -> None:
        self.accounts = accounts
        self.rights = rights
        self.given: set[Finding] = set()

    def records(self, one: Workload) -> Iterator[Record]:
        """Yield a workload, its containers and images, its account, and what is dangerous about its settings."""
        top = one.top
        for sighting in self.rights.said.sighting(_workload(one)):
            yield sighting
            yield Covered(asset=top.key, checks="kubernetes:workload", check_list=workloads.CHECKS)
        yield from self.rights.within(top.key, top.namespace, "workload")
        yield from self.containers(one)
        yield from self.account(one)
        found = list(workloads.findings(one))
        account = identity("ServiceAccount", top.namespace, one.account)
        if self.has_token(one, account) and (bindings := self.rights.bound(account)):
            found.append(_token(top.key, account, bindings))
        for finding in found:
            if finding not in self.given:  # pods of one workload say the same
                self.given.add(finding)
                yield finding

    def containers(self, one: Workload) -> Iterator[Record]:
        """Yield the images of a workload; of one with several containers these first, as assets of their own."""
        keys = []
        for container in one.containers:
            key = one.key_of(container)
            keys.append(key)
            if key != one.top.key:
                for sighting in self.rights.said.sighting(_container(one, container, key)):
                    yield sighting
                    yield Covered(asset=key, checks="kubernetes:workload", check_list=workloads.CHECKS)
                yield from self.rights.within(key, one.top.namespace, "container")
                yield from self.tie("runs", one.top.key, key, "container")
            for image in _image(container):
                yield from self.rights.said.sighting(image)
                for holder in dict.fromkeys((one.top.key, key)):
                    yield from self.tie("runs", holder, image.key, "")
            yield from self.held(one, container, key)
        if one.pod.get("shareProcessNamespace") is True:
            for key in keys:
                for other in keys:
                    yield from self.tie("controls", key, other, "shares processes")

    def tie(self, kind: str, source: str, target: str, note: str) -> Iterator[Record]:
        """Yield one relation between assets."""
        yield from self.rights.said.tie(
            Relation(kind=kind, source=f"asset:{source}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
        )

    # -- the account --

    def account(self, one: Workload) -> Iterator[Record]:
        """Yield the service account of a workload and whether its token is in the containers."""
        key = identity("ServiceAccount", one.top.namespace, one.account)
        yield from self.rights.holder(key)
        by_default = self.mounted_by_default(one, key)
        inside = []
        for container in one.containers:
            asset = one.key_of(container)
            if by_default or _projected(one.pod, container):
                inside.append(asset)
                yield from self.tie("runs_as", asset, key, "token mounted")
        if one.top.key not in inside:
            note = "token mounted" if inside else "token not mounted"
            yield from self.tie("runs_as" if inside else "depends_on", one.top.key, key, note)

    def has_token(self, one: Workload, account: str) -> bool:
        """Whether any container of a workload holds the token of its service account."""
        return self.mounted_by_default(one, account) or any(_projected(one.pod, held) for held in one.containers)

    def mounted_by_default(self, one: Workload, account: str) -> bool:
        """Whether the cluster puts the token into all containers: the pod decides, else the account, else yes."""
        own = one.pod.get("automountServiceAccountToken")
        if isinstance(own, bool):
            return own
        held = self.accounts.get(account)
        return held is None or held.body.get("automountServiceAccountToken") is not False

    # -- secrets and volumes --

    def held(self, one: Workload, container: dict[str, Any], key: str) -> Iterator[Record]:
        """Yield the secrets that a container is given, and the volumes that outlive it."""
        space = one.top.namespace
        for name in sorted(set(_of_container(one.pod, container)) - {""}):
            secret = identity("Secret", space, name)
            yield from self.rights.said.sighting(thing("Secret", secret))
            yield from self.tie("controls", key, secret, _READS)
        for name, writable in sorted(_claims(one.pod, container).items()):
            claim = identity("PersistentVolumeClaim", space, name)
            yield from self.rights.said.sighting(thing("PersistentVolumeClaim", claim))
            yield from self.rights.within(claim, space, "volume")
            yield from self.tie("controls", key, claim, _MOUNTS if writable else f"{_MOUNTS} read only")


def _workload(one: Workload) -> Sighting:
    top = one.top
    secrets = sorted({name for held in one.containers for name in _of_container(one.pod, held) if name})
    shown = (
        ("namespace", top.namespace), ("resource_type", top.kind), ("service_account", one.account),
        ("secrets", ", ".join(secrets)), ("runtime_class", _naming.text(one.pod.get("runtimeClassName"))),
        *(pair for held in one.containers if not one.several for pair in _user(one.pod, held)),
    )  # fmt: skip
    return Sighting(
        key=top.key,
        name=top.shown,
        kind="cloud_resource",
        identifiers=own(top),
        attributes=tuple((name, text) for name, text in shown if text),
        tags=tags(top.labels) or tags(one.labels),
        authenticated=True,
    )


def _container(one: Workload, container: dict[str, Any], key: str) -> Sighting:
    first = container in mappings(one.pod, _SETUP_ONLY) and container.get("restartPolicy") != "Always"
    shown = (
        ("namespace", one.top.namespace), ("resource_type", "Container"), ("workload", one.top.shown),
        ("starts", "before the others, and ends" if first else ""), *_user(one.pod, container),
    )  # fmt: skip
    return Sighting(
        key=key,
        name=f"{one.top.shown}/Container/{_naming.text(container.get('name'))}",
        kind="cloud_resource",
        identifiers=(("artifact", key),),
        attributes=tuple((name, text) for name, text in shown if text),
        tags=tags(one.top.labels) or tags(one.labels),
        authenticated=True,
    )


def own(one: Object) -> tuple[tuple[str, str], ...]:
    """The identifiers of an object: its name in its cluster, and the cluster's own number where there is one."""
    uid = (("cloud_id", f"kubernetes:{one.uid}"),) if one.uid else ()
    return (("artifact", one.key), *uid)


def _user(pod: dict[str, Any], container: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """As whom the container's processes run, as far as its settings say, and whether they may become more."""
    inside, around = mapping(container, "securityContext"), mapping(pod, "securityContext")
    number = inside.get("runAsUser", around.get("runAsUser"))
    if type(number) is int:
        yield "container_user", "root" if number == 0 else "other"
    else:
        yield "container_user", "other" if inside.get("runAsNonRoot", around.get("runAsNonRoot")) is True else "unsaid"
    if inside.get("allowPrivilegeEscalation") is False:
        yield "no_new_privileges", "true"


def _of_container(pod: dict[str, Any], container: dict[str, Any]) -> Iterator[str]:
    """Names of the secrets that a container is given; never what is in them."""
    mounted = {_naming.text(one.get("name")) for one in mappings(container, "volumeMounts")}
    for volume in mappings(pod, "volumes"):
        if _naming.text(volume.get("name")) in mounted:
            yield _naming.text(mapping(volume, "secret").get("secretName"))
            for source in mappings(volume, "projected", "sources"):
                yield _naming.text(mapping(source, "secret").get("name"))
    for source in mappings(container, "envFrom"):
        yield _naming.text(mapping(source, "secretRef").get("name"))
    for variable in mappings(container, "env"):
        yield _naming.text(mapping(variable, "valueFrom", "secretKeyRef").get("name"))


def _claims(pod: dict[str, Any], container: dict[str, Any]) -> dict[str, bool]:
    """The claims of persistent volumes that a container has -> may it write there?"""
    names = {
        _naming.text(volume.get("name")): mapping(volume, "persistentVolumeClaim")
        for volume in mappings(pod, "volumes")
    }
    found: dict[str, bool] = {}
    for mount in mappings(container, "volumeMounts"):
        claim = names.get(_naming.text(mount.get("name"))) or {}
        if name := _naming.text(claim.get("claimName")):
            writable = mount.get("readOnly") is not True and claim.get("readOnly") is not True
            found[name] = found.get(name, False) or writable
    return found


def _projected(pod: dict[str, Any], container: dict[str, Any]) -> bool:
    """Whether a container is given a token for the API server in a volume; one for somebody else names an audience."""
    mounted = {_naming.text(one.get("name")) for one in mappings(container, "volumeMounts")}
    return any(
        _naming.text(volume.get("name")) in mounted
        and any(
            isinstance(held := source.get("serviceAccountToken"), dict) and not _naming.text(held.get("audience"))
            for source in mappings(volume, "projected", "sources")
        )
        for volume in mappings(pod, "volumes")
    )


def _image(container: dict[str, Any]) -> Iterator[Sighting]:
    name = _naming.text(container.get("image")).strip()
    found = _naming.image_identifiers([name.partition("@")[0]], [name])
    if found:
        yield Sighting(key=f"image {found[0][1]}", name=name, kind="image", identifiers=found)


def _token(key: str, account: str, bindings: list[Object]) -> Finding:
    return Finding(
        asset=key,
        rule="k8s-token-with-rights",
        title="The token in the container is of a service account that holds roles",
        severity="low",
        kind="misconfiguration",
        resource=account.removeprefix("kubernetes:///"),
        proof="configuration",
        solution="Set automountServiceAccountToken to false unless the workload talks to the API server.",
        evidence=", ".join(sorted(f"{one.kind} {one.name}" for one in bindings)),
    )
