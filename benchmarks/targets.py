"""What each measurement is held against: the design's targets, and half of each rate at this stage."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A figure of a case (`measure`), what is wanted now and in the end, and whether more is better."""

    measure: str
    unit: str
    now: float
    full: float
    more: bool = True

    def met(self, value: float) -> bool:
        """Is the target of this stage met?"""
        return value >= self.now if self.more else value <= self.now


def _rate(full: float, now: float | None = None) -> Target:
    return Target("per_cpu_s", "findings per CPU s", full / 2 if now is None else now, full)


_AGAIN = Target("bytes_per_exposure", "bytes per exposure seen again", 10, 10, more=False)
_MINUTES = Target("wall_s", "seconds", 180, 180, more=False)
_MEMORY = Target("peak_mib", "MiB at most", 6 * 1024, 6 * 1024, more=False)
TARGETS: dict[str, tuple[Target, ...]] = {
    "read nessus": (_rate(18_000),),
    "read zap": (_rate(15_000),),
    "read trivy": (_rate(60_000),),
    "read nuclei": (_rate(80_000),),
    "read sarif": (_rate(40_000),),
    "read generic_json": (_rate(80_000),),
    "import trivy": (_rate(20_000),),
    "import generic": (_rate(20_000),),
    "import nessus": (_rate(10_000),),
    "again trivy": (_rate(25_000), _AGAIN),
    "again generic": (_rate(25_000), _AGAIN),
    "again nessus": (_rate(12_000), _AGAIN),
    "cycle": (_MINUTES, _MEMORY),
    "help": (Target("cpu_s", "CPU s", 0.3, 0.3, more=False),),
    "list": (Target("wall_s", "seconds", 2, 2, more=False),),
    "intel_impact": (Target("wall_s", "seconds", 5, 2, more=False),),
    "huge million": (
        Target("wall_s", "seconds", 60, 60, more=False),
        Target("peak_mib", "MiB at most", 4096, 4096, more=False),
    ),
    "pages": (
        Target("p95_ms", "milliseconds", 300, 300, more=False),
        Target("busy_p95_ms", "milliseconds beside a job", 600, 600, more=False),
    ),
    "served list": (Target("wall_s", "seconds", 2, 2, more=False),),
    "year": (_AGAIN,),
    "intel load": (
        Target("wall_s", "seconds", 90, 90, more=False),
        Target("peak_mib", "MiB at most", 2048, 2048, more=False),
    ),
    "intel epss daily": (Target("wall_s", "seconds", 10, 10, more=False),),
    "compiling 1000000": (
        Target("cpu_s", "CPU s", 180, 180, more=False),
        Target("peak_mib", "MiB at most", 8192, 8192, more=False),
    ),
    "plan 100000": (
        Target("cpu_s", "CPU s", 180, 180, more=False),
        Target("gap_percent", "% between plan and bound", 10, 10, more=False),
        Target("what_if_p95_ms", "milliseconds a what-if, 95th of 100", 100, 100, more=False),
    ),
    "graph 1000000": (
        Target("cpu_s", "CPU s", 20, 20, more=False),
        Target("peak_mib", "MiB at most", 2560, 2560, more=False),
    ),
}


def targets_of(name: str) -> tuple[Target, ...]:
    """Return the targets of a case by the longest beginning of its name that has any."""
    fitting = [known for known in TARGETS if name == known or name.startswith(f"{known} ")]
    return TARGETS[max(fitting, key=len)] if fitting else ()
