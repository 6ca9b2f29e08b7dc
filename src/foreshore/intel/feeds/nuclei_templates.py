"""Nuclei's templates (YAML, one file each) and the index of those for CVEs that the project publishes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.documents import documents, yaml_texts
from foreshore.intel.rows import Rows, Wanted, wants

_CVE = re.compile(r"CVE-\d{4}-\d{4,}", re.IGNORECASE)
_TEMPLATE = re.compile(rb"\A(\xef\xbb\xbf)?(\s*(#[^\n]*|---)?\n)*id:\s*\S")
_INFO = re.compile(rb"^info:[^\n]*\n((?:[ \t][^\n]*\n|\s*\n|#[^\n]*\n)*)", re.MULTILINE)
# Where the collection's own folders begin: what stands before depends on how it was unpacked.
_FOLDERS = (
    "cloud", "code", "dast", "dns", "file", "headless", "http", "javascript", "network", "passive", "ssl", "cves",
    "workflows",
)  # fmt: skip
_PLACE = re.compile(rf"(?:^|/)((?:{'|'.join(_FOLDERS)})/.+)\Z")


@dataclass(frozen=True)
class NucleiTemplates:
    """Nuclei templates: anyone can ask a host for the weakness, so how to reach it is public (MIT).

    A template detects; that it can be triggered is shown, a working attack is not. It counts as proof
    of concept, never as weaponized.
    """

    url: str = "https://raw.githubusercontent.com/projectdiscovery/nuclei-templates/main/cves.json"
    complete: tuple[str, ...] = ()
    grouped: bool = True

    def sniff(self, head: bytes) -> bool:
        """Say whether this is a template, or the index of templates."""
        if b'"Info"' in head and b'"file_path"' in head and b'"ID"' in head:
            return True
        return _TEMPLATE.match(head) is not None and b"\ninfo:" in head and b"severity:" in head

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `exploit_poc` with the template's path, dated by the file: templates have no dates."""
        rows, when = Rows("nuclei"), body.seen()
        rows.date(when)
        if body.head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
            for entry in documents(body):
                _take(rows, [str(entry.get("ID") or "")], str(entry.get("file_path") or ""), when, wanted)
        else:
            _take(rows, _named(body.read(), body.name), body.name, when, wanted)
        rows.mark("nuclei_templates")
        yield rows.table()


def _take(rows: Rows, texts: list[str], path: str, when: datetime | None, wanted: Wanted) -> None:
    found = _PLACE.search(path)
    for cve in dict.fromkeys(cve.upper() for text in texts for cve in _CVE.findall(text)):
        if wants(cve, wanted):
            rows.add(cve, "exploit_poc", when, value=1, text=found[1] if found else path)


def _named(template: bytes, where: str) -> list[str]:
    """Return what a template's classification says under `cve-id`: a text, several with commas, or a list."""
    info = _INFO.search(template.replace(b"\r\n", b"\n"))
    if info is None or b"cve-id" not in info[1]:
        return []
    try:
        block: Any = yaml_texts(info[0], where)
    except BadFeed:
        # Some templates are not strict YAML in their texts; the line itself is still plain.
        return re.findall(r"cve-id:([^\n]*)", info[1].decode("utf-8", "replace"))
    block = block.get("info") if isinstance(block, dict) else None
    classes = block.get("classification") if isinstance(block, dict) else None
    named = classes.get("cve-id") if isinstance(classes, dict) else None
    return [one for one in named if isinstance(one, str)] if isinstance(named, list) else [str(named or "")]


PLUGIN = NucleiTemplates()
