"""Metasploit's modules: its own metadata as JSON, and a table of modules by CVE with dates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from foreshore.errors import BadFeed
from foreshore.intel.body import Body
from foreshore.intel.documents import items
from foreshore.intel.documents import parse as parse_json
from foreshore.intel.rows import Rows, Wanted, moment, wants
from foreshore.intel.tables import lines

_HEADING = b"cve,module,first_seen"
# What only looks whether a weakness is there proves no working exploit.
_NO_EXPLOIT = ("auxiliary/scanner/", "auxiliary/fuzzers/", "auxiliary/dos/", "post/", "payload")


@dataclass(frozen=True)
class Metasploit:
    """Metasploit: a module that anyone can run, so the exploit counts as weaponized."""

    url: str = "https://raw.githubusercontent.com/rapid7/metasploit-framework/master/db/modules_metadata_base.json"
    complete: tuple[str, ...] = ()
    grouped: bool = False

    def sniff(self, head: bytes) -> bool:
        """Say whether this lists Metasploit's modules."""
        return head.startswith(_HEADING) or (b'"mod_time"' in head and b'"fullname"' in head)

    def parse(self, body: Body, wanted: Wanted) -> Iterator[pa.Table]:
        """Yield `exploit_weaponized` for exploit modules, `exploit_poc` for scanners and the like."""
        rows = Rows("metasploit")
        if body.head.startswith(_HEADING):
            for line in lines(body, ("cve", "module", "first_seen")):
                rows.date(moment(line["first_seen"]))
                _take(rows, line["cve"], line["module"], moment(line["first_seen"]), wanted)
            rows.mark("metasploit", history=True)
        else:
            _modules(parse_json(body.read(), body.name), rows, wanted, body.name)
            rows.mark("metasploit")
        yield rows.table()


def _take(rows: Rows, cve: Any, module: str, when: Any, wanted: Wanted) -> None:
    if wants(cve, wanted) and "example" not in module:
        name = module.removeprefix("/")
        kind = "exploit_poc" if name.startswith(_NO_EXPLOIT) else "exploit_weaponized"
        rows.add(cve, kind, when, value=1, text=name.removesuffix(".rb"))


def _modules(modules: Any, rows: Rows, wanted: Wanted, where: str) -> None:
    if not isinstance(modules, dict):
        raise BadFeed("the modules are not listed by name", where=where)
    for name, module in modules.items():
        if not isinstance(module, dict):
            continue
        rows.date(moment(module.get("mod_time")))
        # Metasploit dates the disclosure, and the last change of the module; it was there by the latter.
        when = moment(module.get("mod_time")) or moment(module.get("disclosure_date"))
        full = str(module.get("fullname") or name)
        kind = full.removeprefix("exploit/") if full.startswith("exploit/") else full
        path = f"exploits/{kind}" if full.startswith("exploit/") else full
        for reference in items(module.get("references")):
            _take(rows, str(reference), path, when, wanted)


PLUGIN = Metasploit()
