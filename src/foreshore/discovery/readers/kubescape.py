"""Kubescape's JSON: version 2 (resources and results) and version 1 (frameworks with control reports)."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _cloud_rows, _decoding, _iac_rows, _kube_rows, _naming
from foreshore.discovery.readers._cloud_rows import mapping, objects
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Severity, Sighting, Skipped, Word

_SECOND = regex(r'"(summaryDetails|controlID)"\s*:')
_ALSO = regex(r'"(generationTime|customerGUID|reportGUID|resourceID|ResourceCounters|clusterAPIServerInfo)"\s*:')
_FIRST = regex(r'"controlReports"\s*:')


class _Document(msgspec.Struct, gc=False):
    generationTime: Any = None
    clusterName: Any = None
    metadata: Any = None
    resources: list[msgspec.Raw] | None = None
    results: list[msgspec.Raw] | None = None
    summaryDetails: Any = None
    frameworks: list[msgspec.Raw] | None = None
    controlReports: Any = None


_DECODER: msgspec.json.Decoder[_Document | list[msgspec.Raw]] = msgspec.json.Decoder(_Document | list[msgspec.Raw])
_ANY: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True)
class Kubescape:
    """Reads Kubescape's JSON; each rule that failed on an object is a finding, each control made is coverage."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of Kubescape."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] not in ("{", "["):
            return False
        if _FIRST.search(opening) or ('"generationTime"' in opening and '"customerGUID"' in opening):
            return True
        return bool(_SECOND.search(opening) and _ALSO.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the objects each once, findings, and which controls were made on what."""
        document = _decoding.whole(report, _DECODER)
        reading = _Reading()
        if isinstance(document, list):
            yield _run(_Document())
            reading.first(document)
        elif document.frameworks is not None or document.controlReports is not None:
            yield _run(document)
            reading.cluster = _cluster(document)
            reading.first(document.frameworks or [msgspec.Raw(msgspec.json.encode(document))])
        elif document.results is not None or document.summaryDetails is not None:
            yield _run(document)
            reading.second(document)
        else:
            raise BadReport(
                "holds neither results nor frameworks",
                where=report.name,
                hint="export with `kubescape scan --format json --format-version v2`",
            )
        yield from reading.records()


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.generationTime)
    observed, assumed = _naming.moment(stamp)
    scan = mapping(mapping(document.metadata).get("scanMetadata"))
    names = ", ".join(_naming.texts(scan.get("targetNames")))
    return RunSeen(
        tool="kubescape",
        version=_naming.text(scan.get("kubescapeVersion")).removeprefix("v"),
        scanner=_cluster(document),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
        settings=(("frameworks", names),) if names else (),
    )


def _target(document: _Document, name: str) -> Mapping[str, Any]:
    return mapping(mapping(mapping(document.metadata).get("targetMetadata")).get(name))


def _cluster(document: _Document) -> str:
    context = _target(document, "clusterContextMetadata")
    return _naming.text(document.clusterName) or _naming.text(context.get("contextName"))


def _repository(document: _Document) -> tuple[str, str]:
    """(name, URL) of the project whose files were scanned."""
    git = _target(document, "gitRepoContextMetadata")
    owner, name = _naming.text(git.get("owner")), _naming.text(git.get("repo"))
    if git.get("provider") in (None, "", "none"):
        return name.removeprefix("file@"), ""
    return f"{owner}/{name}".strip("/"), _naming.text(git.get("remoteURL"))


class _Reading:
    """The state of one reading: objects, findings and coverage."""

    def __init__(self) -> None:
        self.cluster = ""
        self.project: Sighting | None = None
        self.assets = _cloud_rows.Assets()
        self.coverage = _cloud_rows.Coverage("kubescape")
        self.findings: list[Finding] = []
        self.skipped: list[Skipped] = []
        self.scores: dict[str, float] = {}

    def records(self) -> Iterator[Record]:
        yield from self.assets.sightings()
        yield from self.findings
        yield from self.coverage.records()
        yield from self.skipped

    # -- version 2 ------------------------------------------------------------------------------

    def second(self, document: _Document) -> None:
        """Results by resource; what the resources are stands beside them."""
        self.cluster = _cluster(document)
        for name, control in mapping(mapping(document.summaryDetails).get("controls")).items():
            self.scores[name] = _naming.number(mapping(control).get("scoreFactor")) or 0.0
        resources: dict[str, dict[str, Any]] = {}
        for one in _decoding.each(_ANY, document.resources, "resources", self.skipped.append):
            resources[_naming.text(one.get("resourceID"))] = one
        if not self.cluster and any(uid.startswith("path=") or one.get("source") for uid, one in resources.items()):
            self.project = _iac_rows.project("kubescape", *_repository(document))
        for number, result in enumerate(_decoding.each(_ANY, document.results, "results", self.skipped.append)):
            uid = _naming.text(result.get("resourceID"))
            described = resources.get(uid) or mapping(result.get("rawResource"))
            thing = mapping(described.get("object")) or described
            sighting, path, place = self.place(uid, thing, mapping(described.get("source")))
            asset = self.assets.see(sighting)
            for control in objects(result.get("controls")):
                self.control((asset, path, place), control, f"results[{number}].controls")

    def place(self, uid: str, thing: Mapping[str, Any], source: Mapping[str, Any]) -> tuple[Sighting, str, str]:
        """(asset, file, place in it): an object of a cluster, or one that the files of a project describe."""
        kind, namespace, name = _named(uid, thing)
        path = _naming.text(source.get("relativePath")) or _naming.text(thing.get("sourcePath")).rpartition(":")[0]
        if self.project is not None:
            label = "/".join(part for part in (namespace, kind, name) if part)
            return self.project, path, _iac_rows.place(path, label)
        return _kube_rows.workload(self.cluster, namespace, kind, name), "", ""

    def control(self, where: tuple[str, str, str], control: Mapping[str, Any], shown: str) -> None:
        asset, _path, place = where
        rule = _naming.text(control.get("controlID"))
        if not rule:
            self.skipped.append(Skipped(shown, "a control without an identifier"))
            return
        rules = objects(control.get("rules"))
        outcomes = {_naming.text(one.get("status")) for one in rules}
        said = mapping(control.get("status"))
        # An object of a cluster without name may be another one's; a file may be looked at in part.
        if not place and self.cluster and outcomes & {"passed", "failed"} and said.get("subStatus") != "irrelevant":
            self.coverage.looked(asset, rule)
        for one in rules:
            if _naming.text(one.get("status")) == "failed" or _exempt(one):
                self.findings.append(self.finding(where, rule, control, one))

    def finding(
        self, where: tuple[str, str, str], rule: str, control: Mapping[str, Any], one: Mapping[str, Any]
    ) -> Finding:
        asset, path, place = where
        word: Word = "accepted" if _exempt(one) or one.get("exception") else "open"
        shown = [text for part in objects(one.get("paths")) if (text := _setting(part))]
        return Finding(
            asset=asset,
            rule=rule,
            title=_naming.text(control.get("name")) or rule,
            severity=self.severity(rule, control),
            weaknesses=(rule,),
            kind="misconfiguration",
            resource=_iac_rows.place(place, _naming.text(one.get("name"))) or asset,
            path=path,
            proof="configuration",
            word=word,
            references=(f"https://hub.armosec.io/docs/{rule.lower()}",) if re.fullmatch(r"C-\d{4}", rule) else (),
            evidence="\n".join(dict.fromkeys(shown)),
        )

    def severity(self, rule: str, control: Mapping[str, Any]) -> Severity:
        """Of the control's factor, in the same steps as CVSS; its word where the report gives one."""
        if word := _naming.text(control.get("severity")):
            return _naming.severity(word)
        known = (self.scores.get(rule), control.get("scoreFactor"), control.get("baseScore"))
        factor = next((found for one in known if (found := _naming.number(one))), None)
        return _naming.of_score(factor) if factor else "medium"

    # -- version 1 ------------------------------------------------------------------------------

    def first(self, raws: list[msgspec.Raw]) -> None:
        """Frameworks with controls, their rules, and the objects that each rule found."""
        seen: set[tuple[str, str, str]] = set()
        for number, framework in enumerate(_decoding.each(_ANY, raws, "frameworks", self.skipped.append)):
            for control in objects(framework.get("controlReports")):
                rule = _naming.text(control.get("controlID")) or _naming.text(control.get("id"))
                if not rule:
                    self.skipped.append(Skipped(f"frameworks[{number}]", "a control without an identifier"))
                    continue
                for report in objects(control.get("ruleReports")):
                    for response in objects(report.get("ruleResponses")):
                        self.response(rule, (control, report, response), seen)

    def response(
        self, rule: str, said: tuple[Mapping[str, Any], ...], seen: set[tuple[str, str, str]]
    ) -> None:  # fmt: skip
        """One response of a rule, on each of its objects; the same control of two frameworks counts once."""
        control, report, response = said
        alert = mapping(response.get("alertObject"))
        check = _naming.text(report.get("name"))
        paths = [*_naming.texts(response.get("failedPaths")), *map(_setting, objects(response.get("fixPaths")))]
        told = dict.fromkeys([_naming.text(response.get("alertMessage")), *paths])
        for thing in objects(alert.get("k8sApiObjects")) or objects(alert.get("externalObjects")) or [{}]:
            kind, namespace, name = _named("", thing)
            asset = self.assets.see(_kube_rows.workload(self.cluster, namespace, kind, name))
            if (asset, rule, check) in seen:
                continue
            seen.add((asset, rule, check))
            self.findings.append(
                Finding(
                    asset=asset,
                    rule=rule,
                    title=_naming.text(control.get("name")) or rule,
                    severity=self.severity(rule, control),
                    weaknesses=(rule,),
                    kind="misconfiguration",
                    resource=check or asset,
                    proof="configuration",
                    word="accepted" if response.get("exception") else "open",
                    description=_naming.text(control.get("description")),
                    solution=_naming.text(control.get("remediation")),
                    evidence="\n".join(one for one in told if one),
                )
            )


def _exempt(one: Mapping[str, Any]) -> bool:
    return "exception" in _naming.text(one.get("subStatus"))


def _setting(part: Mapping[str, Any]) -> str:
    """The setting that failed; what it should be is added, what it is may be a secret and is not."""
    fix = mapping(part.get("fixPath")) or part
    for name in ("failedPath", "reviewPath", "deletePath"):
        if failed := _naming.text(part.get(name)):
            return failed
    path, value = _naming.text(fix.get("path")), _naming.text(fix.get("value"))
    return f"{path} should be {value}" if path and value else path


def _named(uid: str, thing: Mapping[str, Any]) -> tuple[str, str, str]:
    """(kind, namespace, name) from the object, else from its identifier `group/version/namespace/kind/name`."""
    about = mapping(thing.get("metadata"))
    kind = _naming.text(thing.get("kind"))
    name = _naming.text(about.get("name")) or _naming.text(thing.get("name"))
    if kind and name:
        return kind, _naming.text(about.get("namespace")) or _naming.text(thing.get("namespace")), name
    parts = uid.rpartition("api=")[2].split("/")
    if len(parts) >= 4:
        return parts[-2], parts[-3], parts[-1]
    return kind or "Object", "", name or uid or "unknown"


PLUGIN = Kubescape()
