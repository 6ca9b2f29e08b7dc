"""Kubernetes: the facts that known attacks need, traps of YAML, and laws of network policies and order."""

from __future__ import annotations

import ipaddress
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foreshore.discovery.connectors import kubernetes as connector
from foreshore.discovery.connectors._asking import Pace
from foreshore.discovery.connectors._collection import Collection
from foreshore.discovery.connectors._desk import Desk
from foreshore.discovery.readers import kubernetes
from foreshore.discovery.readers._kubernetes_network import _ranges
from foreshore.discovery.readers._kubernetes_yaml import MOST_BYTES
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport, UsageError
from foreshore.facts import Finding, Listed, Record, Relation, RunSeen, Sighting, Skipped
from foreshore.http import Door

HERE = Path(__file__).parent
ATTACKS = HERE.resolve().parents[2].parent / "shared/data/environments/kubehound/test/setup/test-cluster/attacks"
SHOP = HERE / "golden" / "kubernetes" / "shop.yaml"

# The attack's name -> (rules that must be found, relations that must be given as kind, source's end, target's end, note)
NEEDED: dict[str, tuple[set[str], set[tuple[str, str, str, str]]]] = {
    "CE_NET_MITM": ({"k8s-host-network", "k8s-network-capability"}, set()),
    "CE_NSENTER": ({"k8s-host-pid", "k8s-privileged-container"}, set()),
    "CE_SYS_PTRACE": ({"k8s-host-pid", "k8s-dangerous-capability", "k8s-unconfined-profile"}, set()),
    "CONTROL_POD": (set(), {("runs_as", "Pod/control-pod", "ServiceAccount/default", "token mounted")}),
    "EXPLOIT_HOST_WRITE": ({"k8s-sensitive-host-path"}, set()),
    "IDENTITY_ASSUME": (
        set(),
        {("member_of", "Group/system:nodes", "ClusterRole/node-api-access", "ClusterRoleBinding node-api-access")},
    ),
    "POD_CREATE": (
        {"k8s-role-creates-pods", "k8s-token-with-rights"},
        {
            ("runs_as", "Pod/pod-create-pod", "ServiceAccount/pod-create-sa", "token mounted"),
            ("member_of", "ServiceAccount/pod-create-sa", "Role/create-pods", "RoleBinding pod-create-pods"),
            ("controls", "Role/create-pods", "Namespace/default", "create pods"),
        },
    ),
    "ROLE_BIND_CRB_CR": (
        {"k8s-role-binds-cluster-wide", "k8s-role-binds", "k8s-token-with-rights"},
        {
            ("controls", "ClusterRole/rolebind-crb-cr-crb-cr", "Cluster", "create clusterrolebindings"),
            ("controls", "ClusterRole/rolebind-crb-cr-crb-cr", "Cluster", "bind clusterroles"),
            ("controls", "ClusterRole/rolebind-crb-cr-rb-r", "Cluster", "bind roles"),
        },
    ),
    "TOKEN_BRUTEFORCE": (
        {"k8s-role-reads-secrets", "k8s-token-with-rights"},
        {("controls", "Role/read-secrets", "Namespace/default", "get secrets")},
    ),
}


def read(data: bytes | Path) -> list[Record]:
    return list(kubernetes.PLUGIN.read(FileReport("objects", data)))


def end(value: str) -> str:
    """An end without cluster and namespace."""
    parts = value.removeprefix("asset:kubernetes:///").split("/")
    return "/".join(parts[-2:]) if len(parts) > 1 else parts[0]


@pytest.mark.corpus
@pytest.mark.parametrize("attack", sorted(NEEDED))
def test_a_manifest_gives_the_facts_that_its_attack_needs(attack: str) -> None:
    path = ATTACKS / f"{attack}.yaml"
    assert pick(FileReport(path.name, path))[0] == "kubernetes"
    found = read(path)
    rules, relations = NEEDED[attack]
    assert {one.rule for one in found if isinstance(one, Finding)} == rules
    given_ = {(one.kind, end(one.source), end(one.target), one.note) for one in found if isinstance(one, Relation)}
    assert relations <= given_


@pytest.mark.corpus
def test_no_attack_is_left_out_and_all_documents_are_counted() -> None:
    assert {path.stem for path in ATTACKS.glob("*.yaml")} == set(NEEDED)
    for path in ATTACKS.glob("*.yaml"):
        documents = [one for one in yaml.safe_load_all(path.read_text(encoding="utf-8")) if one]
        found = read(path)
        for kind, records in (("Pod", "cloud_resource"), ("ServiceAccount", "identity")):
            keys = {one.key for one in found if isinstance(one, Sighting) and one.kind == records}
            for one in documents:
                if one["kind"] == kind:
                    assert f"kubernetes:///default/{kind}/{one['metadata']['name']}" in keys


@pytest.mark.corpus
def test_a_role_that_cannot_bind_what_it_may_create_is_no_finding() -> None:
    found = read(ATTACKS / "ROLE_BIND_CRB_CR.yaml")
    told = {end(one.asset) for one in found if isinstance(one, Finding) and one.rule.startswith("k8s-role-binds")}
    assert "ClusterRole/rolebind-crb-cr-crb-r-fail" not in told
    assert len(told) == 3


# -- forms --


def shop() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(SHOP.read_text(encoding="utf-8")))


def said(found: list[Record]) -> set[str]:
    return {repr(one) for one in found if isinstance(one, (Finding, Relation))}


def test_yaml_and_json_say_the_same() -> None:
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": shop()}).encode()
    assert said(read(listed)) == said(read(SHOP)) == said(read(json.dumps(shop()).encode()))
    as_yaml = yaml.safe_dump({"apiVersion": "v1", "items": shop(), "kind": "List"}).encode()
    assert pick(FileReport("list.yaml", as_yaml))[0] == "kubernetes"
    assert said(read(as_yaml)) == said(read(SHOP))


def test_a_list_of_one_kind_names_the_kind_of_its_items() -> None:
    item = {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    found = read(json.dumps({"apiVersion": "v1", "kind": "PodList", "items": [item]}).encode())
    assert "kubernetes:///shop/Pod/web" in {one.key for one in found if isinstance(one, Sighting)}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_the_order_of_objects_changes_nothing(data: st.DataObject) -> None:
    mixed = data.draw(st.permutations(shop()))
    assert said(read(json.dumps(mixed).encode())) == said(read(SHOP))


# -- traps --

_HEAD = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\n"
_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (_HEAD + _LAUGHS, "amount to more"),
        (_HEAD + "spec: &s\n  inner: *s\n", "inside of what it means"),
        (_HEAD + "spec: " + "[" * 200 + "]" * 200, "nested more"),
        (_HEAD + "spec: !!python/object/apply:os.system [true]\n", "not valid YAML"),
        (_HEAD + "spec: {{ .Values.spec }}\n", "YAML"),
        (_HEAD + "spec: [a\n", "not valid YAML"),
        (_HEAD + "a: *nowhere\n", "not valid YAML"),
    ],
)
def test_a_trap_is_refused_with_a_reason(text: str, word: str) -> None:
    with pytest.raises(BadReport, match=word) as caught:
        read(text.encode())
    assert caught.value.where
    assert caught.value.hint


def test_yaml_that_would_not_fit_into_memory_is_refused() -> None:
    with pytest.raises(BadReport, match="more than the"):
        read(_HEAD.encode() + b"# " + b"x" * MOST_BYTES)


def test_what_looks_like_a_date_or_a_time_is_text() -> None:
    text = _HEAD.replace("{name: x}", "{name: 2024-01-01}") + "spec: {containers: [{name: 12:30:45, image: 1.20}]}\n"
    names = {one.name for one in read(text.encode()) if isinstance(one, Sighting)}
    assert "default/Pod/2024-01-01" in names


def test_two_clusters_never_share_users_or_namespaces() -> None:
    def of(number: int) -> dict[str, tuple[tuple[str, str], ...]]:
        uid = f"00000000-0000-4000-8000-{number:012d}"
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": uid}}
        binding = {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
            "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}, "subjects": [{"kind": "Group", "name": "ops"}],
        }  # fmt: skip
        found = read(json.dumps([binding, space]).encode())
        return {one.key: one.identifiers for one in found if isinstance(one, Sighting)}

    one, other = of(1), of(2)
    for key in ("Cluster", "Group/ops", "Namespace/kube-system"):
        strong = [dict(held[f"kubernetes:///{key}"])["cloud_id"] for held in (one, other)]
        assert strong[0] != strong[1]


def _of_cluster(server: str, source: str = "cluster", uid: str = "") -> dict[str, str]:
    """Key -> the name by which reports find each other, of the pod `shop/web` of a cluster."""
    items = [
        {"metadata": {"name": "web", "namespace": "shop"}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}}
    ]
    space = {"metadata": {"name": "kube-system", "uid": uid}}
    answers: list[dict[str, Any]] = [
        {"foreshore_collection": 1, "connector": "kubernetes", "source": source, "collected_at": "2025-03-01T06:00:00Z"},
        {"call": "pods", "scope": {"account": server}, "body": {"kind": "PodList", "items": items}},
        *([{"call": "namespaces", "scope": {"account": server}, "body": {"kind": "NamespaceList", "items": [space]}}]
          if uid else []),
        {"complete": True},
    ]  # fmt: skip
    found = read("\n".join(json.dumps(one) for one in answers).encode())
    return {one.key: dict(one.identifiers).get("artifact", "") for one in found if isinstance(one, Sighting)}


def test_names_hold_the_cluster_by_its_number_its_server_or_its_source() -> None:
    proxy, key = "http://127.0.0.1:8001", "kubernetes:///shop/Pod/web"
    told = [
        (_of_cluster("https://one.example.com:6443")[key], "one.example.com:6443"),
        (_of_cluster("https://two.example.com")[key], "two.example.com"),
        (_of_cluster("https://rancher.example.com/k8s/clusters/c-1")[key], "rancher.example.com/k8s/clusters/c-1"),
        (_of_cluster(proxy, "north")[key], "north"),  # any cluster stands behind a proxy
        (_of_cluster("http://localhost:8001", "south")[key], "south"),
        (_of_cluster(proxy, "north", "C0FFEE-1")[key], "c0ffee-1"),
        (_of_cluster("https://one.example.com", "north", "C0FFEE-1")[key], "c0ffee-1"),
    ]
    assert [one for one, _cluster in told] == [f"kubernetes://{cluster}/shop/Pod/web" for _one, cluster in told]
    images = [_of_cluster(server)["image a:1"] for server in (proxy, "https://one.example.com")]
    assert images == ["", ""]  # an image is the same in all of them


def test_a_manifest_is_of_no_cluster() -> None:
    names = {dict(one.identifiers).get("artifact", "") for one in read(SHOP) if isinstance(one, Sighting)}
    assert "kubernetes:///Cluster" in names
    assert all(name.startswith("kubernetes:///") for name in names - {""})


# -- laws of the network --


def _addresses(ranges: list[str]) -> set[int]:
    nets = [ipaddress.ip_network("0.0.0.0/0" if one == "any" else one) for one in ranges]
    return {int(address) for net in nets for address in net}


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(24, 30),
    out=st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), max_size=4),
)
def test_a_range_without_its_exceptions_is_exact(length: int, out: list[tuple[int, int]]) -> None:
    whole = ipaddress.ip_network(f"198.51.100.0/{length}")
    without = [str(ipaddress.ip_network(f"198.51.100.{last}/{bits}", strict=False)) for last, bits in out]
    excluded = _addresses(without)
    assert _addresses(_ranges(str(whole), without)) == {int(one) for one in whole} - excluded


def policy(spec: dict[str, Any]) -> list[Relation]:
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": space, "labels": {"app": name}},
         "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
        for name, space in (("web", "shop"), ("db", "shop"), ("probe", "watch"))
    ]  # fmt: skip
    one = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
           "metadata": {"name": "p", "namespace": "shop"}, "spec": spec}  # fmt: skip
    return [
        found
        for found in read(json.dumps([*pods, one]).encode())
        if isinstance(found, Relation) and found.kind == "may_reach"
    ]


def test_a_policy_without_rules_denies_all_to_what_it_selects_and_nothing_to_others() -> None:
    found = policy({"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]})
    assert [(one.source, end(one.target), one.allowed) for one in found] == [("any", "Pod/db", False)]


def test_an_empty_selector_is_everything_in_the_namespace_of_the_policy() -> None:
    found = policy({"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]})
    assert {(end(one.source), one.target, one.allowed, one.position) for one in found} == {
        ("Pod/web", "any", True, 1), ("Pod/web", "any", False, 1000),
        ("Pod/db", "any", True, 1), ("Pod/db", "any", False, 1000),
    }  # fmt: skip


def test_a_namespace_is_chosen_by_the_label_that_all_namespaces_have() -> None:
    selector = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["watch"]}]}
    rule = {"from": [{"namespaceSelector": selector}], "ports": [{"port": 5432}, {"port": 9000, "endPort": 9010}]}
    found = policy({"podSelector": {"matchLabels": {"app": "db"}}, "ingress": [rule]})
    allowed = [(end(one.source), end(one.target), one.ports) for one in found if one.allowed]
    assert allowed == [("Pod/probe", "Pod/db", "5432,9000-9010")]


# -- the connector, against a server that lists, pages and refuses as the API's reference says --


def pod(number: int) -> dict[str, Any]:
    container = {
        "name": "a", "image": "a:1", "command": ["run", "--with", "not-a-real-secret"],
        "env": [{"name": "PASSWORD", "value": "not-a-real-secret"}],
    }  # fmt: skip
    return {
        "metadata": {"name": f"pod-{number}", "namespace": "shop", "managedFields": [{"manager": "x"}]},
        "spec": {"hostPID": True, "containers": [container]},
    }


class Cluster:
    """Seven pods, one node, everything else empty; counts what it was asked."""

    def __init__(self) -> None:
        self.pods = [pod(number) for number in range(7)]
        self.asked: list[str] = []
        self.expire_once = False
        self.busy_once = False
        self.forbidden = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, dict[str, str], Any]:
        resource = path.rpartition("/")[2]
        self.asked.append(resource)
        if self.busy_once and resource == "nodes":
            self.busy_once = False
            return 429, {"retry-after": "0"}, {"kind": "Status", "message": "too many requests"}
        if resource == self.forbidden:
            return 403, {}, {"kind": "Status", "message": f'{resource} is forbidden: User "x" cannot list'}
        items: list[Any] = {"pods": self.pods, "nodes": [{"metadata": {"name": "node-1"}}]}.get(resource, [])
        start, limit = int(query.get("continue", ["0"])[0]), int(query["limit"][0])
        if start and self.expire_once:
            self.expire_once = False
            return 410, {}, {"kind": "Status", "reason": "Expired"}
        following = {"continue": str(start + limit)} if start + limit < len(items) else {}
        kind = {"pods": "PodList", "nodes": "NodeList"}.get(resource, "EmptyList")
        return 200, {}, {"apiVersion": "v1", "kind": kind, "metadata": following, "items": items[start : start + limit]}


@contextmanager
def serving(cluster: Cluster) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            status, headers, body = cluster.answer(parts.path, parse_qs(parts.query))
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def collected(cluster: Cluster, path: Path, **settings: Any) -> list[Record]:
    """Collect from `cluster` into `path`, and read what was collected."""
    with serving(cluster) as address, Door(allowed=("127.0.0.0/8",), seconds=20).line() as phone:
        asking = replace(connector.PLUGIN, server=address, page_size=3, **settings)
        asking.check()
        with Collection(path, "kubernetes", "test") as collection:
            asking.collect(Desk(collection, phone, Pace(1e6, sleep=lambda _seconds: None), 3, lambda _text: None))
            collection.finish()
    report = FileReport(path.name, path)
    assert pick(report)[0] == "kubernetes"
    return list(kubernetes.PLUGIN.read(report))


def names(found: list[Record]) -> set[str]:
    return {one.name for one in found if isinstance(one, Sighting) and "/Pod/" in one.key}


def test_every_page_is_read_and_every_pod_is_an_asset(tmp_path: Path) -> None:
    cluster = Cluster()
    found = collected(cluster, tmp_path / "c.ndjson")
    assert names(found) == {f"shop/Pod/pod-{number}" for number in range(7)}
    assert cluster.asked.count("pods") == 3
    assert set(cluster.asked) == {resource for resource, _group, _inside in connector.RESOURCES}
    assert sum(isinstance(one, Finding) and one.rule == "k8s-host-pid" for one in found) == 7
    assert isinstance(found[0], RunSeen)
    assert found[0].observed_at is not None
    assert any(isinstance(one, Relation) and one.note == "kubelet" for one in found)


def test_values_and_commands_are_never_kept(tmp_path: Path) -> None:
    collected(Cluster(), tmp_path / "c.ndjson")
    text = (tmp_path / "c.ndjson").read_text("utf-8")
    assert "PASSWORD" in text
    assert "not-a-real-secret" not in text
    assert "managedFields" not in text


def test_a_list_that_expires_between_pages_is_asked_again_from_its_start(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.expire_once = True
    assert names(collected(cluster, tmp_path / "c.ndjson")) == {f"shop/Pod/pod-{number}" for number in range(7)}


def test_a_busy_server_is_asked_again_and_a_refusal_is_named(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.busy_once = True
    cluster.forbidden = "roles"
    found = collected(cluster, tmp_path / "c.ndjson")
    assert cluster.asked.count("nodes") == 2
    assert [one.where for one in found if isinstance(one, Skipped)] == ["roles"]


def test_an_interrupted_collection_is_refused(tmp_path: Path) -> None:
    whole = tmp_path / "whole.ndjson"
    collected(Cluster(), whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    cut = tmp_path / "cut.ndjson"
    cut.write_bytes(b"".join(lines[:9]))
    with pytest.raises(BadReport, match="interrupted"):
        list(kubernetes.PLUGIN.read(FileReport("cut", cut)))


def test_only_the_namespaces_that_are_named_are_asked(tmp_path: Path) -> None:
    cluster = Cluster()
    collected(cluster, tmp_path / "c.ndjson", namespaces=("shop", "watch"))
    inside = sum(namespaced for _resource, _group, namespaced in connector.RESOURCES)
    assert len(set(cluster.asked)) == len(connector.RESOURCES)
    assert len(cluster.asked) == len(connector.RESOURCES) + inside + 2 * 2  # two more pages of pods, twice
    assert len(list(replace(connector.PLUGIN, namespaces=("a", "b")).plan())) == len(connector.RESOURCES) + inside


@pytest.mark.parametrize(
    "settings",
    [
        {"server": "cluster"},
        {"bearer_from": "abc"},
        {"server": "http://10.0.0.1", "bearer_from": "env:X"},
        {"namespaces": ("../x",)},
        {"page_size": 0},
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        replace(connector.PLUGIN, **settings).check()
    assert caught.value.where in settings


# -- what is told of roles and containers --


def relations(found: list[Record]) -> set[tuple[str, str, str, str]]:
    return {(one.kind, end(one.source), end(one.target), one.note) for one in found if isinstance(one, Relation)}


def test_a_user_whose_name_is_an_address_is_a_user() -> None:
    name = "https://issuer.example.com#chief"
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": "edit"}, "subjects": [{"kind": "User", "name": name}],
    }  # fmt: skip
    found = read(json.dumps(binding).encode())
    seen = next(one for one in found if isinstance(one, Sighting) and one.name == f"User/{name}")
    assert ("resource_type", "User") in seen.attributes
    notes = {one.note for one in found if isinstance(one, Relation) and one.target.endswith(name)}
    assert notes == {"Contains user"}


def test_wildcards_are_written_out_to_the_rights_of_their_group() -> None:
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "apps"},
        "rules": [{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["*"]}],
    }  # fmt: skip
    notes = {
        note for kind, source, _, note in relations(read(json.dumps(role).encode())) if source == "ClusterRole/apps"
    }
    assert notes == {f"{verb} {what}" for verb in ("create", "update", "patch")
                     for what in ("deployments", "daemonsets", "statefulsets", "replicasets")}  # fmt: skip


def test_roles_that_gather_others_hold_their_rights() -> None:
    roles: list[dict[str, Any]] = [
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "whole"},
         "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"of": "whole"}}]}, "rules": []},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
         "metadata": {"name": "part", "labels": {"of": "whole"}},
         "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["list"]}]},
    ]  # fmt: skip
    assert ("controls", "ClusterRole/whole", "Cluster", "list secrets") in relations(read(json.dumps(roles).encode()))
    roles[1]["metadata"]["labels"] = {"of": "another"}
    assert ("controls", "ClusterRole/whole", "Cluster", "list secrets") not in relations(
        read(json.dumps(roles).encode())
    )


@settings(max_examples=40)
@given(
    verbs=st.sets(st.sampled_from(["get", "list", "create", "bind", "patch", "impersonate", "delete"])),
    resources=st.sets(
        st.sampled_from(["pods", "secrets", "pods/exec", "nodes/proxy", "users", "clusterroles", "configmaps"])
    ),
    more=st.sampled_from(["get", "create", "bind", "*"]),
)
def test_more_verbs_never_mean_fewer_rights(verbs: set[str], resources: set[str], more: str) -> None:
    def rights(held: set[str]) -> set[tuple[str, str, str, str]]:
        role = {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"},
            "rules": [{"apiGroups": ["*"], "resources": sorted(resources), "verbs": sorted(held)}],
        }  # fmt: skip
        return relations(read(json.dumps(role).encode()))

    assert rights(verbs) <= rights(verbs | {more})


def test_a_manifest_says_again_what_it_writes_again() -> None:
    listed = [one.extent for one in read(SHOP) if isinstance(one, Listed)]
    assert len(listed) == len(set(listed)) == len(shop())


def test_containers_that_are_no_objects_are_no_error() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": ["a", None, 3]}}
    assert [one for one in read(json.dumps(pod).encode()) if isinstance(one, Sighting) and one.name == "default/Pod/x"]
