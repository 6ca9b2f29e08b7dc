"""Kubernetes: the facts that known attacks need, traps of YAML, and laws of network policies and order."""

from __future__ import annotations

import ipaddress
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from foreshore.discovery.readers import kubernetes
from foreshore.discovery.readers._kubernetes_network import _ranges
from foreshore.discovery.readers._kubernetes_yaml import MOST_BYTES
from foreshore.discovery.reports import FileReport
from foreshore.discovery.sniffing import pick
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, Relation, Sighting
from hypothesis import given, settings
from hypothesis import strategies as st

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
            ("controls", "Role/create-pods", "Namespace/default", "get,list,create:pods"),
        },
    ),
    "ROLE_BIND_CRB_CR": (
        {"k8s-role-binds-cluster-wide", "k8s-role-binds", "k8s-token-with-rights"},
        {
            ("controls", "ClusterRole/rolebind-crb-cr-crb-cr", "Cluster", "create:clusterrolebindings"),
            ("controls", "ClusterRole/rolebind-crb-cr-crb-cr", "Cluster", "bind:clusterroles"),
            ("controls", "ClusterRole/rolebind-crb-cr-rb-r", "Cluster", "bind:roles"),
        },
    ),
    "TOKEN_BRUTEFORCE": (
        {"k8s-role-reads-secrets", "k8s-token-with-rights"},
        {("controls", "Role/read-secrets", "Namespace/default", "get:secrets")},
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
