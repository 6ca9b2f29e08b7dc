"""Nmap of this machine, on approved addresses only, slowly and for a bounded time; its report is imported."""

from __future__ import annotations

import ipaddress
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from foreshore.discovery.connectors._collection import NotAllowed
from foreshore.discovery.connectors._desk import Desk, Leave, Planned
from foreshore.errors import ForeshoreError, Refused, UsageError

_PORTS = (
    "21-23,25,53,80,81,88,110,111,135,139,143,179,389,443,445,465,500,502,512-515,548,554,587,623,636,873,902,990,993,"
    "995,1080,1099,1194,1433,1521,1723,1883,2049,2082,2083,2181,2222,2375,2376,2379,3000,3128,3260,3268,3306,3389,"
    "4369,4443,4786,5000,5060,5432,5601,5672,5900,5901,5984,5985,5986,6379,6443,7001,7474,8000,8008,8080,8081,8083,"
    "8086,8088,8443,8500,8888,9000,9042,9090,9092,9100,9200,9300,9418,9443,10000,10250,11211,15672,27017,50000"
)
_MOST = 4096  # addresses of one source
_BATCH = 64
_LARGEST = 64 << 20  # bytes of one report


@dataclass(frozen=True)
class Nmap:
    """Scans approved addresses for open ports with the system's nmap.

    `targets` are addresses, networks and names; what the scope does not list as a target, or nobody has
    approved, is left out and named. `ports` are numbers and ranges of TCP ports, `per_second` bounds the
    probes, `minutes` the time for each 64 addresses. `from_zone` is the zone this machine stands in.
    `services` also asks open ports what they are. `ping` first looks which addresses answer at all.
    """

    ending: ClassVar[str] = "xml"
    version: int = 1
    targets: tuple[str, ...] = ()
    ports: str = _PORTS
    per_second: int = 100
    minutes: int = 60
    from_zone: str = ""
    services: bool = False
    ping: bool = False

    def check(self) -> None:
        """Raise UsageError, `where` naming the setting, for what cannot be."""
        if not self.targets:
            raise UsageError("no targets are named", where="targets", hint='targets = ["192.0.2.0/28"]')
        for one in self.targets:
            _addresses(one)
        if not ports_of(self.ports):
            raise UsageError("these are no ports", where="ports", hint='ports = "22,80,443,8000-8100"')
        if not self.from_zone:
            raise UsageError(
                "it does not say where this machine stands",
                where="from_zone",
                hint='from_zone = "office", as in the scope',
            )
        for name, value, most in (("per_second", self.per_second, 10_000), ("minutes", self.minutes, 1440)):
            if not 1 <= value <= most:
                raise UsageError(f"{name} = {value} is out of range", where=name, hint=f"from 1 to {most}")

    def plan(self) -> Iterator[Planned]:
        """Yield the targets; which of them are approved is decided when they are scanned."""
        for target in self.targets:
            yield Planned("nmap", target, self.from_zone, f"{len(ports_of(self.ports))} TCP ports, if approved")

    def collect(self, desk: Desk) -> None:
        """Scan what may be scanned, 64 addresses at a time."""
        program = shutil.which("nmap")
        if program is None:
            raise UsageError("nmap is not installed", where="nmap", hint="install the package nmap of your system")
        ports = ports_of(self.ports)
        for number, batch in enumerate(_batches(self._approved(desk, ports)), 1):
            desk.note(f"scanning {batch[0]} to {batch[-1]} ({len(batch)} addresses)")
            ask = self._scanning(program, batch, desk.leave)
            for _page in desk.pages("nmap", {"account": ",".join(batch)}, ask, None, f"nmap-{number}"):
                pass

    def reports(self, name: str, bodies: Iterator[Any]) -> Iterator[bytes]:
        """Yield Nmap's own document."""
        for body in bodies:
            yield str(body["xml"]).encode()

    def command(self, program: str, six: bool) -> list[str]:
        """Return the command line; the addresses come on its standard input.

        Connections as any program makes them (no raw packets), no look-ups of names, nothing but `ports`.
        """
        ports = ports_of(self.ports)
        chosen = [one for one in (443, 80, 22, 445, 3389) if one in ports] or ports[:3]
        first = f"-PS{','.join(map(str, chosen))}" if self.ping else "-Pn"
        services = ["-sV", "--version-light"] if self.services else []
        return [
            program, "--unprivileged", "--noninteractive", "-sT", "-n", first, "--open", *services,
            "-p", ",".join(map(str, _ranges(ports))), "--max-rate", str(self.per_second), "--max-retries", "2",
            "--host-timeout", f"{self.minutes}m", *(["-6"] if six else []), "-oX", "-", "-iL", "-",
        ]  # fmt: skip

    def _approved(self, desk: Desk, ports: Sequence[int]) -> list[str]:
        """The addresses that may be scanned; what may not is kept as refused, with the first reason."""
        found: dict[str, None] = {}
        for target in self.targets:
            refused: list[str] = []
            listed = _addresses(target)
            for host in listed:
                try:
                    found[desk.leave.address(host, ports)] = None
                except Refused as error:
                    refused.append(error.what)
                except (OSError, ForeshoreError) as error:
                    refused.append(getattr(error, "what", "") or str(error))
            if refused:
                about = refused[0] if len(listed) == 1 else f"{len(refused)} of {len(listed)} addresses: {refused[0]}"
                for _page in desk.pages("leave", {"account": target}, _refusing(about)):
                    pass
        return sorted(found, key=lambda one: (":" in one, ipaddress.ip_address(one).packed))

    def _scanning(self, program: str, batch: list[str], leave: Leave) -> Callable[[str], tuple[Any, str]]:
        def ask(_token: str) -> tuple[Any, str]:
            leave.check()
            line = self.command(program, ":" in batch[0])
            return {"xml": _run(line, "\n".join(batch) + "\n", self.minutes * 60.0, leave)}, ""

        return ask


def _refusing(why: str) -> Callable[[str], tuple[Any, str]]:
    def ask(_token: str) -> tuple[Any, str]:
        raise NotAllowed(why)

    return ask


def _run(line: list[str], hosts: str, seconds: float, leave: Leave) -> str:
    """Run `line` and return its report; it is ended when its time is over or everything has to stop."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as told:
        given.write(hosts.encode())
        given.seek(0)
        until = time.monotonic() + seconds
        running = subprocess.Popen(line, stdin=given, stdout=out, stderr=told)  # noqa: S603 - no shell, checked words
        try:
            while running.poll() is None:
                leave.check()
                if time.monotonic() > until:
                    raise UsageError(
                        f"nmap took longer than {seconds / 60:g} minutes", where="nmap", hint="see minutes"
                    )
                try:
                    running.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            if running.poll() is None:
                running.kill()
                running.wait()
        told.seek(0)
        out.seek(0)
        report = out.read(_LARGEST + 1)
        if running.returncode != 0 or len(report) > _LARGEST:
            why = told.read(2000).decode("utf-8", "replace").strip().splitlines()
            raise UsageError(f"nmap failed: {why[0] if why else f'status {running.returncode}'}"[:300], where="nmap")
        return report.decode("utf-8", "replace")


def _addresses(target: str) -> list[str]:
    """The addresses of a network, or the name itself; raises UsageError."""
    try:
        network = ipaddress.ip_network(target.strip(), strict=False)
    except ValueError:
        if re.fullmatch(
            r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*", target
        ):
            return [target]
        raise UsageError(
            f"“{target}” is no address, network or name", where="targets", hint='targets = ["192.0.2.0/28"]'
        ) from None
    if network.num_addresses > _MOST:
        raise UsageError(
            f"{target} has more than {_MOST} addresses",
            where="targets",
            hint="name smaller networks, in several sources",
        )
    return [str(one) for one in network]


def _batches(addresses: list[str]) -> Iterator[list[str]]:
    for six in (False, True):
        family = [one for one in addresses if (":" in one) is six]
        for start in range(0, len(family), _BATCH):
            yield family[start : start + _BATCH]


def ports_of(text: str) -> list[int]:
    """The ports that `22,80,8000-8100` names, in order; none where it is written in another way."""
    found: set[int] = set()
    for part in text.replace(" ", "").split(","):
        match = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", part)
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= low <= high <= 65535:
            return []
        found.update(range(low, high + 1))
    return sorted(found)


def _ranges(ports: Sequence[int]) -> Iterator[str]:
    start = before = ports[0]
    for port in [*ports[1:], 0]:
        if port != before + 1:
            yield str(start) if start == before else f"{start}-{before}"
            start = port
        before = port


PLUGIN = Nmap()
