"""A manifest from import to path and back: what leads out of a container is found, and gone when it is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.company import few_worlds

MANIFEST = """
apiVersion: v1
kind: Pod
metadata: {name: agent, namespace: shop}
spec:
  hostPID: true
  containers:
    - {name: agent, image: "registry.example.com/agent:1", securityContext: {privileged: true}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  serviceAccountName: web
  containers: [{name: web, image: "registry.example.com/web:1"}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: build, namespace: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: build, namespace: shop}
roleRef: {kind: Role, name: build}
subjects: [{kind: ServiceAccount, name: web}]
"""
NODE = "Node/every-node"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """An empty workspace with few worlds."""
    from foreshore.workspace import Workspace

    Workspace.create(tmp_path / "ws", seed=3)
    few_worlds(tmp_path / "ws")
    return tmp_path / "ws"


def taken(cli: Any, workspace: Path, path: Path, text: str) -> None:
    """Import a manifest and run a cycle."""
    path.write_text(text, encoding="utf-8")
    assert cli("import", str(path), "--source", "cluster", "-w", str(workspace)).code == 0
    said = cli("cycle", "-w", str(workspace))
    assert said.code == 0, said.err


def rules(cli: Any, workspace: Path, start: str) -> list[list[str]]:
    """The rules of each path from `start` to the node, the first hop left out."""
    found = cli("paths", "--from", start, "--to", NODE, "--json", "-w", str(workspace)).json()
    return [[hop["rule"] for hop in path["hops"][1:]] for path in found["paths"]]


def test_ways_out_of_containers_are_found_and_end_when_they_are_mended(cli: Any, workspace: Path) -> None:
    path = workspace.parent / "shop.yaml"
    taken(cli, workspace, path, MANIFEST)
    out = rules(cli, workspace, "shop/Pod/agent")
    assert out
    assert {one[-1] for one in out} <= {"container_ce_priv_mount", "container_ce_nsenter", "container_ce_module_load"}
    assert rules(cli, workspace, "shop/Pod/web")[0][-2:] == ["member", "kubernetes_pod_create"]
    mended = MANIFEST.replace("privileged: true", "privileged: false").replace("[get, create]", "[get]")
    taken(cli, workspace, path, mended)
    assert rules(cli, workspace, "shop/Pod/agent") == []
    assert rules(cli, workspace, "shop/Pod/web") == []
