"""Actions: exposures put together by the one fix that closes them, for one team, through one channel.

| kind | what is done | put together by |
|---|---|---|
| patch | a named update or a newer version | update or component |
| rebuild | an image is built again with newer packages | image |
| configure | a setting is corrected | check |
| rotate | a secret is replaced and revoked | asset and check |
| code | code is changed | repository and check |
| replace | something out of support is replaced | product |
| mitigate | no fix is known: cut the way to it | weakness |
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from foreshore import facts, keys
from foreshore.mobilization import versions

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

UNOWNED = "nobody yet"

_ROWS = """
with said as (
    select a.exposure, f.component, f.component_name, f.version, f.fixed_version, f.fix, f.rule, f.source,
        c.solution,
        row_number() over (partition by a.exposure
            order by (f.fixed_version <> '') desc, (f.fix <> '') desc, f.observed_at desc, f.finding) as n
    from assessed a
    join (select coalesce(x.canonical, fe.exposure) as exposure, fe.finding from finding_exposures fe
          left join exposure_now x on x.exposure = fe.exposure) fe on fe.exposure = a.exposure
    join findings f on f.finding = fe.finding
    left join checks c on c.check_id = f.check_id
)
select a.exposure, a.asset, a.asset_name, a.weakness, a.kind, a.title, a.place_kind, a.place, a.owner,
    a.treatment, a.contribution, a.low, a.high, a.due, a.due_rule, a.leads_to, a.rank,
    k.kind as asset_kind, s.* exclude (exposure, n)
from assessed a left join said s on s.exposure = a.exposure and s.n = 1
left join assets k on k.asset = a.asset
where coalesce(a.disposition, '') not in ('false_positive', 'not_applicable', 'duplicate', 'not_ours')
order by a.rank
"""


@dataclass
class Action:
    """One fix that a team can do; `exposures` are keys, `low` and `high` bound what it removes alone."""

    key: int
    kind: str
    title: str
    what: str
    team: str
    channel: str
    hours: float
    rows: list[dict[str, Any]]
    removes: float = 0.0
    low: float = 0.0
    high: float = 0.0

    @property
    def exposures(self) -> list[int]:
        """Keys of the exposures that it closes, in canonical order."""
        return [row["exposure"] for row in self.rows]

    @property
    def assets(self) -> int:
        """How many assets it touches."""
        return len({row["asset"] for row in self.rows})

    @property
    def treatment(self) -> str:
        """The most urgent treatment among its exposures."""
        return str(min((row["treatment"] for row in self.rows), key=facts.TREATMENTS.index))

    @property
    def due(self) -> tuple[date | None, str]:
        """The earliest deadline and the rule that sets it."""
        dated = [(row["due"], row["due_rule"] or "") for row in self.rows if row["due"]]
        return min(dated) if dated else (None, "")

    @property
    def services(self) -> list[str]:
        """Names of the services that its exposures lead to, most frequent first."""
        counted = Counter(name for row in self.rows for name in (row["leads_to"] or []))
        return [name for name, _ in counted.most_common()]


def group(snapshot: facts.Snapshot, assessed: pa.Table) -> list[Action]:
    """Return the actions for all assessed exposures that no person dismissed, in canonical order."""
    rows = snapshot.sql(_ROWS, assessed=assessed).to_pylist()
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        if row["treatment"] == "accepted":
            continue
        groups.setdefault(_group_of(row), []).append(row)
    return [_action(name, members, snapshot.policy) for name, members in groups.items()]


def _group_of(row: dict[str, Any]) -> tuple[str, ...]:
    """Name the fix: kind of action, what it changes, and the team that does it."""
    team = row["owner"] or UNOWNED
    kind = row["kind"]
    if kind == "secret":
        return "rotate", str(row["asset"]), str(row["rule"]), team
    if kind == "code":
        return "code", str(row["asset"]), str(row["rule"]), team
    if kind in ("misconfiguration", "identity"):
        return "configure", str(row["rule"]), "", team
    if row["asset_kind"] == "image":
        return "rebuild", str(row["asset"]), "", team
    if kind == "end_of_life":
        return "replace", _product(row), "", team
    if row["fix"]:
        return "patch", row["fix"], "", team
    if row["component"] and (row["fixed_version"] or row["solution"]):
        return "patch", _product(row), "", team
    if row["solution"]:
        return "configure", str(row["rule"]), "", team
    return "mitigate", row["weakness"], "", team


def _product(row: dict[str, Any]) -> str:
    return str(row["component"] or row["component_name"] or row["title"])


def _action(name: tuple[str, ...], rows: list[dict[str, Any]], policy: Policy) -> Action:
    kind, team = name[0], name[3]
    title, what = _WORDS[kind](rows, name)
    assets = len({row["asset"] for row in rows})
    hours = policy.numbers(f"effort.hours.{_EFFORT[kind]}")
    most = max(rows, key=lambda row: row["contribution"] or 0.0)
    return Action(
        key=keys.of("action", *name), kind=kind, title=title, what=what, team=team,
        channel=_channel(kind, rows, policy),
        hours=hours["fixed"].value + hours["each"].value * assets, rows=rows,
        removes=most["contribution"] or 0.0, low=most["low"] or 0.0, high=most["high"] or 0.0,
    )  # fmt: skip


_EFFORT = {
    "patch": "patch", "rebuild": "rebuild", "configure": "configure", "rotate": "rotate", "code": "code",
    "replace": "replace", "mitigate": "segment",
}  # fmt: skip


def _channel(kind: str, rows: list[dict[str, Any]], policy: Policy) -> str:
    """Return "ticket" where anything is to be done now or by a date, else the routine that does it anyway."""
    urgent = any(row["treatment"] in ("act_now", "unknown") or row["due"] for row in rows)
    if urgent or kind not in ("patch", "rebuild"):
        return "ticket"
    said = " ".join(str(rows[0][name] or "") for name in ("component", "component_name", "fix", "asset_kind"))
    for name in policy.names("effort.routine"):
        marks = policy.values(f"effort.routine.{name}.ecosystems")
        if any(mark in said.lower() for mark in marks):
            return "routine"
    return "ticket"


def _where(rows: list[dict[str, Any]]) -> str:
    names = list(dict.fromkeys(row["asset_name"] for row in rows))
    return names[0] if len(names) == 1 else f"{len(names)} assets"


def ecosystem(component: str) -> str:
    """Return the package type of a package URL, '' for anything else."""
    return component[4:].split("/", 1)[0] if component.startswith("pkg:") else ""


def _target(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """Return (versions now, version that is enough for all) of the rows' component."""
    kind = ecosystem(str(rows[0]["component"] or ""))
    pairs = {(row["version"] or "", row["fixed_version"] or "") for row in rows}
    wanted = [versions.enough(now, fixed, kind) for now, fixed in sorted(pairs)]
    now = sorted({version for version, _ in pairs if version})
    shown = ", ".join(now[:3]) + (" and others" if len(now) > 3 else "")
    return shown, versions.greatest(wanted, kind)


def _patch(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    product = _plain(rows[0]["component_name"] or _short(name[1]))
    if rows[0]["fix"] and name[1] == rows[0]["fix"]:
        return f"Install {name[1]} on {_where(rows)}", f"install {name[1]}"
    now, target = _target(rows)
    change = (
        f"{product} {now} → {target}" if target and now else f"{product} → {target or 'the fixed version'}"
    )
    to = f" to {target}" if target else ""
    return f"Update {product}{to} on {_where(rows)}", change


def _plain(name: str) -> str:
    """Write a product as people do: without the marks of CPE names."""
    return name.replace("\\", "").replace("_", " ")


def _short(component: str) -> str:
    if component.startswith("pkg:"):
        return component.split("@")[0].split("?")[0].rsplit("/", 1)[-1]
    if component.startswith("cpe:"):
        return " ".join(component.split(":")[-2:]).replace("_", " ")
    return component


def _rebuild(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    products = list(dict.fromkeys(_short(_product(row)) for row in rows))
    few = ", ".join(products[:4]) + (f" and {len(products) - 4} more" if len(products) > 4 else "")
    return f"Rebuild image {rows[0]['asset_name']}", f"newer packages: {few}"


def _configure(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    return f"Correct “{rows[0]['title']}” on {_where(rows)}", rows[0]["title"]


def _rotate(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    return (
        f"Replace and revoke the secret in {rows[0]['asset_name']}",
        f"{rows[0]['title']} ({rows[0]['place']})",
    )


def _code(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    return f"Change the code of {rows[0]['asset_name']}: {rows[0]['title']}", rows[0]["title"]


def _replace(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    product = _short(name[1])
    return (
        f"Replace {product}, which is out of support, on {_where(rows)}",
        f"{product} → a supported version",
    )


def _mitigate(rows: list[dict[str, Any]], name: tuple[str, ...]) -> tuple[str, str]:
    return (
        f"Shield {_where(rows)} from {name[1]}: no fix is known",
        "cut the way to it, or switch the feature off",
    )


_WORDS = {
    "patch": _patch, "rebuild": _rebuild, "configure": _configure, "rotate": _rotate, "code": _code,
    "replace": _replace, "mitigate": _mitigate,
}  # fmt: skip
