"""govulncheck's JSON: messages one to a line, over many lines or in a list, and the document of its first versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _naming, _packages, _packages_osv, _packages_values
from foreshore.discovery.readers._host_scans import by_file
from foreshore.discovery.readers._packages_go import Config, Frame, Message, Old, Position, Required, Trace, older
from foreshore.discovery.readers._packages_osv import Osv
from foreshore.errors import BadReport
from foreshore.facts import Finding, Record, RunSeen, Sighting, Skipped

_OPENING = regex(r'^[\[\s]*\{\s*"config"\s*:\s*\{[^{}]*"(protocol_version|scanner_name|db_last_modified)"')
_NAMED = regex(r'"scanner_name"\s*:\s*"govulncheck"')
_MESSAGE = regex(r'^[\[\s]*\{\s*"(config|progress|osv|finding|SBOM)"\s*:')
_OLD = regex(r'"Vulns"\s*:\s*\[\s*\{\s*"(OSV|Symbol|PkgPath|Modules)"\s*:')
_OLD_EMPTY = regex(r'^\{\s*"Vulns"\s*:\s*(null|\[\s*\])\s*\}')
_FIRST = regex(r'^\{\s*"Calls"\s*:\s*\{\s*"(Functions|Entries)"\s*:')

_ANY: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_MESSAGES: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)
_VULNS: msgspec.json.Decoder[Old] = msgspec.json.Decoder(Old)
_MOST_TRACES = 5


@dataclass(frozen=True)
class Govulncheck:
    """Reads govulncheck's JSON; each vulnerability of a module is a finding, which says whether it is called."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins messages of govulncheck or its older document."""
        opening = reports.decode_head(head).lstrip("\ufeff \r\n\t")
        if opening[:1] not in ("{", "["):
            return False
        if _OPENING.match(opening) or (_NAMED.search(opening) and _MESSAGE.match(opening)):
            return True
        return bool(_OLD.search(opening) or _OLD_EMPTY.match(opening) or _FIRST.match(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, what was scanned, and one finding for each vulnerability and module."""
        seen = _Seen()
        for message in _messages(report, seen.skipped):
            seen.take(message)
        if not seen.known:
            raise BadReport(
                "holds no message of govulncheck",
                where=report.name,
                hint="run `govulncheck -format json ./...` (before version 1.0.3: `-json`) and keep its whole output",
            )
        config = seen.config
        settings = (("go_version", config.go_version), ("scan_level", config.scan_level), ("mode", config.scan_mode))
        yield RunSeen(
            tool="govulncheck",
            version=_naming.text(config.scanner_version),
            settings=tuple((name, text) for name, value in settings if (text := _naming.text(value))),
        )
        sighting = seen.sighting(by_file("go module", report.name))
        yield sighting
        for (name, _module), traces in seen.traces.items():
            yield _finding(sighting.key, seen.records.get(name) or Osv(id=name), traces)
        yield from seen.skipped


def _messages(report: facts.Report, skipped: list[Skipped]) -> Iterator[Message]:
    for value in _packages_values.values(report):
        if value[:1] != b"[":
            raws = [msgspec.Raw(value)]
        else:
            try:
                raws = _ANY.decode(value)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                raise _decoding.broken(report, error) from error
        yield from _decoding.each(_MESSAGES, raws, "messages", skipped.append)


@dataclass
class _Seen:
    """What the messages said so far."""

    config: Config = field(default_factory=Config)
    known: bool = False
    main: str = ""
    records: dict[str, Osv] = field(default_factory=dict)
    traces: dict[tuple[str, str], list[Trace]] = field(default_factory=dict)
    skipped: list[Skipped] = field(default_factory=list)

    def take(self, message: Message) -> None:
        """Keep what a message says."""
        parts = (message.config, message.SBOM, message.progress, message.osv, message.finding)
        self.known = self.known or any(part is not None for part in parts) or message.Vulns is not msgspec.UNSET
        if message.config is not None:
            self.config = message.config
        for module in (message.SBOM.modules if message.SBOM is not None else None) or ():
            if not module.version and not self.main and module.path != "stdlib":
                self.main = _naming.text(module.path)
        if message.osv is not None:
            self.records[_naming.text(message.osv.id)] = message.osv
        if message.finding is not None:
            self.trace(message.finding)
        if isinstance(message.Vulns, list):
            self.older(message.Vulns, message.Requires or Required())

    def older(self, vulns: list[msgspec.Raw], required: Required) -> None:
        """Keep what a document of the first versions says."""
        modules = (required.Modules or {}).values()
        versions = {_naming.text(one.Path): _naming.text(one.Version) for one in modules}
        for old in _decoding.each(_VULNS, vulns, "Vulns", self.skipped.append):
            if old.OSV is not None:
                self.records[_naming.text(old.OSV.id)] = old.OSV
            for one in older(old, versions):
                self.trace(one)

    def trace(self, trace: Trace) -> None:
        """Keep a trace under its vulnerability and module."""
        name = _naming.text(trace.osv)
        if not name or not trace.trace:
            self.skipped.append(Skipped(f"finding {name}".strip(), "names no vulnerability or no module"))
            return
        last = trace.trace[-1]
        if not self.main and len(trace.trace) > 1 and last.module and not last.version:
            self.main = _naming.text(last.module)
        self.traces.setdefault((name, _naming.text(trace.trace[0].module)), []).append(trace)

    def sighting(self, unnamed: str) -> Sighting:
        """The module that was scanned; a module's path on these hosts is the address of its repository."""
        parts = self.main.split("/")
        hosted = parts[0] in ("github.com", "bitbucket.org") and len(parts) >= 3
        return _packages.project(self.main or unnamed, f"https://{'/'.join(parts[:3])}" if hosted else "")


def _finding(asset: str, record: Osv, traces: list[Trace]) -> Finding:
    """The finding of a vulnerability in a module.

    Its place is the module: which of many calls govulncheck shows as example changes from run to run.
    """
    best = max(traces, key=_depth)
    frames = best.trace or [Frame()]
    first = frames[0]
    module = _naming.text(first.module)
    rule = _naming.text(record.id) or "unknown"
    called = [one for one in traces if _depth(one) == 2]
    said = _packages_osv.severity(record)
    names = _packages.weaknesses(*_packages_osv.names(record))
    fixed = next((text for one in traces if (text := _naming.text(one.fixed_version))), "")
    summary = _naming.text(record.summary) or rule
    return Finding(
        asset=asset,
        rule=rule,
        title=f"{module}: {summary}" if module else summary,
        severity=said or _packages.unrated(names),
        weaknesses=names,
        component=_packages.component("go", module),
        component_name=module,
        version=next(
            (text for one in traces for row in (one.trace or ())[:1] if (text := _naming.text(row.version))), ""
        ),
        fixed_version=fixed or _packages_osv.fixed(record, module),
        cvss_vector=_packages_osv.vector(record),
        cwes=_packages_osv.cwes(record),
        proof="package",
        description=_naming.text(record.details),
        references=_packages_osv.references(record),
        evidence="\n".join(_shown(one) for one in called[:_MOST_TRACES]) or _naming.text(first.package),
        instances=max(1, len(called)),
        tags=(("required", "imported", "called")[_depth(best)],),
    )


def _depth(trace: Trace) -> int:
    """0: a module that is required; 1: a package that is imported; 2: a symbol that is called."""
    first = (trace.trace or [Frame()])[0]
    return 2 if first.function else 1 if first.package else 0


def _shown(trace: Trace) -> str:
    """The calls from the own code to the vulnerable symbol, and where the first one is."""
    frames = trace.trace or []
    place = next((one.position for one in reversed(frames) if one.position is not None), Position())
    file = _packages.slashed(_naming.text(place.filename))
    where = f"{file}:{_naming.whole_number(place.line)}: " if file else ""
    return where + " > ".join(_symbol(one) for one in reversed(frames))


def _symbol(frame: Frame) -> str:
    owner = _naming.text(frame.receiver).lstrip("*")
    parts = (_naming.text(frame.package), owner, _naming.text(frame.function))
    return ".".join(part for part in parts if part)


PLUGIN = Govulncheck()
