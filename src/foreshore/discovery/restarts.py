"""Which exposures wait for a restart: the fix is installed, and what runs is older.

Two things say so. A source that looks inside may report it itself (the word `reboot_pending` on its finding),
and it counts until that source says otherwise. And where a package of the Linux kernel was fixed, the kernel that
the host was seen running since (`uname -r`) may be older than the fixed version.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from foreshore import facts
from foreshore.discovery.patterns import regex

if TYPE_CHECKING:
    import pyarrow as pa

Ask = Callable[..., "pa.Table"]

_MOST = 20_000  # characters of a check's output that are looked at
WORD = 5  # rank of the word `reboot_pending` in `seen`
_SAID = """
with ever as (
    select distinct coalesce(n.canonical, s.exposure) as exposure
    from seen s left join exposure_now n on n.exposure = s.exposure where s.word = {word}
), told as (
    select coalesce(n.canonical, s.exposure) as exposure, r.source,
        arg_max(s.word, (r.observed_at, s.word)) as word
    from seen s join runs r on r.run = s.run left join exposure_now n on n.exposure = s.exposure
    where coalesce(n.canonical, s.exposure) in (select exposure from ever) and r.observed_at <= {moment}
    group by 1, 2
)
select distinct exposure from told where word = {word}
"""
# The kernel that a host was last seen running, and its kernel packages that were found fixed before.
_KERNELS = """
with told as (
    select coalesce(n.canonical, s.asset) as asset, s.observed_at, coalesce(nullif(s.attributes['kernel'], ''),
        case when s.authenticated then regexp_extract(s.os, 'Linux Kernel ([0-9][^ ]+) on ', 1) end) as kernel
    from sightings s left join asset_now n on n.asset = s.asset
    where s.observed_at <= {moment} and s.kind = 'host' and (s.attributes['kernel'] is not null
        or s.os like 'Linux Kernel %')
), runs_now as (
    select asset, arg_max(kernel, (observed_at, kernel)) as kernel, max(observed_at) as told_at
    from told where kernel <> '' group by asset
), kernels as (
    select e.exposure, r.kernel, r.told_at from exposures e left join asset_now n on n.asset = e.asset
    join runs_now r on r.asset = coalesce(n.canonical, e.asset)
    where e.place_kind = 'component' and regexp_matches(e.place, '{packages}')
), fixed as (
    select exposure, max(happened_at) as told_at from exposure_events_now where happened_at <= {moment}
    group by exposure having arg_max(kind, (happened_at, kind <> 'opened', kind = 'reopened')) = 'fixed'
)
select k.exposure, k.kernel, f.component, f.fixed_version
from kernels k join fixed x on x.exposure = k.exposure and x.told_at <= k.told_at
join finding_exposures y on y.exposure = k.exposure join findings f on f.finding = y.finding
where f.fixed_version <> '' group by all order by 1, 4
"""
_PACKAGES = "^(pkg:(rpm|deb)/[^/]+/|name:)(kernel(-(core|default|rt|rt-core|uek|uek-core))?|linux|linux-image.*)$"
# What checks write of themselves (in titles) and of what they saw (in their output): installed, and not in use.
_TITLED = regex(r"(?i)re(?:boot|start) (?:is )?(?:required|pending|needed)|pending (?:system )?re(?:boot|start)")
_WAITS = regex(
    r"(?i)pending (?:system )?re(?:boot|start)|re(?:boot|start) (?:is |still )?pending"
    r"|\b(?:has been|have been|was|were|already) (?:installed|applied|updated|patched)\b[^\n]{0,80}\bbut\b[^\n]{0,80}\bre(?:boot|start)"
    r"|not (?:yet )?(?:been )?re(?:boot|start)ed since"
    r"|running kernel\b[^\n]{0,80}\b(?:is older|is not the (?:latest|newest)|differs|does not match)"
)
_ABI = regex(r"(\d+(?:\.\d+)+-\d+)[.-]")


def waiting(ask: Ask, as_of: datetime) -> pa.Table:
    """Return (exposure, runs_older), by exposure; `runs_older`: the running kernel says so of what counts as fixed."""
    import pyarrow as pa

    moment = f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S.%f}'"
    said = ask(_SAID.format(word=WORD, moment=moment)).column("exposure").to_pylist()
    rows = ask(_KERNELS.format(moment=moment, packages=_PACKAGES)).to_pylist()
    older = {row["exposure"] for row in rows if runs_older(row["kernel"], row["fixed_version"], row["component"])}
    found = sorted({*said, *older})
    return pa.table({
        "exposure": pa.array(found, pa.int64()), "runs_older": pa.array([one in older for one in found], pa.bool_()),
    })  # fmt: skip


def word_of(finding: facts.Finding) -> facts.Word:
    """The source's word on `finding`, `reboot_pending` where its check says that only a restart is missing.

    A description or solution that speaks of restarts says nothing of this asset; only the check's title and output do.
    """
    if finding.word != "open":
        return finding.word
    title, told = finding.title, finding.evidence
    if ("eboot" in title or "estart" in title) and _TITLED.search(title):
        return "reboot_pending"
    hints = "eboot" in told or "estart" in told or "unning kernel" in told
    return "reboot_pending" if hints and _WAITS.search(told[:_MOST]) else "open"


@lru_cache(maxsize=16_384)
def runs_older(kernel: str, fixed: str, component: str) -> bool:
    """Is the running `kernel` (as `uname -r` names it) surely older than the package version `fixed`?

    Only versions that can be compared say so: those of RPM are the package's own, of Ubuntu the part up to the
    number of the build. Debian's `uname -r` does not tell the package's version.
    """
    from univers.versions import RpmVersion

    fixed = fixed.split(",")[0].split(" ")[0].strip().split(":", 1)[-1]
    kernel = re.sub(r"\.(x86_64|aarch64|ppc64le|s390x|i686)$", "", kernel.strip())
    if component.startswith("pkg:deb/ubuntu/"):
        mine, other = _ABI.match(f"{kernel}."), _ABI.match(f"{fixed}.")
        if mine is None or other is None:
            return False
        kernel, fixed = mine.group(1), other.group(1)
    elif not component.startswith("pkg:rpm/"):
        return False
    if component.startswith("pkg:rpm/suse") or component.startswith("pkg:rpm/opensuse"):
        # Without the flavour (default, azure, rt) and the number of the rebuild, which only the package has.
        kernel, fixed = re.sub(r"-[a-z]\w*$", "", kernel), fixed.rpartition(".")[0]
    try:
        return bool(RpmVersion(kernel) < RpmVersion(fixed))
    except (ValueError, TypeError):
        return False
