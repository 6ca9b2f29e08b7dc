"""From records to Arrow columns: a list per field, never a dict per row.

A `Columns` takes the records of one run and hands over tables of staged rows whenever enough have
come together, so that a report of any size passes through in bounded memory. Rows name their asset
by `no`, its number within the run; what the lake's tables need beyond that is joined later.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from foreshore import facts, keys
from foreshore.discovery import identity, place, restarts, weakness
from foreshore.discovery.unprintable import without_zero
from foreshore.errors import BadReport

BATCH = 50_000
MOST_CHECKS = 50_000  # texts of checks that are remembered at a time
SLACK = timedelta(hours=26)  # clocks and time zones; what is later than this lies in the future
SEVERITY = {name: rank for rank, name in enumerate(facts.SEVERITIES)}
WORD = {"open": 0, "fixed": 1, "suppressed": 2, "accepted": 3, "false_positive": 4, "reboot_pending": 5}
TIME = pa.timestamp("us")
TEXTS = pa.list_(pa.string())

Sink = Callable[[str, pa.Table], None]
Redact = Callable[[str], str]


class Columns:
    """Collects the records of one run; `sink(name, table)` receives staged rows as they fill up.

    Names: sightings, identifiers, ports, findings, checks, relations, controls, covered, check_sets, listed,
    ended, skipped. `proofs` ranks the words of `facts.Proof`; `redact` replaces secrets in free text. Raises
    BadReport for a record that names an asset which the report has not shown.
    """

    def __init__(
        self,
        run: int,
        site: str,
        source: str,
        reader: str,
        sink: Sink,
        *,
        now: datetime,
        proofs: dict[str, int],
        redact: Redact,
    ) -> None:
        self.run = run
        self.site = site
        self.source = source
        self.tool = reader
        self.seen = facts.RunSeen()
        self.counts: dict[str, int] = dict.fromkeys(("findings", "ports", "assets", "relations", "skipped"), 0)
        self.latest: datetime | None = None
        self.covers = False
        self._sink = sink
        self._latest_allowed = now.astimezone(UTC).replace(tzinfo=None) + SLACK
        self._proofs = proofs
        self._redact = redact
        self._assets: dict[str, int] = {}
        self._checks: dict[tuple[object, ...], int] = {}
        self._sets: dict[tuple[str, ...], str] = {}
        self._buffers: dict[type, list[Any]] = {kind: [] for kind in self._writers()}

    def take(self, records: Iterable[facts.Record]) -> None:
        """Take all of `records`; ends with everything handed over."""
        buffers = self._buffers
        held = 0
        for record in records:
            buffers[type(record)].append(record)
            held += 1
            if held >= BATCH:
                held = 0
                self.flush()
        self.flush()

    def flush(self) -> None:
        """Hand over what is buffered, sightings first: other rows name them."""
        for kind, write in self._writers().items():
            if self._buffers[kind]:
                write(self._buffers[kind])
                self._buffers[kind].clear()

    def _writers(self) -> dict[type, Callable[[list[Any]], None]]:
        return {
            facts.RunSeen: self._runs,
            facts.Sighting: self._sightings,
            facts.PortSeen: self._ports,
            facts.Finding: self._findings,
            facts.Relation: self._relations,
            facts.ControlSeen: self._controls,
            facts.Covered: self._covered,
            facts.Listed: self._listed,
            facts.Ended: self._ended,
            facts.Skipped: self._skipped,
        }

    # -- one method a record ---------------------------------------------------------------------

    def _runs(self, batch: list[facts.RunSeen]) -> None:
        self.seen = batch[-1]
        self.tool = (self.seen.tool or self.tool).strip().lower()

    def _sightings(self, batch: list[facts.Sighting]) -> None:
        first: list[facts.Sighting] = []
        numbers = [self._number(one, first) for one in batch]
        identifiers = [identity.cleaned(one) for one in batch]
        times = self._times(batch)
        self.counts["assets"] += len(first)
        fresh = {id(one) for one in first}
        rows = [
            (one, number, held, at)
            for one, number, held, at in zip(batch, numbers, identifiers, times, strict=True)
            if id(one) in fresh
        ]
        anchors = [self._anchor(one, held) for one, _number, held, _at in rows]
        self._give(
            "sightings",
            no=pa.array([number for _one, number, _held, _at in rows], pa.int32()),
            kind=[one.kind for one, *_ in rows],
            name=[one.name for one, *_ in rows],
            os=[one.os for one, *_ in rows],
            owner=[one.owner for one, *_ in rows],
            internet=[one.internet for one, *_ in rows],
            tags=pa.array([list(one.tags) for one, *_ in rows], TEXTS),
            attributes=pa.array([list(dict(one.attributes).items()) for one, *_ in rows], _MAP),
            authenticated=pa.array([one.authenticated for one, *_ in rows], pa.bool_()),
            observed_at=pa.array([at for *_, at in rows], TIME),
            anchor=anchors,
        )
        self._identifiers(numbers, identifiers, times)

    def _number(self, sighting: facts.Sighting, first: list[facts.Sighting]) -> int:
        number = self._assets.get(sighting.key)
        if number is None:
            number = self._assets[sighting.key] = len(self._assets)
            first.append(sighting)
        return number

    def _anchor(self, sighting: facts.Sighting, held: Sequence[tuple[str, str]]) -> str:
        """The anchor's key, with what it rests on as its first letter (see partition.window_sql)."""
        text, basis = identity.anchor(self.site, sighting.kind, sighting.name or sighting.key, held)
        letter = {"strong": "x", "name": "n", "short": "s"}.get(basis)
        if letter is None:
            letter = "i" if any(_private(value) for _kind, value in held) else "p"
        return f"{letter}{keys.of(text):016x}"

    def _identifiers(
        self,
        numbers: list[int],
        identifiers: Sequence[Sequence[tuple[str, str]]],
        times: Sequence[datetime | None],
    ) -> None:
        flat = [
            (number, kind, value, at)
            for number, held, at in zip(numbers, identifiers, times, strict=True)
            for kind, value in held
        ]
        if flat:
            columns = list(zip(*flat, strict=True))
            self._give(
                "identifiers",
                no=pa.array(columns[0], pa.int32()),
                kind=columns[1],
                value=columns[2],
                observed_at=pa.array(columns[3], TIME),
            )

    def _ports(self, batch: list[facts.PortSeen]) -> None:
        self.counts["ports"] += len(batch)
        self._give(
            "ports",
            no=self._of([one.asset for one in batch]),
            port=pa.array([one.port for one in batch], pa.int32()),
            protocol=[one.protocol for one in batch],
            state=[one.state for one in batch],
            service=[one.service for one in batch],
            product=[one.product for one in batch],
            version=[one.version for one in batch],
            cpe=[one.cpe for one in batch],
            tls=pa.array([one.tls for one in batch], pa.bool_()),
            observed_at=pa.array(self._times(batch), TIME),
        )

    def _findings(self, batch: list[facts.Finding]) -> None:
        self.counts["findings"] += len(batch)
        places = [place.of(one) for one in batch]
        tool, redact = self.tool, self._redact
        names = [
            weakness.canonical(one.weaknesses, tool, one.rule)
            if weakness.has_exposure(one.kind, one.severity, one.weaknesses)
            else ()
            for one in batch
        ]
        self._give(
            "findings",
            no=self._of([one.asset for one in batch]),
            rule=[one.rule for one in batch],
            check_id=pa.array([self._check(one) for one in batch], pa.int64()),
            title=[one.title for one in batch],
            severity=pa.array([SEVERITY[one.severity] for one in batch], pa.int8()),
            kind=[one.kind for one in batch],
            weaknesses=pa.array([one.weaknesses for one in batch], TEXTS),
            names=pa.array(names, TEXTS),
            place_kind=[one.kind for one in places],
            place=[one.text for one in places],
            component=[one.component for one in batch],
            component_name=[one.component_name for one in batch],
            version=[one.version for one in batch],
            fixed_version=[one.fixed_version for one in batch],
            fix=[one.fix for one in batch],
            port=pa.array([one.port for one in batch], pa.int32()),
            protocol=[one.protocol for one in batch],
            url=[redact(one.url) if one.url else "" for one in batch],
            path=[one.path for one in batch],
            line=pa.array([one.line for one in batch], pa.int32()),
            cvss_vector=[one.cvss_vector for one in batch],
            cvss_score=pa.array([one.cvss_score for one in batch], pa.float64()),
            proof=pa.array([self._proofs[one.proof] for one in batch], pa.int8()),
            word=_words(batch),
            evidence=[redact(one.evidence) if one.evidence else "" for one in batch],
            instances=pa.array([one.instances for one in batch], pa.int32()),
            first_seen=_stamps([one.first_seen for one in batch]),
            fixed_at=_stamps([one.fixed_at for one in batch]),
            observed_at=pa.array(self._times(batch), TIME),
        )

    def _check(self, one: facts.Finding) -> int:
        """The key of the check's texts, which are handed over once."""
        texts = (one.rule, one.title, one.description, one.solution, one.references, one.cwes)
        found = self._checks.get(texts)
        if found is None:
            if len(self._checks) >= MOST_CHECKS:
                self._hand_checks()
            found = self._checks[texts] = keys.of(self.source, *texts)
        return found

    def _hand_checks(self) -> None:
        if not self._checks:
            return
        rows, redact = list(self._checks), self._redact
        self._give(
            "checks",
            check_id=pa.array(self._checks.values(), pa.int64()),
            rule=[str(row[0]) for row in rows],
            title=[redact(str(row[1])) for row in rows],
            description=[redact(str(row[2])) for row in rows],
            solution=[redact(str(row[3])) for row in rows],
            links=pa.array([row[4] for row in rows], TEXTS),
            cwes=pa.array([row[5] for row in rows], pa.list_(pa.int32())),
        )
        self._checks.clear()

    def finish(self) -> None:
        """Hand over the texts of the checks that are still held."""
        self._hand_checks()

    def _relations(self, batch: list[facts.Relation]) -> None:
        self.counts["relations"] += len(batch)
        ends = [(*self._end(one.source), *self._end(one.target)) for one in batch]
        self._give(
            "relations",
            kind=[one.kind for one in batch],
            source_kind=[end[0] for end in ends],
            source=[end[1] for end in ends],
            target_kind=[end[2] for end in ends],
            target=[end[3] for end in ends],
            ports=[one.ports for one in batch],
            protocol=[one.protocol for one in batch],
            allowed=pa.array([one.allowed for one in batch], pa.bool_()),
            position=pa.array([one.position for one in batch], pa.int32()),
            note=[one.note for one in batch],
            observed_at=pa.array(self._times(batch), TIME),
        )

    def _end(self, text: str) -> tuple[str, str]:
        """(kind, text) of a relation's end; an asset's text is its number in this run."""
        kind, colon, rest = text.partition(":")
        if text == "any":
            return "any", ""
        if colon and kind == "asset":
            return "asset", str(self._of([rest])[0].as_py())
        return (kind, rest) if colon and kind in ("zone", "identity") else ("network", text)

    def _controls(self, batch: list[facts.ControlSeen]) -> None:
        self._give(
            "controls",
            no=self._of([one.asset for one in batch]),
            kind=[one.kind for one in batch],
            state=[one.state for one in batch],
            name=[one.name for one in batch],
            observed_at=pa.array(self._times(batch), TIME),
        )

    def _covered(self, batch: list[facts.Covered]) -> None:
        self.covers = True
        self._give(
            "covered",
            no=self._of([one.asset for one in batch]),
            checks=[self._check_set(one) for one in batch],
            floor=pa.array([SEVERITY[one.floor] for one in batch], pa.int8()),
            authenticated=pa.array([one.authenticated for one in batch], pa.bool_()),
            places=[self._place_set(one) for one in batch],
        )

    def _check_set(self, one: facts.Covered) -> str:
        """`*`, or the name of the list: by its content, so that equal lists are kept once."""
        if one.checks == "*" and not one.check_list:
            return "*"
        # A set that is named but was never listed covers nothing.
        return self._set(one.check_list) if one.check_list else f"unlisted {one.checks}"

    def _place_set(self, one: facts.Covered) -> str:
        """The name of the set of places where it was looked; '' for everywhere."""
        paths = tuple(place.file(path) for path in one.paths)
        ports = (place.port(one.port, one.protocol, "").text,) if one.port else ()
        return self._set((*ports, *paths)) if ports or paths else ""

    def _set(self, words: tuple[str, ...]) -> str:
        if words not in self._sets:
            listed = sorted(set(words))
            name = self._sets[words] = f"{keys.of(*listed):016x}"
            self._give("check_sets", checks=[name] * len(listed), rule=listed)
        return self._sets[words]

    def _listed(self, batch: list[facts.Listed]) -> None:
        """Each extent once without an asset: that it was listed, which it is also where nothing is in it."""
        members = [(name, one.extent) for one in batch for name in dict.fromkeys(one.assets)]
        stated = list(dict.fromkeys((one.extent, one.whole) for one in batch))
        numbers = pa.array([None if whole else -1 for _, whole in stated], pa.int32())
        self._give("listed", no=numbers, extent=[extent for extent, _ in stated])
        self._give("listed", no=self._of([name for name, _ in members]), extent=[extent for _, extent in members])

    def _ended(self, batch: list[facts.Ended]) -> None:
        self._give(
            "ended",
            no=self._of([one.asset for one in batch]),
            reason=[one.reason for one in batch],
            observed_at=pa.array(self._times(batch), TIME),
        )

    def _skipped(self, batch: list[facts.Skipped]) -> None:
        self.counts["skipped"] += len(batch)
        self._give("skipped", place=[one.where for one in batch], why=[one.why for one in batch])

    # -- parts ------------------------------------------------------------------------------------

    def _of(self, names: list[str]) -> pa.Array:
        try:
            return pa.array([self._assets[name] for name in names], pa.int32())
        except KeyError as error:
            raise BadReport(f"names an asset that it does not show: {error}") from None

    def _times(self, batch: Sequence[Any]) -> list[datetime | None]:
        """The observed times in naive UTC; those that lie in the future are left out and say so."""
        times: list[datetime | None] = []
        for one in batch:
            at = one.observed_at
            if at is not None:
                at = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
                if at > self._latest_allowed:
                    what = getattr(one, "rule", "") or getattr(one, "name", "") or type(one).__name__
                    self._skipped([facts.Skipped(where=what, why=f"its date {at:%Y-%m-%d} lies in the future")])
                    at = None
                elif self.latest is None or at > self.latest:
                    self.latest = at
            times.append(at)
        return times

    def _give(self, name: str, /, **columns: Any) -> None:
        arrays = {
            key: without_zero(values if isinstance(values, pa.Array) else pa.array(values, pa.string()))
            for key, values in columns.items()
        }
        rows = len(next(iter(arrays.values())))
        if rows:
            head = {"run": pa.array([self.run] * rows, pa.int64())}
            self._sink(name, pa.table(head | arrays))

    def observed_at(self, now: datetime) -> datetime:
        """The run's time in naive UTC: its own, else the latest of its records, else `now`."""
        at = self.seen.observed_at
        if at is not None:
            at = at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
            if at <= self._latest_allowed:
                return at
            self._skipped([facts.Skipped(where="report", why=f"its date {at:%Y-%m-%d} lies in the future")])
        return self.latest or now.astimezone(UTC).replace(tzinfo=None)


_MAP = pa.map_(pa.string(), pa.string())


def _words(batch: Sequence[facts.Finding]) -> list[facts.Word]:
    # Most speak of no restart and need no closer look: a call for each would cost more than the look.
    return [
        restarts.word_of(one)
        if "eboot" in one.evidence
        or "estart" in one.evidence
        or "unning kernel" in one.evidence
        or "eboot" in one.title
        or "estart" in one.title
        else one.word
        for one in batch
    ]


def _private(value: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(value).is_private
    except ValueError:
        return False


def _stamps(values: list[datetime | None]) -> pa.Array:
    return pa.array(
        [
            None if one is None else one if one.tzinfo is None else one.astimezone(UTC).replace(tzinfo=None)
            for one in values
        ],
        TIME,
    )
