"""Kubernetes objects as assets, under the same name in every reader."""

from __future__ import annotations

from datetime import datetime

from foreshore.facts import AssetKind, Sighting

# Plural names of resources, as interfaces write them -> kind of the object
_KINDS = {
    "pods": "Pod", "deployments": "Deployment", "daemonsets": "DaemonSet", "statefulsets": "StatefulSet",
    "replicasets": "ReplicaSet", "jobs": "Job", "cronjobs": "CronJob", "services": "Service",
    "configmaps": "ConfigMap", "secrets": "Secret", "serviceaccounts": "ServiceAccount", "nodes": "Node",
    "namespaces": "Namespace", "ingresses": "Ingress", "networkpolicies": "NetworkPolicy", "roles": "Role",
    "rolebindings": "RoleBinding", "clusterroles": "ClusterRole", "clusterrolebindings": "ClusterRoleBinding",
    "persistentvolumes": "PersistentVolume", "persistentvolumeclaims": "PersistentVolumeClaim",
    "horizontalpodautoscalers": "HorizontalPodAutoscaler", "poddisruptionbudgets": "PodDisruptionBudget",
    "podsecuritypolicies": "PodSecurityPolicy", "gateways": "Gateway", "gatewayclasses": "GatewayClass",
    "httproutes": "HTTPRoute", "replicationcontrollers": "ReplicationController", "endpoints": "Endpoints",
    "storageclasses": "StorageClass", "cluster": "Cluster", "clusters": "Cluster",
}  # fmt: skip


def kind_of(plural: str) -> str:
    """The kind for a resource's plural name, with or without group and version before it."""
    last = plural.rpartition("/")[2].lower()
    return _KINDS.get(last, last.capitalize())


def workload(cluster: str, namespace: str, kind: str, name: str, observed_at: datetime | None = None) -> Sighting:
    """One object of a cluster; reports that do not name their cluster have one without name."""
    path = "/".join(part for part in (namespace, kind, name) if part) or "cluster"
    identity = f"kubernetes://{cluster}/{path}"
    attributes = (("cluster", cluster), ("namespace", namespace), ("resource_type", kind))
    return Sighting(
        key=identity,
        name=path,
        kind="identity" if kind in ("User", "Group") else "cloud_resource",
        identifiers=(("artifact", identity),),
        attributes=tuple(one for one in attributes if one[1]),
        authenticated=True,
        observed_at=observed_at,
    )


def unnamed(what: str, host: bool) -> Sighting:
    """The asset of a report that does not say which machine or cluster it looked at."""
    kind: AssetKind = "host" if host else "cloud_resource"
    return Sighting(key=what, name=what, kind=kind, identifiers=(("artifact", what),), authenticated=True)
