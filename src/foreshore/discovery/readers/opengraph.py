"""Graphs that others add to BloodHound (OpenGraph): nodes of any kind and edges between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._directory import Ties, identifiers, key_of
from foreshore.errors import BadReport
from foreshore.facts import AssetKind, Record, Relation, RunSeen, Sighting, Skipped

_GRAPH = regex(r'"graph"\s*:\s*\{\s*"(?:nodes|edges)"\s*:\s*\[')
_SID = regex(r"^(?:[A-Z0-9_.-]{1,255}-)?S-1-\d")
_WORDS: tuple[tuple[str, AssetKind], ...] = (
    ("repo", "repository"), ("workflow", "repository"), ("branch", "repository"),
    ("user", "identity"), ("group", "identity"), ("person", "identity"), ("account", "identity"), ("role", "identity"),
    ("login", "identity"), ("principal", "identity"), ("team", "identity"), ("identity", "identity"),
    ("domain", "identity"), ("certtemplate", "identity"), ("gpo", "identity"), ("tenant", "identity"),
    ("computer", "host"), ("device", "host"), ("host", "host"), ("machine", "host"), ("server", "host"),
    ("azvm", "host"),
    ("database", "data_store"), ("vault", "data_store"), ("bucket", "data_store"), ("storage", "data_store"),
    ("image", "image"), ("website", "web_application"), ("webapp", "web_application"), ("saas", "saas"),
)  # fmt: skip
_BASES = ("base", "azbase")  # kinds that every node of a directory has beside its own
_MEMBER = frozenset({"memberof", "memberoflocalgroup", "azmemberof", "azhasrole", "hasrole"})
_ADMIN = frozenset(
    {"adminto", "azowner", "azglobaladmin", "azuseraccessadministrator", "azcontributor", "azprivilegedroleadmin",
     "azvmadminlogin"}
)  # fmt: skip
# Edges of BloodHound's own schema by which whoever holds the start takes over or changes the end.
_CONTROL = frozenset(
    {"abusetgtdelegation", "addallowedtoact", "addkeycredentiallink", "addmember", "addself", "allextendedrights",
     "allowedtoact", "allowedtodelegate", "autoenroll", "azaddmembers", "azaddowner", "azaddsecret",
     "azakscontributor", "azappadmin", "azauthenticatesto", "azautomationcontributor", "azaverecontributor",
     "azcloudappadmin", "azcontains", "azexecutecommand", "azgetcertificates", "azgetkeys", "azgetsecrets", "azgrant",
     "azgrantself", "azkeyvaultcontributor", "azkeyvaultkvcontributor", "azlogicappcontributor", "azmanagedidentity",
     "azmgaddmember", "azmgaddowner", "azmgaddsecret", "azmggrantapproles", "azmggrantrole", "aznoderesourcegroup",
     "azowns", "azprivilegedauthadmin", "azresetpassword", "azroleapprover", "azroleeligible", "azrunsas",
     "azvmcontributor", "azwebsitecontributor", "badsuccessor", "canapplygpo", "canpsremote", "canrdp",
     "claimspecialidentity", "coercetotgt", "contains", "dcfor", "dcsync", "delegatedenrollmentagent",
     "dumpsmsapassword", "enroll", "executedcom", "extendedbypolicy", "forcechangepassword", "genericall",
     "genericwrite", "getchanges", "getchangesall", "getchangesinfilteredset", "goldencert", "gplink", "gpoappliesto",
     "hassidhistory", "hastrustkeys", "manageca", "managecertificates", "oidgrouplink", "owns", "ownslimitedrights",
     "ownsraw", "protectadmingroups", "readgmsapassword", "readlapspassword", "spoofsidhistory", "sqladmin",
     "syncedtoaduser", "syncedtoentrauser", "synclapspassword", "writeaccountrestrictions", "writedacl",
     "writegplink", "writeowner", "writeownerlimitedrights", "writeownerraw", "writepkienrollmentflag",
     "writepkinameflag", "writespn"}
)  # fmt: skip
# Families of edges that are composed or granted under many names.
_FAMILIES = ("adcsesc", "coerceandrelayntlmto", "azmg")
# Edges that say how things hang together: (kind of relation, whether its ends change places).
_SAYING = {
    "publishedto": ("depends_on", False), "issuedsignedby": ("depends_on", False), "hostscaservice": ("runs", False),
    "trustedby": ("trusts", True), "sameforesttrust": ("trusts", True), "crossforesttrust": ("trusts", False),
    "ntauthstorefor": ("trusts", True), "rootcafor": ("trusts", True),
    "hassession": ("logged_on", True), "azhassession": ("logged_on", True),  # drawn from the computer to the user
}  # fmt: skip


class _Node(msgspec.Struct, gc=False):
    id: Scalar = None
    kinds: list[Scalar] | None = None
    properties: dict[str, Any] | None = None


class _Matcher(msgspec.Struct, gc=False):
    key: Scalar = None
    value: Scalar = None


class _End(msgspec.Struct, gc=False):
    value: Scalar = None
    match_by: Scalar = None
    kind: Scalar = None
    property_matchers: list[_Matcher] | None = None


class _Edge(msgspec.Struct, gc=False):
    kind: Scalar = None
    start: _End | None = None
    end: _End | None = None
    properties: dict[str, Any] | None = None


class _Graph(msgspec.Struct, gc=False):
    nodes: list[msgspec.Raw] | None = None
    edges: list[msgspec.Raw] | None = None


class _Metadata(msgspec.Struct, gc=False):
    source_kind: Scalar = None


class _Document(msgspec.Struct, gc=False):
    graph: _Graph | None = None
    metadata: _Metadata | None = None


_DOCUMENT: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_NODE: msgspec.json.Decoder[_Node] = msgspec.json.Decoder(_Node)
_EDGE: msgspec.json.Decoder[_Edge] = msgspec.json.Decoder(_Edge)


@dataclass(frozen=True)
class OpenGraph:
    """Reads graphs for BloodHound's generic ingest; edges of kinds that are not known are counted and left out."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins such a graph."""
        opening = reports.decode_head(head)
        return opening.lstrip()[:1] == "{" and bool(_GRAPH.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, every node, then the edges that are rights, memberships, sessions or trusts."""
        document = _decoding.whole(report, _DOCUMENT)
        if document.graph is None:
            raise BadReport(
                "has no graph", where=report.name, hint="write it as {“graph”: {“nodes”: […], “edges”: […]}}"
            )
        source = _naming.text((document.metadata or _Metadata()).source_kind)
        yield RunSeen(tool="OpenGraph", settings=(("source_kind", source),) if source else ())
        skipped: list[Skipped] = []
        reading = _Reading(source, skipped.append)
        for node in _decoding.each(_NODE, document.graph.nodes, "graph.nodes", skipped.append):
            yield from reading.node(node)
        for edge in _decoding.each(_EDGE, document.graph.edges, "graph.edges", skipped.append):
            yield from reading.edge(edge)
        if reading.unnamed:
            skipped.append(Skipped("graph.edges", f"{reading.unnamed} edges without a kind"))
        yield from skipped


class _Reading:
    """The nodes so far, by what edges may name them by."""

    def __init__(self, source: str, skip: Callable[[Skipped], None]) -> None:
        self.source = source
        self.skip = skip
        self.said = Ties()
        self.unnamed = 0
        self.matched: dict[tuple[str, str], str] = {}

    def node(self, one: _Node) -> Iterator[Record]:
        """Yield a node as an asset."""
        identifier = _naming.text(one.id)
        if not identifier:
            self.skip(Skipped("graph.nodes", "a node without an id"))
            return
        kinds = [_naming.text(kind) for kind in one.kinds or () if kind]
        properties = one.properties or {}
        name = _naming.text(properties.get("name")) or _naming.text(properties.get("displayname"))
        key = _key(identifier)
        told = [(field, text) for field, value in properties.items() if (text := _naming.text(value))]
        for field, text in told:
            self.matched.setdefault((field.lower(), text.lower()), key)
        own = [kind for kind in kinds if kind.lower() not in _BASES and not kind.lower().startswith("tag_")]
        shown = [("directory_kind", (own or kinds or [""])[0]), ("kinds", ", ".join(kinds)), *told]
        yield from self.said.sighting(
            Sighting(
                key=key,
                name=name or identifier,
                kind=_kind(kinds),
                identifiers=self.own(key, kinds, name, properties),
                os=_naming.text(properties.get("operatingsystem")),
                attributes=tuple((field, text[:400]) for field, text in shown if text and not _telling(field)),
            )
        )

    def own(self, key: str, kinds: list[str], name: str, properties: dict[str, Any]) -> tuple[tuple[str, str], ...]:
        """Identifiers of a node: a SID, the number of an object of a directory, else its id within its source."""
        found = identifiers(key)
        of_directory = found[0][0] == "cloud_id" and kinds[:1] in (["User"], ["Group"], ["Computer"])
        if found[0][0] != "sid" and not of_directory:
            found = (("cloud_id", f"opengraph:{self.source or (kinds[0] if kinds else '')}:{key}"),)
        if _kind(kinds) == "host":
            given = (name, _naming.text(properties.get("dnshostname")), _naming.text(properties.get("hostname")))
            names = [one for text in given for one in _naming.host_identifiers(text) if one[0] != "artifact"]
            return tuple(dict.fromkeys((*found, *names)))
        return found

    def end(self, one: _End | None) -> tuple[str, list[Record]]:
        """(the key of an end, what has to be sighted before); an end that is not found is sighted by its name."""
        if one is None:
            return "", []
        value, way = _naming.text(one.value), _naming.text(one.match_by).lower() or "id"
        if way == "property" or one.property_matchers:
            pairs = [(_naming.text(m.key).lower(), _naming.text(m.value).lower()) for m in one.property_matchers or ()]
            found = {self.matched.get(pair, "") for pair in pairs}
            return (found.pop() if len(found) == 1 else ""), []
        kind = _naming.text(one.kind)
        key = self.matched.get(("name", value.lower()), "") if way == "name" else _key(value)
        if key:
            return key, list(self.said.principal(key, kind))
        if not value:
            return "", []
        asset = _kind([kind])
        own = _naming.host_identifiers(value) if asset == "host" else (("artifact", value),)
        sighting = Sighting(key=f"name {value}", name=value, kind=asset, identifiers=own)
        return sighting.key, list(self.said.sighting(sighting))

    def edge(self, one: _Edge) -> Iterator[Record]:
        """Yield an edge as a relation; one of a kind that is not known keeps its kind as `edge KIND`."""
        kind = _naming.text(one.kind)
        relation, turned = _relation(kind, one.properties or {})
        if not kind:
            self.unnamed += 1
            return
        (source, before), (target, after) = self.end(one.start), self.end(one.end)
        yield from before
        yield from after
        if not source or not target:
            self.skip(Skipped(f"edges of kind {kind}", "an end that is not in the graph"))
            return
        if turned:
            source, target = target, source
        if kind.lower() == "gplink" and (one.properties or {}).get("enforced") is True:
            kind = "GPLinkEnforced"
        note = kind if relation else f"edge {kind}"  # leads nowhere until a rule of the team says what it is
        yield from self.said.tie(
            Relation(kind=relation or "controls", source=f"asset:{source}", target=f"asset:{target}", note=note)  # type: ignore[arg-type]
        )


def _key(identifier: str) -> str:
    """SIDs are compared in capitals, all else as it is written."""
    return key_of(identifier) if _SID.match(identifier.upper()) else identifier


def _telling(field: str) -> bool:
    """Whether a field may hold a secret."""
    return any(word in field.lower() for word in ("password", "secret", "token", "description"))


def _kind(kinds: list[str]) -> AssetKind:
    for kind in kinds:
        folded = kind.lower()
        for word, asset in _WORDS:
            if word in folded:
                return asset
    return "cloud_resource"


def _relation(kind: str, properties: dict[str, Any]) -> tuple[str, bool]:
    """(kind of relation, whether its ends change places) of an edge; '' where its kind is not known."""
    folded = kind.lower().replace("_", "")
    if folded in _MEMBER or folded.endswith("memberof"):
        return "member_of", False
    if folded in _ADMIN:
        return "admin_of", False
    if folded in _SAYING:
        return _SAYING[folded]
    if folded in _CONTROL or folded.startswith(_FAMILIES) or properties.get("traversable") is True:
        return "controls", False
    return "", False


PLUGIN = OpenGraph()
