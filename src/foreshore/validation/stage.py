"""The next tests, and running those that the guard allows.

The next test is the one whose answer decides about most modelled risk. Exposures behind one port share
one test. Nothing is proposed where the test would meet another machine than the one meant: a private
address means something only inside its own site.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foreshore import facts, keys, plugins, tables
from foreshore.errors import Refused
from foreshore.validation.guard import Guard, Stopped
from foreshore.validation.hypothesis import Check, Hypothesis, Verdict
from foreshore.validation.permits import address_of, special

if TYPE_CHECKING:
    import pyarrow as pa

INTERNET = "internet"
SOURCE = "foreshore validate"
REACH = "reachable"


@dataclass(frozen=True)
class Tested:
    """One hypothesis with what came of it; `refused` is the guard's reason, "" where the test ran."""

    hypothesis: Hypothesis
    verdict: Verdict
    observed_at: datetime
    refused: str = ""


def checks() -> Mapping[str, Check]:
    """Return the checks by name."""
    return plugins.load("foreshore.validation.checks")


def next_tests(
    rows: Iterable[Mapping[str, Any]],
    top: int,
    *,
    vantage: str = "",
    scope: facts.Scope | None = None,
    tried: Iterable[Mapping[str, Any]] = (),
) -> list[Hypothesis]:
    """Return the `top` tests whose answers would move most.

    `rows` are those of `candidates.read`; `tried` are tests that need no repeating (asset, port,
    check_name, vantage, exposures). Without a `vantage` each reach test names the place from which
    the answer is missing.
    """
    sites = {zone.name: zone.site for zone in scope.zones} if scope else {}
    done = {(row["asset"], row["port"], row["check_name"], row["vantage"]): set(row["exposures"]) for row in tried}
    found: dict[tuple[Any, ...], Hypothesis] = {}
    for row in rows:
        for one in _hypotheses(row, vantage, sites):
            covered = done.get((one.asset, one.port, one.check, one.vantage), set())
            if not covered or (one.claim != REACH and not set(one.exposures) <= covered):
                key = (one.check, one.claim, one.asset, one.port, one.vantage)
                found[key] = _merged(found[key], one) if key in found else one
    ordered = sorted(found.values(), key=lambda one: (-one.would_move, one.check, one.target, one.claim, one.asset))
    return ordered[:top]


def _hypotheses(row: Mapping[str, Any], vantage: str, sites: Mapping[str, str]) -> list[Hypothesis]:
    """Return what could be asked about one exposure: whether it is reached, and what a handshake decides."""
    found = []
    if row["reachable"] == "unknown" and row["decided_from"] and row["way_in"] in ("network", "library"):
        place = vantage or row["decided_from"]
        if place == row["decided_from"] and (address := _address(row, place, sites)):
            found += [_hypothesis(row, "tcp_reach", REACH, address, port, place) for port in row["ports"]]
    if row["claim"] and (address := _address(row, vantage, sites)):
        found += [_hypothesis(row, "tls", row["claim"], address, port, vantage) for port in row["ports"][:1]]
    return found


def _hypothesis(row: Mapping[str, Any], check: str, claim: str, address: str, port: int, vantage: str) -> Hypothesis:
    return Hypothesis(
        check=check, claim=claim, asset=row["asset"], asset_name=row["asset_name"] or "", kind=row["asset_kind"],
        site=row["site"], address=address, port=port, vantage=vantage,
        about=f"{row['title']} on {row['asset_name']}", exposures=(row["exposure"],), names=tuple(row["names"]),
        tags=tuple(row["tags"]), would_move=float(row["moves"]),
    )  # fmt: skip


def _address(row: Mapping[str, Any], place: str, sites: Mapping[str, str]) -> str:
    """Return the asset's latest address that means this asset when seen from `place`; "" where none does.

    An asset without any address is asked for by its name, which the guard resolves.
    """
    if not row["addresses"]:
        return next(iter(row["names"]), "")
    home = sites.get(place, "" if place == INTERNET else place.partition(",")[0])
    for text in row["addresses"]:
        address = address_of(text)
        if address is not None and (not place or home == row["site"] or not special(address)):
            return str(address)
    return ""


def _merged(left: Hypothesis, right: Hypothesis) -> Hypothesis:
    """Return one test for both: what hangs on it adds up, the weightier one is named first."""
    exposures = tuple(dict.fromkeys((*left.exposures, *right.exposures)))
    return replace(left, exposures=exposures, would_move=min(1.0, left.would_move + right.would_move))


def tell(hypothesis: Hypothesis) -> str:
    """Say what the test is about: the weightiest exposure and how many more."""
    more = len(hypothesis.exposures) - 1
    return hypothesis.about + (f" and {more} more" if more else "")


def run(hypotheses: Sequence[Hypothesis], guard: Guard) -> list[Tested]:
    """Run the tests one after the other; after a stop the rest is not run."""
    known = checks()
    found: list[Tested] = []
    stopped = ""
    for one in hypotheses:
        if stopped:
            found.append(Tested(one, Verdict("not_run", stopped), _now(), stopped))
            continue
        try:
            check = known[one.check]
            verdict = check.run(check.plan(one), guard)
            found.append(Tested(one, verdict, _now()))
        except Refused as error:
            stopped = error.what if isinstance(error, Stopped) else ""
            found.append(Tested(one, Verdict("not_run", error.what), _now(), error.what))
    return found


def batches(tested: Sequence[Tested], job: str, seed: int, site: str, vantage: str) -> facts.Batches:
    """Return rows of `verdicts` and one of `runs`, for the tests that ran; empty where none did.

    A reach verdict is about a port (exposure 0); a TLS verdict has one row for each exposure.
    """
    import pyarrow as pa

    ran = [one for one in tested if one.verdict.outcome != "not_run"]
    if not ran:
        return {}
    run_key = keys.of(seed, "validate", job)
    rows = [row for one in ran for row in _verdicts(one, run_key)]
    text = "\n".join(f"{row['target']} {row['check_name']} {row['outcome']} {row['observed_at']}" for row in rows)
    digest = hashlib.sha256(f"{job}\n{text}".encode()).hexdigest()
    return {
        "verdicts": pa.Table.from_pylist(rows),
        "runs": _run_row(run_key, digest, job, site, vantage, max(one.observed_at for one in ran), len(ran)),
    }


def _verdicts(one: Tested, run_key: int) -> list[dict[str, Any]]:
    about = one.hypothesis
    exposures = (0,) if about.claim == REACH else about.exposures
    return [
        {
            "verdict": keys.of(run_key, about.check, about.claim, about.asset, about.port, about.vantage, exposure),
            "run": run_key, "exposure": exposure, "asset": about.asset, "port": about.port,
            "check_name": about.check, "target": about.target, "vantage": about.vantage,
            "outcome": one.verdict.outcome, "detail": one.verdict.detail, "observed_at": one.observed_at,
        }
        for exposure in exposures
    ]  # fmt: skip


def _run_row(
    run_key: int, digest: str, job: str, site: str, vantage: str, observed_at: datetime, count: int
) -> pa.Table:
    import pyarrow as pa

    row: dict[str, Any] = {
        "run": run_key, "read_key": digest, "digest": digest, "source": SOURCE, "reader": "", "reader_version": 0,
        "tool": "foreshore", "scanner": "", "site": site, "vantage": vantage, "file": f"{count} tests", "size": 0,
        "observed_at": observed_at, "observed_text": "", "zone_assumed": False, "known_at": _now(),
        "coverage": "none", "coverage_text": "tests close nothing by silence", "findings": 0, "ports": 0,
        "assets": 0, "relations": 0, "skipped": 0, "job": job,
    }  # fmt: skip
    kinds = {one.name: one.type for one in tables.TABLES["runs"]}
    types = {"BIGINT": pa.int64(), "INTEGER": pa.int32(), "VARCHAR": pa.string(), "BOOLEAN": pa.bool_(),
        "TIMESTAMP": pa.timestamp("us")}  # fmt: skip
    return pa.table({name: pa.array([value], types[kinds[name]]) for name, value in row.items()})


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def site_of(scope: facts.Scope, vantage: str) -> str:
    """Return the site that `vantage` lies in, "" for the internet or none."""
    homes = {zone.name: zone.site for zone in scope.zones}
    return homes.get(vantage, "" if vantage == INTERNET else vantage.partition(",")[0])


def networks(scope: facts.Scope) -> tuple[str, ...]:
    """Return the networks that the zones of the scope list."""
    found = [text for zone in scope.zones for text in zone.networks]
    return tuple(str(ipaddress.ip_network(text, strict=False)) for text in found)
