"""The rows of Snyk's command line: packages with weaknesses, licences, and settings in infrastructure as code."""

# ruff: noqa: N815 - fields of the structures are named as the format names them
from __future__ import annotations

from typing import Any

import msgspec

from foreshore.discovery.readers import _iac_rows, _naming, _packages
from foreshore.discovery.readers._decoding import Scalar
from foreshore.facts import Finding, Word


class Reference(msgspec.Struct, gc=False):
    url: Scalar = None


class Chance(msgspec.Struct, gc=False):
    probability: Scalar = None


class CvssSource(msgspec.Struct, gc=False):
    type: Scalar = None
    vector: Scalar = None
    baseScore: Scalar = None
    cvssVersion: Scalar = None


class Row(msgspec.Struct, gc=False):
    """A package with one weakness, reached by one path of dependencies."""

    id: Scalar = None
    title: Scalar = None
    type: Scalar = None
    license: Scalar = None
    severity: Scalar = None
    severityWithCritical: Scalar = None
    identifiers: dict[str, Any] | None = None
    CVSSv3: Scalar = None
    cvssScore: Scalar = None
    cvssSources: list[CvssSource] | None = None
    epssDetails: Chance | None = None
    packageName: Scalar = None
    moduleName: Scalar = None
    name: Scalar | list[Scalar] = None
    version: Scalar = None
    packageManager: Scalar = None
    language: Scalar = None
    fixedIn: list[Scalar] | None = None
    nearestFixedInVersion: Scalar = None
    upgradePath: list[Scalar | list[Scalar]] | None = None
    description: Scalar = None
    references: list[Reference | str] | None = None
    exploit: Scalar = None
    from_: list[Scalar | list[Scalar]] | None = msgspec.field(name="from", default=None)
    dockerfileInstruction: Scalar = None
    filtered: Any = None


class _Said(msgspec.Struct, gc=False):
    issue: Scalar = None
    impact: Scalar = None
    resolve: Scalar = None


class Setting(msgspec.Struct, gc=False):
    """A setting in a file of infrastructure as code that a rule is against."""

    id: Scalar = None
    publicId: Scalar = None
    title: Scalar = None
    severity: Scalar = None
    subType: Scalar = None
    isIgnored: Scalar = None
    documentation: Scalar = None
    lineNumber: Scalar = None
    issue: Scalar = None
    impact: Scalar = None
    resolve: Scalar = None
    msg: Scalar = None
    iacDescription: _Said | None = None
    references: list[Scalar] | None = None
    path: list[Scalar] | None = None


_WORDS: dict[str, Word] = {"wont-fix": "accepted", "not-vulnerable": "false_positive"}


def ignored(row: Row) -> Word:
    """Our word for the reason that somebody gave to ignore a row."""
    said = row.filtered.get("ignored") if isinstance(row.filtered, dict) else None
    for one in said if isinstance(said, list) else ():
        if isinstance(one, dict) and (word := _WORDS.get(_naming.text(one.get("reasonType")))):
            return word
    return "suppressed"


def ungrouped(row: Row) -> list[Row]:
    """The rows of one path each that `--group-issues` made one of: its paths and names are lists of lists."""
    paths = [one for one in row.from_ or () if isinstance(one, list)]
    if not paths:
        return (
            [msgspec.structs.replace(row, name=row.name[0] if row.name else None)]
            if isinstance(row.name, list)
            else [row]
        )
    names = row.name if isinstance(row.name, list) else [row.name] * len(paths)
    upgrades = [one for one in row.upgradePath or () if isinstance(one, list)]
    found = []
    for number, path in enumerate(paths):
        last = _naming.text(path[-1]) if path else ""
        found.append(
            msgspec.structs.replace(
                row,
                name=names[number] if number < len(names) else None,
                version=last.rpartition("@")[2] if last.rfind("@") > 0 else row.version,
                from_=list(path),
                upgradePath=list(upgrades[number]) if number < len(upgrades) else row.upgradePath,
            )
        )
    return found


def finding(asset: str, row: Row, manager: str, path: str, word: Word) -> Finding:
    """The finding of a package; `manager` is the project's package manager, `path` its manifest."""
    name = _naming.text(row.name) or _naming.text(row.packageName) or _naming.text(row.moduleName)
    rule = _naming.text(row.id) or "unknown"
    licence = row.type == "license" or rule.startswith("snyk:lic:")
    identifiers = row.identifiers or {}
    public = _naming.public_ids(*_listed(identifiers, "CVE"), *_listed(identifiers, "GHSA"))
    vector, score = _cvss(row)
    title = _naming.text(row.title) or rule
    chance = _naming.number(row.epssDetails.probability) if row.epssDetails is not None else None
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{name}: {title}" if name else title,
        severity=_naming.severity(row.severityWithCritical or row.severity),
        weaknesses=() if licence else public or (rule,),
        kind="observation" if licence else "vulnerability",
        component=_component(_naming.text(row.packageManager) or manager, name),
        component_name=name,
        version=_naming.text(row.version),
        fixed_version=_fixed(row),
        path=path,
        cvss_vector=vector,
        cvss_score=score,
        epss=chance if chance is not None and 0 <= chance <= 1 else None,
        cwes=_naming.cwes(_listed(identifiers, "CWE")),
        proof="package",
        word=word,
        description=_naming.text(row.description),
        solution=_upgrade(row),
        references=_references(row.references),
        evidence=" > ".join(text for one in row.from_ or () if (text := _naming.text(one))),
        tags=(f"exploit={_naming.text(row.exploit)}",) if row.exploit else (),
    )


def _listed(identifiers: dict[str, Any], kind: str) -> list[str]:
    return _naming.texts(identifiers.get(kind))


def _component(manager: str, name: str) -> str:
    """Packages of a distribution are `source/binary`; the binary is what is installed."""
    if manager.partition(":")[0] in ("debian", "ubuntu", "deb", "alpine", "apk", "wolfi", "chainguard"):
        name = name.rpartition("/")[2]
    return _packages.component(manager, name)


def _fixed(row: Row) -> str:
    listed = ", ".join(text for one in row.fixedIn or () if (text := _naming.text(one)))
    return listed or _naming.text(row.nearestFixedInVersion)


def _cvss(row: Row) -> tuple[str, float | None]:
    vector, score = _naming.text(row.CVSSv3), _naming.score(row.cvssScore)
    if vector or not row.cvssSources:
        return vector, score
    best = max(row.cvssSources, key=lambda one: (one.type == "primary", _naming.text(one.cvssVersion)))
    return _naming.text(best.vector), _naming.score(best.baseScore) or score


def _upgrade(row: Row) -> str:
    """The first step of the upgrade is what the project itself asks for, `false` is the project; and the advice."""
    steps = [one for one in row.upgradePath or () if isinstance(one, str) and one]
    advice = _naming.text(row.description).partition("## Remediation")[2].partition("\n## ")[0].strip()
    return "\n".join(text for text in (advice, f"upgrade to {steps[0]}" if steps else "") if text)


def _references(rows: list[Reference | str] | None) -> tuple[str, ...]:
    urls = (one if isinstance(one, str) else _naming.text(one.url) for one in rows or ())
    return tuple(dict.fromkeys(url for url in urls if url))


def setting(asset: str, row: Setting, path: str) -> Finding:
    """The finding of a setting in the file at `path`."""
    said = row.iacDescription or _Said()
    rule = _naming.text(row.publicId) or _naming.text(row.id) or "unknown"
    where = ".".join(text for one in row.path or () if (text := _naming.text(one))) or _naming.text(row.msg)
    links = [*(row.references or ()), row.documentation]
    kind = _naming.text(row.subType)
    return Finding(
        asset=asset,
        rule=rule,
        title=_naming.text(row.title) or rule,
        severity=_naming.severity(row.severity),
        kind="misconfiguration",
        resource=_iac_rows.place(path, where),
        path=path,
        line=max(0, _naming.whole_number(row.lineNumber)),
        proof="configuration",
        word="suppressed" if row.isIgnored is True else "open",
        description="\n".join(
            text for one in (row.issue or said.issue, row.impact or said.impact) if (text := _naming.text(one))
        ),
        solution=_naming.text(row.resolve or said.resolve),
        references=tuple(dict.fromkeys(text for one in links if (text := _naming.text(one)))),
        tags=(f"subtype={kind}",) if kind else (),
    )
