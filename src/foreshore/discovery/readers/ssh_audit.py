"""ssh-audit's JSON (`-j`, `-jj`), version 2 and 3: one target, or a list of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from foreshore import facts
from foreshore.discovery.readers import _decoding, _tls
from foreshore.discovery.readers import _naming as naming
from foreshore.discovery.readers._decoding import Scalar
from foreshore.discovery.readers._scanned_ports import Said, software
from foreshore.discovery.reports import decode_head

_VENDORS = {
    "openssh": ("openbsd", "openssh"),
    "dropbear": ("dropbear_ssh_project", "dropbear_ssh"),
    "libssh": ("libssh", "libssh"),
    "tinyssh": ("tinyssh", "tinyssh"),
}
_GROUPS = {"kex": "key exchange", "key": "host key", "enc": "cipher", "mac": "message authentication"}


class _Banner(msgspec.Struct, gc=False):
    raw: Scalar = None


class _Cve(msgspec.Struct, gc=False):
    name: Scalar = None
    description: Scalar = None
    cvssv2: Scalar = None


class _Notes(msgspec.Struct, gc=False):
    fail: list[Scalar] | None = None
    warn: list[Scalar] | None = None


class _Algorithm(msgspec.Struct, gc=False):
    algorithm: Scalar = None
    keysize: Scalar = None
    notes: _Notes | None = None


class _Print(msgspec.Struct, gc=False):
    hash: Scalar = None
    hash_alg: Scalar = None
    hostkey: Scalar = None


class _Target(msgspec.Struct, gc=False):
    target: Scalar = None
    client_ip: Scalar = None
    banner: _Banner | None = None
    cves: list[msgspec.Raw] | None = None
    kex: list[msgspec.Raw] | None = None
    key: list[msgspec.Raw] | None = None
    enc: list[msgspec.Raw] | None = None
    mac: list[msgspec.Raw] | None = None
    fingerprints: list[msgspec.Raw] | None = None
    additional_notes: list[Scalar] | None = None


_TARGET: msgspec.json.Decoder[_Target] = msgspec.json.Decoder(_Target)
_CVE: msgspec.json.Decoder[_Cve] = msgspec.json.Decoder(_Cve)
# Version 2 writes names alone, without a judgement
_ALGORITHM: msgspec.json.Decoder[_Algorithm | str] = msgspec.json.Decoder(_Algorithm | str)
_PRINT: msgspec.json.Decoder[_Print] = msgspec.json.Decoder(_Print)


@dataclass(frozen=True)
class SshAudit:
    """Reads SSH servers: weak algorithms with what is wrong with each, and CVEs that the banner hints at."""

    version: int = 2

    def sniff(self, head: bytes) -> bool:
        """Whether it tells of a banner, of key exchanges and of ciphers of SSH."""
        text = decode_head(head)
        if text.lstrip()[:1] not in ("{", "["):
            return False
        named = all(f'"{name}"' in text for name in ("banner", "kex", "enc", "mac"))
        return named and ('"target"' in text or '"client_ip"' in text)

    def read(self, report: facts.Report) -> Iterator[facts.Record]:
        """Yield the run, then for each server its host, its port and the findings."""
        skipped: list[facts.Skipped] = []
        yield facts.RunSeen(tool="ssh-audit")
        said = Said()
        for number, target in enumerate(_decoding.rows(report, _TARGET, skipped.append), 1):
            yield from _target(target, number, said, skipped)
        yield from skipped


PLUGIN = SshAudit()


def _target(target: _Target, number: int, said: Said, skipped: list[facts.Skipped]) -> Iterator[facts.Record]:
    client = naming.text(target.client_ip).strip()
    host, port = (client, 0) if client else _place(naming.text(target.target).strip())
    where = f"target {number}"
    sighting = _tls.host(host, host)
    if sighting is None:
        skipped.append(facts.Skipped(where, "names no server"))
        return
    if target.banner is None and not target.kex:
        skipped.append(facts.Skipped(f"{where}, {sighting.name}", "did not answer"))
        return
    prints = _decoding.each(_PRINT, target.fingerprints, f"{where}.fingerprints", skipped.append)
    keys = tuple(
        (f"ssh_host_key_{naming.text(one.hostkey)}", f"SHA256:{naming.text(one.hash)}")
        for one in prints
        if one.hash_alg == "SHA256"
    )
    yield from said.host(msgspec.structs.replace(sighting, attributes=keys))
    product, version = software(naming.text(target.banner.raw) if target.banner is not None else "")
    cpe = naming.product(*_VENDORS[product.lower()]) if product.lower() in _VENDORS else ""
    if port:
        yield from said.port(
            facts.PortSeen(asset=sighting.key, port=port, service="ssh", product=product, version=version, cpe=cpe)
        )
    common = facts.Finding(
        asset=sighting.key, rule="-", title="-", severity="info", port=port, protocol="tcp" if port else ""
    )
    for cve in _decoding.each(_CVE, target.cves, f"{where}.cves", skipped.append):
        if naming.text(cve.name):
            yield _weakness(common, cve, (cpe, product.lower(), version))
    for group in _GROUPS:
        rows = _decoding.each(_ALGORITHM, getattr(target, group), f"{where}.{group}", skipped.append)
        yield from (found for row in rows if (found := _algorithm(common, group, row)) is not None)
    if port and target.kex and isinstance(_first(target.kex), _Algorithm):
        # It judges every algorithm that the server offers, so that what it does not name is not offered.
        yield facts.Covered(asset=sighting.key, port=port, protocol="tcp")
    notes = [naming.text(note).strip() for note in target.additional_notes or ()]
    if any(notes):
        yield msgspec.structs.replace(
            common,
            rule="additional-notes",
            title="Notes of ssh-audit on the server",
            kind="observation",
            evidence="\n".join(note for note in notes if note),
        )


def _first(rows: list[msgspec.Raw]) -> _Algorithm | str | None:
    return next(_decoding.each(_ALGORITHM, rows[:1], "kex", lambda _skipped: None), None)


def _place(target: str) -> tuple[str, int]:
    """(host, port) of `host:port`; 22, the usual port, where none is written."""
    if naming.address(target):
        return target, 22
    host, port, _path = naming.split_url(target)
    return (host, port or 22) if host else (target, 22 if target else 0)


def _weakness(common: facts.Finding, cve: _Cve, software: tuple[str, str, str]) -> facts.Finding:
    name, told = naming.text(cve.name).strip(), naming.text(cve.description).strip()
    score = naming.score(cve.cvssv2)
    return msgspec.structs.replace(
        common,
        rule=name,
        title=f"{name}: {told}" if told else name,
        severity=naming.of_score(score) if score else "info",
        weaknesses=naming.weakness(name),
        kind="vulnerability",
        component=software[0],
        component_name=software[1],
        version=software[2],
        cvss_score=score,
        proof="banner",
        description=told,
    )


def _algorithm(common: facts.Finding, group: str, row: _Algorithm | str) -> facts.Finding | None:
    """The finding of an algorithm that fails or is warned of; None for a good one."""
    if isinstance(row, str):
        return None
    name = naming.text(row.algorithm).strip()
    notes = row.notes or _Notes()
    fails, warns = ([naming.text(one) for one in some or ()] for some in (notes.fail, notes.warn))
    if not name or not (fails or warns):
        return None
    severity: facts.Severity = "high" if fails else "medium"
    told = "\n".join((*fails, *warns))
    weaknesses = naming.public_ids(told)
    bits = naming.whole_number(row.keysize)
    return msgspec.structs.replace(
        common,
        rule=f"{group}:{name}",
        title=f"Weak {_GROUPS[group]}: {name}",
        severity=severity,
        weaknesses=weaknesses,
        kind=_tls.kind_of(severity, weaknesses),
        cwes=(327,),
        proof="probe",
        solution=f"Take {name} out of the allowed algorithms.",
        evidence=told + (f"\n{bits} bits" if bits else ""),
    )
