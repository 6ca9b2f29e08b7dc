"""From staged runs to the rows of one commit: assets, exposures and lives, as pure reads of one version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import facts, keys, policy, tables
from foreshore.discovery import assets, endings, exposures, life, lives, partition
from foreshore.discovery.staging import Staging
from foreshore.errors import BadPolicy
from foreshore.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.store.ducklake import Lake

# What a settling depends on: a commit to one of these by another job means settling again.
READ = (
    "runs", "assets", "identifiers", "asset_aliases", "asset_conflicts", "findings", "finding_exposures",
    "exposures",
    "exposure_aliases", "exposure_events", "seen", "coverage", "check_sets", "checks", "weakness_aliases",
)  # fmt: skip


class Settings(NamedTuple):
    """The numbers that settling takes from the policy."""

    windows: partition.Windows
    rules: life.Rules
    proofs: dict[str, int]


class Settled(NamedTuple):
    """Rows to append by table, the counts for people, and what was skipped."""

    rows: dict[str, pa.Table]
    counts: dict[str, int]
    skipped: list[dict[str, Any]]


def settings(workspace: Workspace) -> Settings:
    """The numbers in force in `workspace`."""
    own = workspace.policy_dir if workspace.policy_dir.is_dir() else None
    return from_policy(policy.load(own))


def from_policy(numbers: policy.Policy) -> Settings:
    """Windows of identity, rules of life and ranks of proof, as the policy says."""

    def number(name: str, default: float) -> float:
        try:
            return numbers.number(name).value
        except BadPolicy:
            return default

    proofs = {name: int(one.value) for name, one in numbers.numbers("proof.rank").items()}
    plain, windows = life.Rules(), partition.Windows()
    rules = life.Rules(
        intervals=number("proof.veto.intervals", plain.intervals),
        usual=timedelta(days=number("proof.veto.usual_days", plain.usual.days)),
        inside=frozenset({proofs["package"], proofs["configuration"]}),
        package=proofs["package"],
    )
    windows = partition.Windows(
        name=int(number("identity.window.name_days", windows.name)),
        address=int(number("identity.window.address_days", windows.address)),
        public_address=int(number("identity.window.public_address_days", windows.public_address)),
    )
    return Settings(windows, rules, proofs)


def settle(
    lake: Lake,
    staging: Staging,
    numbers: Settings,
    seed: int,
    claims: Sequence[facts.Decision] = (),
    reviews: Sequence[facts.AssetReview] = (),
) -> Settled:
    """Settle the staged runs against the lake's pinned version; writes nothing to the lake."""
    rows = assets.settle(lake, staging, numbers.windows, seed, reviews)
    rows |= lives.cover(staging, numbers.rules)
    rows |= exposures.settle(lake, staging)
    rows |= exposures.regroup(lake, staging)
    lives.sites(lake, staging)
    rows |= lives.settle(lake, staging, numbers.rules, claims)
    rows |= _others(staging) | endings.rows(staging)
    skipped = staging.rows('SELECT r.file, s.place AS "where", s.why FROM st_skipped s JOIN st_runs r USING (run)')
    return Settled(rows, _counts(staging, rows), skipped.to_pylist())


def _others(staging: Staging) -> dict[str, pa.Table]:
    """What is written as it was staged, with assets resolved."""
    asset = "o.atom AS asset"
    at = "coalesce(s.observed_at, r.observed_at) AS observed_at"
    of = "JOIN atom_of o USING (run, no) JOIN st_runs r USING (run)"
    listed = ", ".join(f"r.{name}" for name in tables.names("runs") if name not in ("known_at", "job"))
    number = keys.sql("'sighting'", "s.run::VARCHAR", "s.no::VARCHAR")
    # Most reports tell of no ties; then nothing is joined.
    none = "" if staging.value("SELECT count(*) FROM st_relations") else " LIMIT 0"
    end = "CASE WHEN {side}_kind = 'asset' THEN {letter}.atom::VARCHAR ELSE s.{side} END AS {side}"
    return {
        "runs": staging.rows(f"SELECT {listed} FROM st_runs r ORDER BY run"),
        "skipped": staging.rows("SELECT run, place, why FROM st_skipped"),
        "sightings": staging.rows(
            f"""SELECT {number} AS sighting, s.run, {asset}, s.kind, s.name, s.os, s.owner, s.internet,
                s.tags, s.attributes,
                s.authenticated, {at} FROM st_sightings s {of} ORDER BY s.run, o.atom"""
        ),
        "ports_seen": staging.rows(
            f"""SELECT s.run, {asset}, s.port, s.protocol, s.state, s.service, s.product, s.version, s.cpe,
                s.tls, {at}
            FROM st_ports s {of} ORDER BY s.run, o.atom, s.port"""
        ),
        "controls": staging.rows(f"SELECT s.run, {asset}, s.kind, s.state, s.name, {at} FROM st_controls s {of}"),
        "relations": staging.rows(
            f"""SELECT s.run, r.site, s.kind, s.source_kind, {end.format(side="source", letter="a")},
                s.target_kind,
                {end.format(side="target", letter="b")}, s.ports, s.protocol, s.allowed, s.position, s.note,
                    {at}
            FROM st_relations s JOIN st_runs r USING (run)
            LEFT JOIN atom_of a ON s.source_kind = 'asset' AND a.run = s.run AND a.no = try_cast(s.source AS INTEGER)
            LEFT JOIN atom_of b ON s.target_kind = 'asset' AND b.run = s.run AND b.no = try_cast(s.target AS INTEGER)
            ORDER BY s.run, s.position{none}"""
        ),
    }


def _counts(staging: Staging, rows: dict[str, pa.Table]) -> dict[str, int]:
    """What the settling means, for people."""
    row = staging.connection.execute(
        """WITH moved AS (SELECT a.exposure, b.kind AS was, a.kind AS now FROM after a LEFT JOIN before b
        USING (exposure)),
        old AS (SELECT DISTINCT canonical AS exposure FROM member WHERE NOT fresh),
        sighted AS (SELECT DISTINCT c.canonical, c.canonical IN (SELECT canonical FROM canon WHERE before IS
            NOT NULL) AS known
            FROM atom_of o JOIN canon c USING (atom))
        SELECT (SELECT count(*) FROM moved ANTI JOIN old USING (exposure)),
            (SELECT count(DISTINCT exposure) FROM shown SEMI JOIN old USING (exposure)),
            (SELECT count(*) FROM moved SEMI JOIN old USING (exposure) WHERE now = 'fixed' AND was IS
                DISTINCT FROM 'fixed'),
            (SELECT count(*) FROM moved WHERE now = 'reopened' AND was = 'fixed'),
            (SELECT count(*) FROM sighted WHERE NOT known), (SELECT count(*) FROM sighted WHERE known)"""
    ).fetchone()
    assert row is not None
    names = ("new", "seen", "fixed", "reopened", "assets_new", "assets_seen")
    return dict(zip(names, map(int, row), strict=True)) | {"review": rows["asset_conflicts"].num_rows}
