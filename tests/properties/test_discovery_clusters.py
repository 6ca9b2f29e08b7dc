"""Two clusters with the same names in them stay two, however they are told apart; one cluster stays one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foreshore.discovery.importing import Origin
from foreshore.discovery.readers import kubernetes
from foreshore.discovery.reports import FileReport

PROXY = "http://127.0.0.1:8001"
Cluster = tuple[str, str, str]  # server, source, number of kube-system


def collection(cluster: Cluster, day: int, pods: tuple[str, ...] = ("web",)) -> bytes:
    """What was collected of a cluster on a day: deployments by the pods that they own, and a group with a role."""
    server, source, uid = cluster
    owner = {"kind": "StatefulSet", "controller": True}
    items = [
        {"metadata": {"name": f"{name}-0", "namespace": "shop", "ownerReferences": [owner | {"name": name}]},
         "spec": {"hostPID": True, "containers": [{"name": "a", "image": "a:1"}]}}
        for name in pods
    ]  # fmt: skip
    binding = {
        "metadata": {"name": "b"}, "roleRef": {"kind": "ClusterRole", "name": "view"},
        "subjects": [{"kind": "Group", "name": "ops"}],
    }  # fmt: skip
    spaces = [{"metadata": {"name": "kube-system", "uid": uid}}] if uid else []
    calls: list[tuple[str, str, list[dict[str, Any]]]] = [
        ("pods", "Pod", items), ("clusterrolebindings", "ClusterRoleBinding", [binding]),
        ("namespaces", "Namespace", spaces), ("statefulsets", "StatefulSet", []),
    ]  # fmt: skip
    lines: list[dict[str, Any]] = [
        {"foreshore_collection": 1, "connector": "kubernetes", "source": source,
         "collected_at": f"2026-03-{day:02d}T06:00:00Z"},
        *({"call": call, "scope": {"account": server}, "body": {"kind": f"{kind}List", "items": found}}
          for call, kind, found in calls if found or call != "namespaces"),
        {"complete": True},
    ]  # fmt: skip
    return "\n".join(json.dumps(one) for one in lines).encode()


def take(world: Any, cluster: Cluster, day: int, source: str, pods: tuple[str, ...] = ("web",)) -> None:
    """Read a collection and take it."""
    name = f"{cluster} {day}"
    records = list(kubernetes.PLUGIN.read(FileReport(name, collection(cluster, day, pods))))
    world.take((name, records, Origin(source=source)))


def called(world: Any, name: str) -> int:
    """How many assets have been seen under a name."""
    return sum(any(seen == name for _run, seen in part) for part in world.parts().values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((PROXY, "north", "c0ffee-1"), (PROXY, "south", "c0ffee-2")),
        ((PROXY, "north", "c0ffee-1"), (PROXY, "north", "c0ffee-2")),
        ((PROXY, "north", ""), (PROXY, "south", "")),
        (("https://one.example.com", "north", ""), ("https://two.example.com", "north", "")),
        (("https://one.example.com", "north", "c0ffee-1"), ("https://one.example.com", "north", "c0ffee-2")),
    ],
)
def test_two_clusters_with_the_same_names_stay_two(new_world: Any, one: Cluster, other: Cluster) -> None:
    world = new_world()
    take(world, one, 1, "kubernetes")
    take(world, other, 2, "kubernetes")
    for name in ("shop/StatefulSet/web", "Group/ops", "ClusterRole/view", "shop/ServiceAccount/default", "cluster"):
        assert called(world, name) == 2, name
    assert called(world, "a:1") == 1
    assert not world.rows("FROM asset_conflicts")  # and nobody is asked whether they are one
    assert len([key for key in world.state() if "k8s-host-pid" in key[1]]) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((PROXY, "north", "c0ffee-1"), ("https://one.example.com", "south", "c0ffee-1")),
        ((PROXY, "north", ""), ("http://localhost:9999", "north", "")),
        (("https://one.example.com", "north", ""), ("https://ONE.example.com/", "south", "")),
    ],
)
def test_one_cluster_stays_one_by_whatever_way_it_is_asked(new_world: Any, one: Cluster, other: Cluster) -> None:
    world = new_world()
    take(world, one, 1, "kubernetes")
    take(world, other, 2, "kubernetes")
    for name in ("shop/StatefulSet/web", "Group/ops", "ClusterRole/view", "cluster"):
        assert called(world, name) == 1, name


def test_a_list_of_one_cluster_ends_nothing_in_another_behind_the_same_proxy(new_world: Any) -> None:
    world = new_world()
    north, south = (PROXY, "proxy", "c0ffee-1"), (PROXY, "proxy", "c0ffee-2")
    take(world, north, 1, "kubernetes", ("web", "db"))
    take(world, south, 2, "kubernetes", ("web",))
    assert world.gone() == {}
    take(world, north, 3, "kubernetes", ("web",))
    assert [{name for _run, name in part} for part in world.gone()] == [{"shop/StatefulSet/db"}]


MANIFEST = b"""
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {hostPID: true, containers: [{name: a, image: a:1}]}
"""


@pytest.mark.parametrize(("other", "pods"), [("hq", 1), ("south", 2)])
def test_manifests_are_told_apart_by_their_site(new_world: Any, other: str, pods: int) -> None:
    world = new_world()
    records = list(kubernetes.PLUGIN.read(FileReport("manifest", MANIFEST)))
    for name, site, source in (("one", "hq", "git"), ("other", other, "chart")):
        world.take((name, records, Origin(site=site, source=source)))
    assert called(world, "shop/Pod/web") == called(world, "shop/ServiceAccount/default") == pods
    assert called(world, "a:1") == 1
    assert len([key for key in world.state() if "k8s-host-pid" in key[1]]) == pods


def test_what_runs_is_not_taken_for_a_manifest_of_the_same_name(new_world: Any) -> None:
    world = new_world()
    world.take(("manifest", list(kubernetes.PLUGIN.read(FileReport("manifest", MANIFEST))), Origin()))
    take(world, (PROXY, "north", "c0ffee-1"), 2, "kubernetes")
    assert called(world, "shop/ServiceAccount/default") == 2  # which cluster the manifest is for, nobody said
