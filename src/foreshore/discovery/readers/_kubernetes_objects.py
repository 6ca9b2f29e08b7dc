"""Objects of Kubernetes from manifests and from answers of the API: YAML or JSON, one, many or in lists."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.readers import _decoding, _kubernetes_yaml, _naming
from foreshore.errors import BadReport
from foreshore.facts import Skipped

CLUSTER_WIDE = frozenset(
    {"Namespace", "Node", "ClusterRole", "ClusterRoleBinding", "IngressClass", "GatewayClass", "PersistentVolume",
     "StorageClass", "CustomResourceDefinition"}
)  # fmt: skip
NOWHERE = "kubernetes:///"  # begins the identity of an object whose cluster is not known
_DEEPEST = 20  # lists within lists


class _Document(msgspec.Struct, gc=False):
    items: list[msgspec.Raw] | None = None


class _Kind(msgspec.Struct, gc=False):
    kind: _decoding.Scalar = None


_DOCUMENT: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_OBJECT: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])
_KIND: msgspec.json.Decoder[_Kind] = msgspec.json.Decoder(_Kind)


@dataclass(frozen=True)
class Object:
    """One object: its kind, where it lives, its name, and all that it says."""

    kind: str
    namespace: str
    name: str
    body: dict[str, Any] = field(repr=False)

    @property
    def key(self) -> str:
        """The identity of this object within its cluster."""
        return identity(self.kind, self.namespace, self.name)

    @property
    def shown(self) -> str:
        """Namespace, kind and name for people."""
        return self.key.removeprefix(NOWHERE)

    @property
    def spec(self) -> dict[str, Any]:
        """What is asked for."""
        return mapping(self.body, "spec")

    @property
    def labels(self) -> dict[str, str]:
        """The labels that are text."""
        return words(self.body, "metadata", "labels")

    @property
    def annotations(self) -> dict[str, str]:
        """The annotations that are text."""
        return words(self.body, "metadata", "annotations")

    @property
    def uid(self) -> str:
        """The cluster's own number of the object; '' in a manifest."""
        return _naming.text(mapping(self.body, "metadata").get("uid"))


def identity(kind: str, namespace: str, name: str) -> str:
    """How an object is called within one report: namespace, kind and name, without the cluster."""
    return NOWHERE + "/".join(part for part in (namespace, kind, name) if part)


def mapping(value: Any, *steps: str) -> dict[str, Any]:
    """The mapping that `steps` lead to; an empty one where there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def words(value: Any, *steps: str) -> dict[str, str]:
    """The mapping that `steps` lead to, with what is text in it."""
    found = mapping(value, *steps)
    return {name: _naming.text(held) for name, held in found.items() if isinstance(name, str)}


def listed(value: Any, *steps: str) -> list[Any]:
    """The list that `steps` lead to; an empty one where there is none."""
    found = mapping(value, *steps[:-1]).get(steps[-1])
    return found if isinstance(found, list) else []


def mappings(value: Any, *steps: str) -> list[dict[str, Any]]:
    """The mappings of the list that `steps` lead to."""
    return [one for one in listed(value, *steps) if isinstance(one, dict)]


def texts(value: Any, *steps: str) -> list[str]:
    """The texts of the list that `steps` lead to."""
    return [text for one in listed(value, *steps) if (text := _naming.text(one))]


def objects(report: facts.Report, skip: Callable[[Skipped], None]) -> Iterator[Object]:
    """Yield every object of the report, those in lists one by one; `skip` is told what is none."""
    for number, (body, of_list) in enumerate(_bodies(report, skip)):
        yield from _unfolded(body, f"document {number + 1}", of_list, skip, 0)


def _bodies(report: facts.Report, skip: Callable[[Skipped], None]) -> Iterator[tuple[Any, str]]:
    """Each document or element with the kind of list that it came from."""
    opening = reports.decode_head(report.head).lstrip()
    if is_collection(opening):
        yield from _collected(report, skip)
        return
    if opening[:1] not in ("{", "["):
        for one in _kubernetes_yaml.documents(report):
            if one is not None:
                yield one, ""
        return
    document = _decoding.whole(report, _DOCUMENT)
    if isinstance(document, list):
        for body in _decoding.each(_OBJECT, document, "object ", skip):
            yield body, ""
        return
    if document.items is None:
        yield _decoding.whole(report, _OBJECT), ""
        return
    kind = _naming.text(_decoding.whole(report, _KIND).kind)
    for body in _decoding.each(_OBJECT, document.items, "items", skip):
        yield body, kind.removesuffix("List")


class _Answer(msgspec.Struct, gc=False):
    call: str = ""
    scope: dict[str, str] = {}
    about: dict[str, str] = {}
    refused: str = ""
    again: bool = False
    body: Any = None
    source: str = ""
    collected_at: str = ""
    complete: bool = False


_ANSWER: msgspec.json.Decoder[_Answer] = msgspec.json.Decoder(_Answer)


def is_collection(opening: str) -> bool:
    """Whether a report that begins so is what the connector for Kubernetes collected."""
    first = opening[:600].partition("\n")[0].replace(" ", "")
    return first.startswith('{"foreshore_collection"') and '"connector":"kubernetes"' in first


def collected_at(report: facts.Report) -> str:
    """When a collection was made, as it says; '' for other reports."""
    opening = reports.decode_head(report.head).lstrip()
    if not is_collection(opening):
        return ""
    try:
        return _ANSWER.decode(opening.partition("\n")[0]).collected_at
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def cluster_of(report: facts.Report, found: list[Object]) -> str:
    """The name by which reports of one cluster find each other; '' where a report says nothing of its cluster.

    The number of the namespace that every cluster has, else the address of its API server, else what the source is
    called that collected it.
    """
    for one in found:
        if one.kind == "Namespace" and one.name == "kube-system" and one.uid:
            return one.uid.lower()
    server, source = _stated(report)
    return _address(server) or source


def _stated(report: facts.Report) -> tuple[str, str]:
    """(server, source) of a collection; ('', '') for other reports."""
    source = ""
    if is_collection(reports.decode_head(report.head).lstrip()):
        for _number, raw, _ended in _decoding.lines(report):
            try:
                one = _decoding.element(_ANSWER, raw)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                continue
            source = source or one.source
            if server := one.scope.get("account", ""):
                return server, source
    return "", source


def _address(server: str) -> str:
    """Host, port and path of an API server; '' for one on the machine that asked, as any cluster's proxy stands there."""
    try:
        parts = urlsplit(server)
        host = (parts.hostname or "").lower().rstrip(".")
        where = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return ""
    try:
        local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = host == "localhost" or host.endswith(".localhost")
    return "" if local or not host else where + parts.path.rstrip("/")


def answered(report: facts.Report, cluster: str) -> list[tuple[str, str, str]]:
    """(server, call, namespace) of what a collection asked for and was given to the end, sorted; none of manifests.

    A server on the machine that asked stands for `cluster`.
    """
    if not is_collection(reports.decode_head(report.head).lstrip()):
        return []
    found: dict[tuple[str, str, str], bool] = {}
    for _number, raw, _ended in _decoding.lines(report):
        try:
            one = _decoding.element(_ANSWER, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return []  # a line that cannot be read may hold anything
        if one.call and (server := one.scope.get("account", "")):
            where = (server if _address(server) else cluster, one.call, one.about.get("namespace", ""))
            found[where] = (one.again or found.get(where, True)) and not one.refused
    return sorted(where for where, whole in found.items() if whole)


def _collected(report: facts.Report, skip: Callable[[Skipped], None]) -> Iterator[tuple[Any, str]]:
    """Each page of a collection; of a call that was begun again only the pages since then."""
    pages: dict[tuple[str, str], list[Any]] = {}
    complete = False
    for number, raw, _ended in _decoding.lines(report):
        try:
            one = _decoding.element(_ANSWER, raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            skip(Skipped(f"line {number}", _decoding.why(error)))
            continue
        complete = complete or one.complete
        where = (one.call, one.about.get("namespace", ""))
        if one.again:
            pages.pop(where, None)
        if one.refused:
            skip(Skipped(" in ".join(part for part in where if part), f"was refused: {one.refused}"))
        elif one.call:
            pages.setdefault(where, []).append(one.body)
    if not complete:
        raise BadReport(
            "the collection ends before its end: it was interrupted",
            where=report.name,
            hint="collect again with `foreshore collect`: it goes on where it stopped",
        )
    for found in pages.values():
        for page in found:
            yield page, ""


def _unfolded(body: Any, where: str, of_list: str, skip: Callable[[Skipped], None], depth: int) -> Iterator[Object]:
    if not isinstance(body, dict):
        skip(Skipped(where, "is no object of Kubernetes"))
        return
    kind = _naming.text(body.get("kind")) or of_list
    inner = body.get("items")
    if isinstance(inner, list) and kind.endswith("List") and depth < _DEEPEST:
        for number, one in enumerate(inner):
            yield from _unfolded(one, f"{where}, item {number + 1}", kind.removesuffix("List"), skip, depth + 1)
        return
    metadata = mapping(body, "metadata")
    name = _naming.text(metadata.get("name")) or _naming.text(metadata.get("generateName"))
    if not kind or not name:
        skip(Skipped(where, "has no kind or no name"))
        return
    namespace = "" if kind in CLUSTER_WIDE else _naming.text(metadata.get("namespace")) or "default"
    yield Object(kind, namespace, name, body)
