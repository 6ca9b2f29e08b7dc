"""WPScan (version 3): the JSON report of a WordPress site."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from foreshore import facts
from foreshore.discovery import reports
from foreshore.discovery.patterns import regex
from foreshore.discovery.readers import _decoding, _hosts, _naming, _web_scans
from foreshore.discovery.readers._decoding import Scalar
from foreshore.errors import BadReport
from foreshore.facts import ExposureKind, Finding, Record, RunSeen, Skipped

_TARGET = regex(r'"(?:target_url|effective_url)"\s*:')
_MARKERS = regex(r'"(?:interesting_findings|main_theme|requests_done|start_memory|vuln_api)"\s*:|WPScan Team')
_ABORTED = regex(r'"scan_aborted"\s*:')
# Files and folders that should not be open to all; other interesting findings only describe the site
_OPEN = frozenset(
    {"upload_directory_listing", "backup_db", "debug_log", "full_path_disclosure", "duplicator_installer_log",
     "emergency_pwd_reset_script", "tmm_db_migrate", "upload_sql_dump", "registration"}
)  # fmt: skip
_WORDS = {
    "headers": "Headers of interest", "robots_txt": "robots.txt found", "xmlrpc": "XML-RPC seems to be enabled",
    "readme": "WordPress readme found", "mu_plugins": "Must-use plugins found", "wp_cron": "WP-Cron is open to all",
    "upload_directory_listing": "Directory of uploads is listed", "multisite": "Multisite",
}  # fmt: skip
_AGAIN = "scan again with `--format json` and keep the whole output"


class _Vulnerability(msgspec.Struct, gc=False):
    title: Scalar = None
    fixed_in: Scalar = None
    references: dict[str, Any] | None = None
    cvss: Any = None
    description: Scalar = None


class _Version(msgspec.Struct, gc=False):
    number: Scalar = None
    vulnerabilities: list[msgspec.Raw] | None = None


class _Part(msgspec.Struct, gc=False):
    """A theme or a plugin; its version is another object, or false where it is not known."""

    slug: Scalar = None
    location: Scalar = None
    version: _Version | bool | None = None
    vulnerabilities: list[msgspec.Raw] | None = None


class _Interesting(msgspec.Struct, gc=False):
    url: Scalar = None
    to_s: Scalar = None
    type: Scalar = None
    interesting_entries: Any = None
    references: dict[str, Any] | None = None


class _Banner(msgspec.Struct, gc=False):
    version: Scalar = None


class _Document(msgspec.Struct, gc=False):
    banner: _Banner | None = None
    start_time: Scalar = None
    stop_time: Scalar = None
    target_url: Scalar = None
    effective_url: Scalar = None
    target_ip: Scalar = None
    scan_aborted: Scalar = None
    interesting_findings: list[msgspec.Raw] | None = None
    version: _Version | bool | None = None
    main_theme: _Part | None = None
    themes: dict[str, msgspec.Raw] | None = None
    plugins: dict[str, msgspec.Raw] | None = None
    timthumbs: dict[str, msgspec.Raw] | None = None
    config_backups: dict[str, msgspec.Raw] | None = None
    db_exports: dict[str, msgspec.Raw] | None = None
    users: dict[str, msgspec.Raw] | None = None
    password_attack: dict[str, msgspec.Raw] | None = None


_DECODER: msgspec.json.Decoder[_Document] = msgspec.json.Decoder(_Document)
_PART: msgspec.json.Decoder[_Part] = msgspec.json.Decoder(_Part)
_VULNERABILITY: msgspec.json.Decoder[_Vulnerability] = msgspec.json.Decoder(_Vulnerability)
_INTERESTING: msgspec.json.Decoder[_Interesting] = msgspec.json.Decoder(_Interesting)


@dataclass(frozen=True)
class WpScan:
    """Reads weaknesses of WordPress, themes and plugins, and what is open; names of users are only counted."""

    version: int = 1

    def sniff(self, head: bytes) -> bool:
        """Whether `head` begins a report of WPScan."""
        opening = reports.decode_head(head)
        if opening.lstrip()[:1] != "{":
            return False
        if _ABORTED.search(opening) and "WPScan" in opening:
            return True
        return bool(_TARGET.search(opening) and _MARKERS.search(opening))

    def read(self, report: facts.Report) -> Iterator[Record]:
        """Yield the run, the site, and one finding for each weakness and interesting finding.

        Raises BadReport for a scan that was given up before it looked at anything.
        """
        document = _decoding.whole(report, _DECODER)
        url = _naming.text(document.effective_url) or _naming.text(document.target_url)
        reason = _naming.text(document.scan_aborted)
        if reason and not document.interesting_findings and not document.plugins:
            raise BadReport(f"says that the scan was given up: {reason[:300]}", where=report.name, hint=_AGAIN)
        if not url:
            raise BadReport("names no site", where=report.name, hint=_AGAIN)
        yield _run(document)
        address = _naming.text(document.target_ip)
        asset, before = _web_scans.Applications().at(url, called="site scanned by WPScan", address=address)
        yield from before
        reading = _Reading(asset, url)
        yield from reading.interesting(document)
        yield from reading.software(document)
        yield from reading.files(document)
        yield from reading.skipped


def _run(document: _Document) -> RunSeen:
    stamp = _naming.text(document.stop_time) or _naming.text(document.start_time)
    observed, assumed = _naming.moment(stamp)
    banner = document.banner or _Banner()
    return RunSeen(
        tool="wpscan",
        version=_naming.text(banner.version),
        observed_at=observed,
        observed_text=stamp,
        zone_assumed=assumed,
    )


@dataclass
class _Reading:
    """The site that is being read, and what could not be."""

    asset: str
    url: str
    skipped: list[Skipped] = field(default_factory=list)

    def interesting(self, document: _Document) -> Iterator[Record]:
        listed = document.interesting_findings
        for one in _decoding.each(_INTERESTING, listed, "interesting_findings", self.skipped.append):
            rule = _naming.text(one.type).strip() or "interesting_finding"
            entries = _naming.texts(one.interesting_entries)[:10]
            yield self._place(
                rule,
                _said(one, rule),
                _naming.text(one.url) or self.url,
                kind="misconfiguration" if rule in _OPEN else "observation",
                evidence=_web_scans.proof(*entries),
                references=tuple(_web_scans.each_once(_naming.texts((one.references or {}).get("url")))),
            )

    def software(self, document: _Document) -> Iterator[Record]:
        """Weaknesses of WordPress, of the theme in use, of other themes, of plugins and of TimThumb files."""
        core = document.version
        if isinstance(core, _Version):
            part = _Part(slug="wordpress", version=core, vulnerabilities=core.vulnerabilities)
            yield from self._part(part, "version")
        main = document.main_theme
        if main is not None:
            yield from self._part(main, "main_theme")
        in_use = "" if main is None else _naming.text(main.slug)
        for kind, held in (
            ("plugins", document.plugins),
            ("themes", document.themes),
            ("timthumbs", document.timthumbs),
        ):
            for name, raw in (held or {}).items():
                if kind == "themes" and name == in_use:
                    continue
                for part in _decoding.each(_PART, [raw], f"{kind}, {name} ", self.skipped.append):
                    part.slug = part.slug or ("timthumb" if kind == "timthumbs" else name)
                    yield from self._part(part, f"{kind}, {name}")

    def _part(self, part: _Part, where: str) -> Iterator[Record]:
        listed = part.vulnerabilities
        for one in _decoding.each(_VULNERABILITY, listed, f"{where}, vulnerabilities", self.skipped.append):
            yield _weakness(self.asset, self.url, part, one)

    def files(self, document: _Document) -> Iterator[Record]:
        """Copies of configuration and database that are open, users that can be listed, guessed passwords."""
        for rule, title, held in (
            ("config_backups", "Copy of the configuration is open", document.config_backups),
            ("db_exports", "Export of the database is open", document.db_exports),
        ):
            for url in held or {}:
                yield self._place(rule, title, url, kind="misconfiguration")
        if document.users:
            title, count = "Names of users can be listed", len(document.users)
            yield self._place("users", title, self.url, kind="misconfiguration", count=count)
        for user in document.password_attack or {}:
            title = "Password of a user was guessed"
            yield self._place("password_attack", title, self.url, kind="identity", parameter=user)

    def _place(
        self,
        rule: str,
        title: str,
        url: str,
        *,
        kind: ExposureKind,
        parameter: str = "",
        evidence: str = "",
        references: tuple[str, ...] = (),
        count: int = 1,
    ) -> Finding:
        port = _web_scans.origin(url).port
        guessed = rule == "password_attack"
        return Finding(
            asset=self.asset,
            rule=rule,
            title=title,
            severity="high" if guessed else "info",
            kind=kind,
            port=port,
            protocol="tcp" if port else "",
            url=_web_scans.bare_url(url),
            parameter=parameter,
            proof="confirmed" if guessed else "configuration" if kind == "misconfiguration" else "probe",
            references=references,
            evidence=evidence,
            instances=count,
        )


def _said(one: _Interesting, rule: str) -> str:
    """What WPScan says, without the address at its end; version 3.5 says nothing but the address."""
    said = _naming.text(one.to_s).strip()
    said = said.partition("http://")[0].partition("https://")[0].strip().rstrip(":").strip()
    return said or _WORDS.get(rule, rule.replace("_", " "))


def _weakness(asset: str, url: str, part: _Part, one: _Vulnerability) -> Finding:
    references = one.references or {}
    identifiers = _listed(references, "wpvulndb") or _listed(references, "wpscan")
    weaknesses = _naming.public_ids(
        *(f"CVE-{text.upper().removeprefix('CVE-')}" for text in _listed(references, "cve"))
    )
    title = _naming.text(one.title).strip()
    vector, score = _cvss(one.cvss)
    rated = one.cvss.get("severity") if isinstance(one.cvss, dict) else ""
    number = _naming.text(part.version.number) if isinstance(part.version, _Version) else ""
    slug = _naming.text(part.slug)
    fixed = _naming.text(one.fixed_in)
    place = _naming.text(part.location) or url
    port = _web_scans.origin(place).port
    return Finding(
        asset=asset,
        rule=next(iter((*identifiers, *weaknesses)), title or f"{slug} vulnerability"),
        title=title or f"Vulnerability of {slug}",
        severity=_naming.severity(rated) if rated else _naming.of_score(score) if score else "info",
        weaknesses=weaknesses,
        component=_naming.product("wordpress", "wordpress") if slug == "wordpress" else "",
        component_name=slug,
        version=number,
        fixed_version=fixed,
        port=port,
        protocol="tcp" if port else "",
        url=_web_scans.bare_url(place),
        cvss_vector=vector,
        cvss_score=score,
        proof="version" if number else "unknown",
        description=_naming.text(one.description),
        solution=f"Update {slug} to {fixed} or later" if fixed else "",
        references=tuple(_web_scans.each_once(_listed(references, "url"))),
    )


def _listed(references: dict[str, Any], name: str) -> list[str]:
    held = references.get(name)
    values = held if isinstance(held, list) else [held]
    return [text for one in values if (text := _naming.text(one).strip())]


def _cvss(held: Any) -> tuple[str, float | None]:
    if not isinstance(held, dict):
        return "", None
    return _hosts.vector(_naming.text(held.get("vector"))), _naming.score(held.get("score"))


PLUGIN = WpScan()
