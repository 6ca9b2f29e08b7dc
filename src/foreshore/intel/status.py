"""How fresh the intelligence is: by feed and by source, and what is unknown because of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import plugins, policy, store
from foreshore.intel import held, kept
from foreshore.intel.update import FEEDS

if TYPE_CHECKING:
    from foreshore.policy import Policy
    from foreshore.workspace import Workspace

# What only this feed tells, or the feeds of its line together.
TELLS = {
    "kev": "whether it is known to be exploited", "vulncheck_kev": "exploitation known to others than CISA",
    "epss": "its chance of exploitation", "cve5": "its scores and CISA's assessment", "nvd": "the NVD's scores",
    "poc_index": "whether exploit code is public", "metasploit": "whether a ready exploit exists",
    "exploitdb": "whether an exploit is listed", "nuclei_templates": "whether a scan template exists",
    "osv": "fixed versions and other names", "ghsa": "fixed versions and other names",
    "csaf": "which versions the makers have fixed", "endoflife": "whether support has ended",
    "attack": "what attackers' techniques are",
    "attack_mappings": "what attackers gain by it", "capec": "which attack patterns fit",
}  # fmt: skip


def status(workspace: Workspace, now: datetime | None = None) -> dict[str, Any]:
    """Return `feeds`, `sources` and `held`.

    Of each feed: `date` of its newest content, `read_at`, `age_days`, `stale_after_days` (policy), `stale`
    (None: never read) and `unknown`, a sentence that is empty while it is fresh. Of each source: when it was last
    read and asked, and its last failure if nothing succeeded since.
    """
    hour = now or datetime.now(UTC).replace(tzinfo=None)
    state, rules = kept.load(workspace), policy.load(workspace.policy_dir)
    with store.open_lake(workspace, read_only=True) as lake:
        rows = lake.sql(
            "SELECT kind[6:] AS feed, max(observed_at) AS date, max(known_at) AS read_at FROM signals"
            " WHERE weakness = '*' GROUP BY 1"
        ).to_pylist()
    found = {row["feed"]: row for row in rows}
    names = sorted({*plugins.load(FEEDS), *found} - {"table"}) + (["table"] if "table" in found else [])
    return {
        "feeds": [_feed(name, found.get(name), state, rules, hour) for name in names],
        "sources": [
            {"source": name, "where": one.asked, "read_at": one.read_at, "asked_at": one.checked_at,
             "failed_at": one.failed_at, "failure": one.failure}
            for name, one in sorted(state.sources.items())
        ],
        "held": [one.id for one in held.listed(workspace)],
    }  # fmt: skip


def _feed(name: str, row: dict[str, Any] | None, state: kept.State, rules: Policy, now: datetime) -> dict[str, Any]:
    limit = stale_after(rules, name)
    date = row["date"] if row else None
    reads = [one for one in (state.feed(name).read_at, row["read_at"] if row else None) if one is not None]
    age = None if date is None else max(0, (now - date).days)
    stale = None if age is None else age > limit
    told = TELLS.get(name, "what it says")
    unknown = "" if stale is False else told if stale is None else f"{told}, since {date:%Y-%m-%d}"
    return {"feed": name, "date": date, "read_at": max(reads, default=None), "age_days": age,
            "stale_after_days": limit, "stale": stale, "unknown": unknown}  # fmt: skip


def stale_after(rules: Policy, feed: str) -> float:
    """Return after how many days a feed counts as old, by policy."""
    known = feed if feed in rules.names("intelligence.stale") else "other"
    return rules.number(f"intelligence.stale.{known}").value
