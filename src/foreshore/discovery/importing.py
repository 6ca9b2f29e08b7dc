"""The import: files become runs, and runs become assets, exposures and their lives, in whole commits.

Reading needs no lock: a report's rows wait in a scratch database. A commit then settles a batch of runs
against the newest facts and appends everything at once; if another job committed meanwhile, the batch
is settled again. A file that fails leaves nothing. The same read (digest, reader version, settings) is
known by its key and writes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from foreshore import facts, keys
from foreshore.discovery import endings, unnamed
from foreshore.discovery.imported import AssetCounts, ExposureCounts, FileError, ImportResult, RunResult, SkippedPart
from foreshore.errors import BadReport, Conflict, NothingToRead, UsageError
from foreshore.workspace import Workspace

if TYPE_CHECKING:
    from foreshore.discovery.columns import Columns
    from foreshore.discovery.mapped import Mapped
    from foreshore.discovery.reports import FileReport
    from foreshore.discovery.settling import Settings
    from foreshore.discovery.sniffing import Reader
    from foreshore.discovery.staging import Staging
    from foreshore.store.ducklake import Lake

FINDINGS_IN_COMMIT = 400_000
RUNS_IN_COMMIT = 500
FEW = 200_000  # findings that are settled on one thread
TRIES = 8

OnNote = Callable[[str], None]


class Origin(msgspec.Struct, frozen=True):
    """What a person says about the files of an import: source, site, zone of the scanner, coverage, and asset.

    `asset` names what reports are about that do not say it themselves.
    """

    source: str | None = None
    site: str = "main"
    vantage: str = ""
    coverage: str = ""
    asset: str = ""

    def __post_init__(self) -> None:
        extent, colon, floor = self.coverage.partition(":")
        known = extent in ("complete", "site") and (not colon or floor in facts.SEVERITIES)
        if self.coverage not in ("", "none", endings.DECLARED) and not known:
            raise UsageError(
                f"“{self.coverage}” is no coverage",
                where="--coverage",
                hint="none, complete, complete:high (hosts of these files), site:medium (all of the site), or assets "
                "(all assets that the source knows are in these files: others are gone)",
            )


def import_paths(
    workspace: Workspace,
    paths: Iterable[str | Path],
    *,
    source: str | None = None,
    site: str = "main",
    vantage: str = "",
    coverage: str = "",
    on_note: OnNote | None = None,
    claims: Sequence[facts.Decision] = (),
    reviews: Sequence[facts.AssetReview] = (),
    mapping: str | Path | None = None,
    asset: str = "",
) -> ImportResult:
    """Read files, folders and archives into the workspace and return what that did.

    `source` names who says so (default: the tool), `site` the address space, `vantage` the zone where
    the scanner stood, `coverage` what a person declares: `none`, `complete[:FLOOR]` for the hosts in
    these files, `site[:FLOOR]` for the whole site, or `assets` where all assets that the source knows are in
    these files; '' takes the reports' own word. `claims` are
    decisions that say "fixed". `mapping` is a mapping file by which all of them are read; without one, those
    in the workspace's folder `mappings` take part in the choice. Files that cannot be read are listed in `errors`, the others are taken.
    Raises NothingToRead where there is no file at all, UsageError for a coverage that is none and for a
    mapping that is wrong.
    """
    from foreshore.discovery.reports import reports

    with Importer(workspace, on_note=on_note, claims=claims, reviews=reviews, mapping=mapping) as importer:
        origin = Origin(source, site.strip() or "main", vantage, coverage, asset.strip())
        count = 0
        for found in reports(paths):
            count += 1
            if isinstance(found, BadReport):
                importer.fail(found.where, found)
            else:
                importer.read(found, origin)
        if not count:
            raise NothingToRead("there is no file to read", hint="name files, folders or archives")
        return importer.finish()


class Importer:
    """An import under way: `read` reports (or `take` records), then `finish`; commits in between."""

    def __init__(
        self,
        workspace: Workspace,
        *,
        on_note: OnNote | None = None,
        claims: Sequence[facts.Decision] = (),
        reviews: Sequence[facts.AssetReview] = (),
        now: datetime | None = None,
        lake: Lake | None = None,
        mapping: str | Path | None = None,
    ) -> None:
        from foreshore import store
        from foreshore.discovery import mapping as mappings
        from foreshore.discovery.settling import settings
        from foreshore.discovery.staging import Staging

        self._mapping = mappings.load(Path(mapping)) if mapping is not None else None
        self._own = mappings.of_workspace(workspace.root) if mapping is None else {}
        self.workspace = workspace
        self.claims = claims
        self.reviews = reviews
        self._now = now
        self._note: OnNote = on_note or (lambda _text: None)
        self._settings: Settings = settings(workspace)
        self._lake: Lake = lake or store.open_lake(workspace, on_wait=self._note)
        self._staging: Staging = Staging.of(workspace)
        self._results: list[RunResult] = []
        self._errors: list[FileError] = []
        self._skipped: list[SkippedPart] = []
        self._staged: set[str] = set()
        self._totals: dict[str, int] = {}
        self._redact = _redaction(workspace)

    def __enter__(self) -> Importer:
        return self

    def __exit__(self, *_: object) -> None:
        self._staging.close()
        self._lake.close()

    @property
    def lake(self) -> Lake:
        """The lake that is written to."""
        return self._lake

    def read(self, report: FileReport, origin: Origin, *, now: datetime | None = None) -> None:
        """Read one report, as it was read at `now`; what fails is noted and leaves nothing."""
        try:
            name, reader = self._reader(report)
            with report.open() as stream:
                digest, size = _digest(stream)
            mapped = self._mapping or self._own.get(name)
            # The default source is known only from the records, but depends on nothing else.
            run = self._run(digest, name, reader.version, origin, mapped.mapping.digest if mapped else "")
            if self._known(run["read_key"], report.name, name):
                return
            run |= {"file": report.name, "size": size}
            records = unnamed.named(_careful(reader, name, report), origin.asset)
            self._stage_records(run, records, origin, now)
            self._keep(report, mapped)
        except BadReport as error:
            self.fail(report.name, error)
        self._commit_when_full()

    def take(
        self,
        records: Iterable[facts.Record],
        origin: Origin,
        *,
        file: str,
        reader: str = "records",
        digest: str = "",
    ) -> None:
        """Take records that did not come from a file, as a run of `reader`; raises BadReport."""
        digest = digest or _content_digest(records := list(records))
        run = self._run(digest, reader, 1, origin) | {"file": file, "size": 0}
        if not self._known(run["read_key"], file, reader):
            self._stage_records(run, records, origin)
        self._commit_when_full()

    def review(self, digest: str, at: datetime | None = None) -> None:
        """Take people's words on assets as a run of their own, named by `digest`, and settle them all."""
        said = facts.RunSeen(tool="review", observed_at=at or self._now or datetime.now(UTC))
        self.take([said], Origin(), file="assets that a person looked at", digest=digest)
        self._staging.reviewing = True

    def fail(self, file: str, error: BadReport) -> None:
        """Note that `file` could not be read."""
        self._errors.append(FileError(file, error.sentence()))
        self._note(error.sentence())

    def finish(self) -> ImportResult:
        """Commit what is left and return what the whole import did."""
        self.commit()
        count = self._totals.get
        return ImportResult(
            runs=tuple(self._results),
            exposures=ExposureCounts(count("new", 0), count("seen", 0), count("fixed", 0), count("reopened", 0)),
            assets=AssetCounts(count("assets_new", 0), count("assets_seen", 0), count("review", 0)),
            errors=tuple(self._errors),
            skipped=tuple(self._skipped),
        )

    # -- reading ------------------------------------------------------------------------------------

    def _reader(self, report: FileReport) -> tuple[str, Reader]:
        """Name and reader: the mapping that was given, else by content, the workspace's mappings among them."""
        from foreshore.discovery.sniffing import pick, readers

        if self._mapping is not None:
            return self._mapping.name, self._mapping
        return pick(report, {**readers(), **self._own} if self._own else None)

    def _run(self, digest: str, reader: str, version: int, origin: Origin, mapping: str = "") -> dict[str, Any]:
        # A changed mapping reads the same file again; without one the key is as it was before there were any.
        more = (mapping, origin.asset) if origin.asset else (mapping,) if mapping else ()
        said = (origin.source or "", origin.site, origin.vantage, origin.coverage, *more)
        read_key = "|".join((digest, reader, str(version), *(one.replace("|", "%7C") for one in said)))
        return {
            "run": keys.of("run", read_key), "read_key": read_key, "digest": digest, "reader": reader,
            "reader_version": version, "site": origin.site, "vantage": origin.vantage,
            "coverage_text": origin.coverage,
        }  # fmt: skip

    def _known(self, read_key: str, file: str, reader: str) -> bool:
        import pyarrow as pa

        found = self._lake.sql(
            """SELECT run, findings, coverage, source FROM runs
            WHERE read_key IN (SELECT read_key FROM wanted) LIMIT 1""",
            wanted=pa.table({"read_key": [read_key]}),
        ).to_pylist()
        if not found and read_key not in self._staged:
            return False
        name = keys.show("RUN", keys.of("run", read_key))
        if found:
            row = found[0]
            first = RunResult(name, file, reader, row["findings"], True, row["coverage"], row["source"])
        else:
            first = next(one for one in self._results if one.run == name)
        self._results.append(msgspec.structs.replace(first, file=file, duplicate=True))
        self._note(f"{file}: known by its digest, nothing to do")
        return True

    def _stage_records(
        self, run: dict[str, Any], records: Iterable[facts.Record], origin: Origin, now: datetime | None = None
    ) -> None:
        from foreshore.discovery.columns import Columns

        now = now or self._now or datetime.now(UTC)
        columns = Columns(
            run["run"], origin.site, origin.source or run["reader"], run["reader"], self._staging.take,
            now=now, proofs=self._settings.proofs, redact=self._redact,
        )  # fmt: skip
        try:
            columns.take(records)
            self._add_run(run, columns, origin, now)
        except BaseException:
            self._staging.drop(run["run"])
            raise

    def _add_run(self, run: dict[str, Any], columns: Columns, origin: Origin, now: datetime) -> None:
        import pyarrow as pa

        at = columns.observed_at(now)
        columns.finish()
        row = run | columns.counts
        row |= {
            "source": origin.source or columns.tool,
            "tool": columns.tool,
            "scanner": columns.seen.scanner,
            "observed_at": at,
            "observed_text": columns.seen.observed_text,
            "zone_assumed": columns.seen.zone_assumed,
            "coverage": _coverage(origin.coverage, columns.covers),
        }
        self._staging.take("runs", pa.Table.from_pylist([row]))
        self._staging.runs += 1
        self._staged.add(run["read_key"])
        self._results.append(
            RunResult(
                keys.show("RUN", row["run"]), row["file"], row["reader"], row["findings"], False,
                row["coverage"],
                row["source"],
            )
        )  # fmt: skip
        if row["coverage"] == "none" and row["findings"]:
            self._note(f"{row['file']}: it does not say what it covered, so it closes nothing")

    def _keep(self, report: FileReport, mapped: Mapped | None) -> None:
        import io

        from foreshore.store import evidence

        with report.open() as stream:
            evidence.keep(self.workspace, stream)
        if mapped is not None:
            evidence.keep(self.workspace, io.BytesIO(mapped.mapping.text), kind="mapping")

    # -- committing ---------------------------------------------------------------------------------

    def _commit_when_full(self) -> None:
        if self._staging.findings >= FINDINGS_IN_COMMIT or self._staging.runs >= RUNS_IN_COMMIT:
            self.commit()

    def _share_out(self) -> None:
        """Few rows are settled on one thread: sharing them out costs more than it saves."""
        threads = 1 if self._staging.findings < FEW else self.workspace.threads
        self._lake.use(threads)
        self._staging.use(threads)

    def commit(self) -> None:
        """Settle and append what is staged; raises Conflict when others keep committing meanwhile."""
        if not self._staging.runs:
            return
        from foreshore.discovery import settling

        job = f"import-{keys.of(*sorted(self._staged)):016x}"
        self._share_out()
        for attempt in range(TRIES):
            with self._lake.together():
                settled = settling.settle(
                    self._lake, self._staging, self._settings, self.workspace.seed, self.claims, self.reviews
                )
            try:
                self._lake.append(
                    settled.rows,
                    job=job,
                    expect=self._lake.version,
                    tables_read=settling.READ,
                    on_wait=self._note,
                )
                break
            except Conflict:
                if attempt == TRIES - 1:
                    raise
                self._note("another job committed meanwhile; settling again")
                self._lake.refresh()
        self._skipped += [SkippedPart(**row) for row in settled.skipped]
        for name, number in settled.counts.items():
            self._totals[name] = self._totals.get(name, 0) + number
        self._staging.clear()
        self._staged.clear()


def _coverage(declared: str, covers: bool) -> str:
    if declared == "none":
        return "none"
    if declared and declared != endings.DECLARED:
        return "declared"
    return "complete" if covers else "none"


def _digest(stream: Any) -> tuple[str, int]:
    import hashlib

    digest, size = hashlib.sha256(), 0
    while chunk := stream.read(1 << 20):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def _content_digest(records: Iterable[facts.Record]) -> str:
    import hashlib

    digest = hashlib.sha256()
    for record in records:
        digest.update(type(record).__name__.encode() + msgspec.json.encode(record))
    return digest.hexdigest()


def _redaction(workspace: Workspace) -> Callable[[str], str]:
    from foreshore.discovery.redact import redact

    key = workspace.secret("redaction")
    return lambda text: redact(text, key)


def _careful(reader: Reader, name: str, report: FileReport) -> Iterator[facts.Record]:
    """The reader's records; a reader's own mistake must not end the import of the other files."""
    try:
        yield from reader.read(report)
    except (
        ValueError,
        KeyError,
        IndexError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise BadReport(
            f"the reader {name} failed on it ({type(error).__name__}: {str(error)[:120]})",
            where=report.name,
            hint="report this with a sample; `foreshore inspect FILE` shows how far it was understood",
        ) from error
