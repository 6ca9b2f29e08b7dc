"""What CycloneDX says in either form: a subject, its components, and vulnerabilities with VEX words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from foreshore.discovery.readers import _naming
from foreshore.facts import AssetKind, Finding, Record, RunSeen, Severity, Sighting, Word


class Component(msgspec.Struct, frozen=True):
    """A component of the bill of materials, or its subject."""

    name: str = ""
    type: str = ""
    ref: str = ""
    group: str = ""
    version: str = ""
    purl: str = ""
    cpe: str = ""


class Rating(msgspec.Struct, frozen=True):
    """One rating of a vulnerability."""

    score: float | None = None
    severity: str = ""
    method: str = ""
    vector: str = ""


class Vulnerability(msgspec.Struct, frozen=True, kw_only=True):
    """One vulnerability and what it affects: references to components, or the components themselves."""

    id: str
    aliases: tuple[str, ...] = ()
    ratings: tuple[Rating, ...] = ()
    cwes: tuple[int, ...] = ()
    description: str = ""
    recommendation: str = ""
    references: tuple[str, ...] = ()
    state: str = ""
    justification: str = ""
    detail: str = ""
    fixed: str = ""
    affects: tuple[str, ...] = ()
    inside: Component | None = None


class Bom(msgspec.Struct, frozen=True, kw_only=True):
    """A whole bill of materials."""

    spec: str = ""
    serial: str = ""
    timestamp: str = ""
    tools: tuple[tuple[str, str], ...] = ()
    subject: Component | None = None
    components: Mapping[str, Component] = {}
    count: int = 0
    vulnerabilities: tuple[Vulnerability, ...] = ()


# Analysis states of the specification: exploitable and in_triage leave the exposure open.
WORDS: dict[str, Word] = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "false_positive": "false_positive",
    "not_affected": "suppressed",
}
_KINDS: dict[str, AssetKind] = {
    "container": "image",
    "operating-system": "host",
    "device": "device",
    "firmware": "device",
    "application": "code_component",
}
# Methods in the order we believe them; a rating that names no method is the scanner's own word.
_METHODS = ("CVSSv4", "CVSSv31", "CVSSv3", "", "CVSSv2")
_PREFIXES = {"CVSSv4": "CVSS:4.0/", "CVSSv31": "CVSS:3.1/", "CVSSv3": "CVSS:3.0/"}


def records(bom: Bom) -> Iterator[Record]:
    """Yield the run, the subject, and one finding for each affected component of each vulnerability."""
    yield _run(bom)
    subject = _sighting(bom)
    yield subject
    for one in bom.vulnerabilities:
        places = [bom.components.get(ref) or _of_reference(ref) for ref in one.affects]
        if not places:
            places = [one.inside or Component()]
        for place in places:
            yield _finding(subject.key, one, place)


def _run(bom: Bom) -> RunSeen:
    observed, assumed = _naming.moment(bom.timestamp)
    return RunSeen(
        tool=", ".join(name for name, _ in bom.tools if name) or "cyclonedx",
        version=", ".join(version for _, version in bom.tools if version),
        observed_at=observed,
        observed_text=bom.timestamp,
        zone_assumed=assumed,
        settings=(("spec", bom.spec), ("components", str(bom.count))),
    )


def _sighting(bom: Bom) -> Sighting:
    """The subject of the bill; without one the bill itself stands for what it lists."""
    subject = bom.subject
    counted = (("components", str(bom.count)),)
    if subject is None or not (subject.name or subject.purl):
        name = bom.serial or "software without a name"
        return Sighting(
            key=f"bom {name}",
            name=name,
            kind="code_component",
            identifiers=(("artifact", name),),
            attributes=counted,
        )
    name = f"{subject.group}/{subject.name}" if subject.group else subject.name
    kind = _KINDS.get(subject.type, "code_component")
    if kind == "image":
        identifiers = _naming.image_identifiers(
            [name], [subject.version, subject.purl.replace("%3A", ":"), subject.name]
        )
    elif kind == "host":
        identifiers = _naming.host_identifiers(name)
    else:
        identifiers = (("artifact", name),)
        if purl := _naming.package(subject.purl)[0]:
            identifiers = (("purl", purl), *identifiers)
    version = (("version", subject.version),) if subject.version else ()
    return Sighting(
        key=f"{kind} {name}",
        name=name,
        kind=kind,
        identifiers=identifiers or (("artifact", name),),
        attributes=(*version, *counted),
        authenticated=True,
    )


def _of_reference(ref: str) -> Component:
    """A component that is only referred to: the reference itself is often a purl, also inside a BOM-Link."""
    place = ref[ref.find("pkg:") :] if "pkg:" in ref else ""
    return Component(ref=ref, purl=place, name="" if place else ref)


def _finding(asset: str, one: Vulnerability, place: Component) -> Finding:
    purl, plain, version = _naming.package(place.purl)
    name = place.name or plain
    rating = _best(one.ratings)
    shown = f"{place.group}/{name}" if place.group and not purl else name
    tags = tuple(
        f"{label}={text}" for label, text in (("vex", one.state), ("justification", one.justification)) if text
    )
    return Finding(
        asset=asset,
        rule=one.id or "unknown",
        title=f"{one.id} in {shown}" if shown else one.id,
        severity=_severity(one.ratings),
        weaknesses=_weaknesses(one),
        component=purl or (":".join(place.cpe.split(":")[:5]) if place.cpe.startswith("cpe:2.3:") else ""),
        component_name=name,
        version=place.version or version,
        fixed_version=one.fixed,
        resource="" if purl else place.ref,
        cvss_vector=_vector(rating),
        cvss_score=rating.score if rating is not None and rating.method.startswith("CVSS") else None,
        cwes=one.cwes,
        proof="package",
        word=WORDS.get(one.state, "open"),
        description=one.description,
        solution=one.recommendation,
        references=one.references,
        evidence=one.detail,
        tags=tags,
    )


def _weaknesses(one: Vulnerability) -> tuple[str, ...]:
    """The CVE of the identifier or of what it refers to, else its GHSA, else the identifier."""
    own = _naming.public_ids(one.id)
    if own and own[0].startswith("CVE-"):
        return own
    return _naming.public_ids(*one.aliases) or own or _naming.weakness(one.id)


def _rank(rating: Rating) -> int:
    return _METHODS.index(rating.method) if rating.method in _METHODS else len(_METHODS)


def _best(ratings: tuple[Rating, ...]) -> Rating | None:
    """The rating whose vector and score we take: the newest CVSS."""
    scored = [one for one in ratings if one.score is not None or one.vector]
    return min(scored, key=_rank, default=None)


def _severity(ratings: tuple[Rating, ...]) -> Severity:
    """The word of the newest CVSS or of the scanner itself; else by score; else any other method's word."""
    ordered = sorted(ratings, key=_rank)
    for one in ordered:
        if one.severity and _rank(one) < _METHODS.index("CVSSv2"):
            return _naming.severity(one.severity)
    for one in ordered:
        if one.score is not None and one.method in _METHODS[:3]:
            return _naming.of_score(one.score)
    for one in ordered:
        if one.severity:
            return _naming.severity(one.severity)
        if one.score is not None and one.method in _METHODS:
            # CVSS 2 knows no "critical".
            return _naming.of_score(min(one.score, 8.9) if one.method == "CVSSv2" else one.score)
    return "info"


def _vector(rating: Rating | None) -> str:
    if rating is None or not rating.vector or not rating.method.startswith("CVSS"):
        return rating.vector if rating is not None and rating.vector.startswith("CVSS:") else ""
    prefix = _PREFIXES.get(rating.method, "")
    return rating.vector if rating.vector.startswith("CVSS:") else prefix + rating.vector.strip("()")
