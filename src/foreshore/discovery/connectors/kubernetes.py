"""Kubernetes through its API server, reading only: what runs, who may do what, what may reach what."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

from foreshore.discovery.connectors._asking import Busy, retry_after
from foreshore.discovery.connectors._collection import NotAllowed, StaleToken
from foreshore.discovery.connectors._desk import Desk, Planned
from foreshore.errors import UsageError
from foreshore.http import DownloadFailed, Line

# (resource, its group's path, whether it lives in namespaces). Secrets and config maps are never asked for.
RESOURCES = (
    ("namespaces", "/api/v1", False), ("nodes", "/api/v1", False),
    ("clusterroles", "/apis/rbac.authorization.k8s.io/v1", False),
    ("clusterrolebindings", "/apis/rbac.authorization.k8s.io/v1", False),
    ("serviceaccounts", "/api/v1", True), ("pods", "/api/v1", True), ("services", "/api/v1", True),
    ("deployments", "/apis/apps/v1", True), ("statefulsets", "/apis/apps/v1", True),
    ("daemonsets", "/apis/apps/v1", True), ("replicasets", "/apis/apps/v1", True),
    ("jobs", "/apis/batch/v1", True), ("cronjobs", "/apis/batch/v1", True),
    ("ingresses", "/apis/networking.k8s.io/v1", True), ("networkpolicies", "/apis/networking.k8s.io/v1", True),
    ("roles", "/apis/rbac.authorization.k8s.io/v1", True),
    ("rolebindings", "/apis/rbac.authorization.k8s.io/v1", True),
)  # fmt: skip
_BUSY = (429, 500, 502, 503, 504)
_LEFT_OUT = frozenset({"managedFields", "command", "args", "kubectl.kubernetes.io/last-applied-configuration"})


@dataclass(frozen=True)
class Kubernetes:
    """Reads a cluster: nodes, workloads, services, ingresses, network policies, accounts and their roles.

    `server` is the API server's address, if the system trusts its certificate, or that of `kubectl proxy`,
    which signs in as the kubeconfig says (then allow = ["127.0.0.0/8"]). `bearer_from` says where the bearer
    credential is: "env:NAME" or "file:/path", none behind a proxy. Without `namespaces`, all are asked.
    Secrets, config maps, and the values of environment variables are not taken.
    """

    version: int = 1
    server: str = "http://127.0.0.1:8001"
    bearer_from: str = ""
    namespaces: tuple[str, ...] = ()
    page_size: int = 500

    def check(self) -> None:
        """Raise UsageError, `where` naming the setting, for what cannot be."""
        if not re.fullmatch(r"https?://[^\s?#]+", self.server):
            raise UsageError("this is not a web address", where="server", hint='server = "https://cluster.example.com"')
        if self.bearer_from and not re.fullmatch(r"(env:\w+|file:.+)", self.bearer_from):
            raise UsageError("this is no place", where="bearer_from", hint='"env:NAME" or "file:/path"')
        if self.bearer_from and self.server.startswith("http:"):
            raise UsageError("a credential is not sent without encryption", where="bearer_from", hint="use https")
        for one in self.namespaces:
            if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", one):
                raise UsageError(f"“{one}” cannot be a namespace", where="namespaces", hint="small letters and dashes")
        if not 1 <= self.page_size <= 5000:
            raise UsageError(f"page_size = {self.page_size} is out of range", where="page_size", hint="from 1 to 5000")

    def plan(self) -> Iterator[Planned]:
        """Yield the calls that would be made."""
        for resource, _group, namespaced in RESOURCES:
            for namespace in self.namespaces if namespaced and self.namespaces else ("",):
                yield Planned(resource, self.server, namespace, "" if namespace or not namespaced else "all namespaces")

    def collect(self, desk: Desk) -> None:
        """Ask for every kind of object; what the credential may not list is kept as refused."""
        headers = {"accept": "application/json", "user-agent": "foreshore"} | self._bearer()
        for resource, group, namespaced in RESOURCES:
            for namespace in self.namespaces if namespaced and self.namespaces else ("",):
                inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
                about = {"namespace": namespace} if namespace else None
                ask = self._asking(desk.phone, f"{self.server.rstrip('/')}{group}{inside}/{resource}", headers)
                for _page in desk.pages(resource, {"account": self.server}, ask, about):
                    pass
            desk.note(f"asked for {resource}")

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        """Yield nothing: the collection itself is the report."""
        yield from ()

    def _bearer(self) -> dict[str, str]:
        kind, _, place = self.bearer_from.partition(":")
        if not kind:
            return {}
        try:
            found = os.environ.get(place, "") if kind == "env" else Path(place).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("the credential cannot be read", where=place, hint="see bearer_from") from error
        if not found.strip().isprintable() or not found.strip():
            raise UsageError("there is no credential", where=place, hint="set what bearer_from names")
        return {"authorization": f"Bearer {found.strip()}"}

    def _asking(self, phone: Line, url: str, headers: Mapping[str, str]) -> Callable[[str], tuple[Any, str]]:
        def ask(token: str) -> tuple[Any, str]:
            query = {"limit": str(self.page_size)} | ({"continue": token} if token else {})
            try:
                answer = phone.send("GET", f"{url}?{urlencode(query)}", headers)
            except DownloadFailed as error:
                raise Busy(error.what) from error
            if answer.status != 200:
                raise _judged(answer.status, answer.headers, answer.body)
            return _page(answer.body, url)

        return ask


def _page(body: bytes, url: str) -> tuple[Any, str]:
    """(the page without what may hold secrets, the token of the next)."""
    try:
        page = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            "it answers with something else than JSON", where=url, hint="is this an API server?"
        ) from error
    if not isinstance(page, dict) or not isinstance(page.get("items"), list):
        raise UsageError("it answers with something else than a list", where=url, hint="is this an API server?")
    metadata = page.get("metadata")
    following = metadata.get("continue") if isinstance(metadata, dict) else ""
    return without_values(page), following if isinstance(following, str) else ""


def without_values(value: Any) -> Any:
    """The same without values of environment variables, commands and bookkeeping, which may hold secrets."""
    if isinstance(value, list):
        return [without_values(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: without_values(held) for name, held in value.items() if name not in _LEFT_OUT}
    if isinstance(kept.get("env"), list):
        kept["env"] = [
            {name: held for name, held in one.items() if name != "value"}
            for one in kept["env"]
            if isinstance(one, dict)
        ]
    return kept


def _judged(status: int, headers: Mapping[str, str], body: bytes) -> Exception:
    """What an answer that is no list means for the collection."""
    if status == 410:
        return StaleToken("the list has changed too much since its first page")
    if status in _BUSY:
        return Busy(f"status {status}", retry_after(headers))
    if status == 401:
        return UsageError("the credential is not accepted", where="bearer_from", hint="renew it; then collect again")
    try:
        said = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = {}
    message = said.get("message") if isinstance(said, dict) else ""
    return NotAllowed(" ".join(str(message or f"status {status}").split())[:200])


PLUGIN = Kubernetes()
