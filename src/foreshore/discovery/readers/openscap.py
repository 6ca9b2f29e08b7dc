"""OpenSCAP and other SCAP scanners: XCCDF results (1.1 and 1.2) and the Asset Reporting Format around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from lxml import etree

from foreshore import facts
from foreshore.discovery import xmlstream
from foreshore.discovery.readers import _host_scans as scans
from foreshore.discovery.readers import _hosts as hosts
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.reports import decode_head
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_ROOTS = ("Benchmark", "TestResult", "asset-report-collection")
_BREAKS = frozenset({"p", "br", "li", "pre", "ul", "ol", "div", "tr"})
# OVAL content in an ARF is not needed; it is named so that it does not stay in memory.
_UNUSED = ("definition", "criteria", "test", "tested_item", "collected_objects", "system_data")
_NO_ANSWER = {
    "error": "the check ended with an error",
    "unknown": "the check gave no answer",
    "notchecked": "was not checked",
}
_NAME_FACTS = ("asset:identifier:fqdn", "asset:identifier:host_name", "os_hostname", "fqdn")
_ADDRESS_FACTS = ("asset:identifier:ipv4", "asset:identifier:ipv6")


@dataclass(frozen=True)
class OpenSCAP:
    """Reads each rule that failed on its target; each target is covered for exactly the rules with an answer.

    A rule that a person set from failed to passed is kept as suppressed. Rules without a severity
    (the standard calls it unknown) are informational until something else says more.
    """

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Is it a benchmark with results, results alone, or a collection of asset reports?"""
        root = xmlstream.root_of(head)
        if root not in _ROOTS:
            return False
        text = decode_head(head)
        return "checklists.nist.gov/xccdf/" in text or "scap.nist.gov/schema/asset-reporting-format/" in text

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, then each target with what failed there; rules are read first."""
        about = _about(report)
        at, text, assumed = hosts.latest(about.ends)
        yield RunSeen(
            tool=about.tool or "OpenSCAP",
            observed_at=at,
            observed_text=text,
            zone_assumed=assumed,
            settings=tuple(dict.fromkeys(("profile", one) for one in about.profiles)),
        )
        said: set[str] = set()
        for _event, element in xmlstream.elements(report, ("Rule", "TestResult", *_UNUSED), namespaces=True):
            if scans.local(element) == "TestResult":
                yield from _Result(element, about.rules, said).records()


PLUGIN = OpenSCAP()


@dataclass
class _Rule:
    title: str = ""
    severity: str = ""
    extends: str = ""
    description: str = ""
    solution: str = ""
    idents: tuple[tuple[str, str], ...] = ()
    references: tuple[str, ...] = ()


@dataclass
class _About:
    rules: dict[str, _Rule] = field(default_factory=dict)
    ends: list[str] = field(default_factory=list)
    profiles: list[str] = field(default_factory=list)
    tool: str = ""


def _about(report: facts.Report) -> _About:
    about = _About()
    for _event, element in xmlstream.elements(report, ("Rule", "TestResult", *_UNUSED), namespaces=True):
        name = scans.local(element)
        if name == "Rule":
            about.rules[element.get("id", "")] = _rule(element)
        elif name == "TestResult":
            about.ends.append(element.get("end-time") or element.get("start-time") or "")
            about.profiles.extend(one.get("idref", "") for one in element.iterfind("{*}profile") if one.get("idref"))
            about.tool = about.tool or _facts(element).get("scanner:name", [""])[0]
    if not about.ends:
        raise BadReport(
            "holds rules but no results of a scan",
            where=report.name,
            hint="give the file that was written with the results, for example by oscap's --results or --results-arf",
        )
    return about


def _text(element: etree._Element, name: str) -> str:
    return scans.prose(element.find(f"{{*}}{name}"), _BREAKS)


def _rule(element: etree._Element) -> _Rule:
    parts = (_text(element, "description"), _text(element, "rationale"))
    links = (one.get("href", "") for one in element.iterfind("{*}reference"))
    return _Rule(
        title=" ".join(_text(element, "title").split()),
        severity=element.get("severity", ""),
        extends=element.get("extends", ""),
        description="\n".join(part for part in parts if part),
        solution=_text(element, "fixtext"),
        idents=_idents(element),
        references=tuple(dict.fromkeys(link for link in links if link.startswith("http"))),
    )


def _idents(element: etree._Element) -> tuple[tuple[str, str], ...]:
    return tuple((one.get("system", ""), (one.text or "").strip()) for one in element.iterfind("{*}ident"))


def _facts(element: etree._Element) -> dict[str, list[str]]:
    """Facts about the target by the name behind `urn:xccdf:fact:`."""
    found: dict[str, list[str]] = {}
    for one in element.iterfind("{*}target-facts/{*}fact"):
        name = one.get("name", "").removeprefix("urn:xccdf:fact:").removeprefix("urn:scap:fact:")
        if value := (one.text or "").strip():
            found.setdefault(name, []).append(value)
    return found


class _Result:
    """One TestResult: a target and what each rule said of it."""

    def __init__(self, element: etree._Element, rules: dict[str, _Rule], said: set[str]) -> None:
        self._element = element
        self._rules = rules
        self._said = said
        self._facts = _facts(element)
        self._addresses = [(one.text or "").strip() for one in element.iterfind("{*}target-address")]
        targets = [text for one in element.iterfind("{*}target") if (text := (one.text or "").strip())]
        self._targets = targets or self._facts.get("asset:identifier:fqdn", [])
        usable = [value for kind, value in scans.addresses(self._addresses) if kind == "ip"]
        self.key = next(iter([*self._targets, *usable]), "") or element.get("id", "") or "target"
        self._at = naming.when(element.get("end-time") or element.get("start-time"))

    def records(self) -> Iterator[Record]:
        if self.key not in self._said:
            self._said.add(self.key)
            yield self._sighting()
        looked: list[str] = []
        for one in self._element.iterfind("{*}rule-result"):
            rule, result = one.get("idref", "").strip(), _text(one, "result").lower()
            if not rule:
                yield Skipped(f"{self.key}, a result without a rule", "names no check")
            elif result in _NO_ANSWER:
                yield Skipped(f"{self.key}, {rule}", _NO_ANSWER[result])
            else:
                yield from self._answer(one, rule, result)
                looked.extend([rule] if result in ("pass", "fail", "fixed") else [])
        if said := scans.covered("xccdf", self.key, looked, True):
            yield said

    def _answer(self, element: etree._Element, rule: str, result: str) -> Iterator[Record]:
        """The finding of an answer; what passed or does not apply is none."""
        overridden = any(_text(one, "old-result").lower() == "fail" for one in element.iterfind("{*}override"))
        if result == "fail":
            yield self._finding(element, rule, "open")
        elif result == "fixed":
            yield self._finding(element, rule, "fixed")
        elif result == "informational":
            yield self._finding(element, rule, "open", kind="observation")
        elif overridden:
            yield self._finding(element, rule, "suppressed")
        elif result not in ("pass", "notapplicable", "notselected"):
            yield Skipped(f"{self.key}, {rule}", f"has a result that the standard does not know ({result or 'none'})")

    def _sighting(self) -> Sighting:
        names = [*self._targets, *(name for fact in _NAME_FACTS for name in self._facts.get(fact, []))]
        systems = (hosts.cpe(one.get("idref", "")) for one in self._element.iterfind("{*}platform"))
        system = next((one for one in systems if one[0].startswith("cpe:2.3:o:")), ("", "", ""))
        macs = [*self._facts.get("ethernet:MAC", []), *self._facts.get("asset:identifier:mac", [])]
        addresses = [*self._addresses, *(text for fact in _ADDRESS_FACTS for text in self._facts.get(fact, []))]
        identifiers = hosts.gather(
            (one for mac in macs for one in scans.macs(mac)),
            (one for name in names for one in hosts.named("fqdn", name)),
            scans.addresses(addresses),
        )
        profiles = [one.get("idref", "") for one in self._element.iterfind("{*}profile")]
        return Sighting(
            key=self.key,
            name=self.key,
            kind="image" if self.key.startswith("docker-image:") else "host",
            identifiers=identifiers or (("artifact", self.key),),
            os=f"{system[1].replace('_', ' ')} {system[2]}".strip(),
            attributes=tuple(("profile", profile) for profile in profiles if profile),
            authenticated=True,
            observed_at=self._at,
        )

    def _finding(
        self, element: etree._Element, name: str, word: facts.Word, kind: facts.ExposureKind | None = None
    ) -> Finding:
        rule = self._known(name)
        idents = (*_idents(element), *rule.idents)
        weaknesses = naming.public_ids(*(value for _system, value in idents))
        messages = [(one.text or "").strip() for one in element.iterfind("{*}message")]
        instances = [(one.text or "").strip() for one in element.iterfind("{*}instance")]
        return Finding(
            asset=self.key,
            rule=name,
            title=rule.title or name,
            severity="info" if kind == "observation" else naming.severity(element.get("severity") or rule.severity),
            weaknesses=weaknesses,
            kind=kind or ("vulnerability" if weaknesses else "misconfiguration"),
            fix=hosts.fix_name(rule.title) if weaknesses else "",
            resource=", ".join(dict.fromkeys(one for one in instances if one)),
            proof="package" if weaknesses else "configuration",
            word=word,
            description=rule.description,
            solution=rule.solution,
            references=rule.references,
            evidence="\n".join(one for one in messages if one),
            observed_at=naming.when(element.get("time")) or self._at,
            tags=tuple(dict.fromkeys(value for system, value in idents if "cce" in system.lower() and value)),
        )

    def _known(self, name: str) -> _Rule:
        """The rule with what it takes over from those that it extends."""
        rule = self._rules.get(name, _Rule())
        merged = _Rule(**vars(rule))
        for _step in range(8):
            rule = self._rules.get(rule.extends, _Rule())
            for field_name, value in vars(merged).items():
                if not value:
                    setattr(merged, field_name, getattr(rule, field_name))
            if not rule.extends:
                break
        return merged
