"""What vendors say of installed versions: fixed by a distribution's backport, not affected, or disputed.

Distributions repair a weakness without raising the upstream version, so a scanner that goes by version
numbers reports what is long mended. Vendors' own data (kinds `fixed_in`, `affected` and `not_affected` of the
signals) settles it before anything is ranked. Nothing is deleted: the exposure keeps its place, its chance of
being true falls to a number of the policy, and it comes back when the vendor's word changes. What a test
has shown is never settled so; that contradiction is told.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from foreshore import scratch
from foreshore.intel import releases
from foreshore.prioritization import comparing

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.policy import Policy

SETTLED = ("fixed", "not_affected")
_DISTRIBUTIONS = ("pkg:deb/", "pkg:rpm/", "pkg:apk/", "pkg:alpm/")

# The newest word of each source on each package. Of one source, "not affected" and "affected" replace each
# other by date; a withdrawn record says nothing.
_SAID = """
WITH newest AS (
    SELECT weakness, kind, text AS package, source, coalesce(model, '') AS word, observed_at FROM (
        SELECT *, max(observed_at) OVER (PARTITION BY weakness, kind, text, source) AS last
        FROM signals SEMI JOIN asked_weaknesses USING (weakness)
        WHERE kind IN ('fixed_in', 'affected', 'not_affected') AND observed_at <= TIMESTAMP '$as_of'
            AND coalesce(value, 1) > 0
    ) WHERE observed_at = last
), beside AS (
    SELECT *, max(observed_at) FILTER (kind = 'not_affected') OVER own AS spared,
        max(observed_at) FILTER (kind <> 'not_affected') OVER own AS hit,
        bool_or(kind = 'affected' AND word = 'vers:none/*') OVER own AS gone
    FROM newest WINDOW own AS (PARTITION BY weakness, package, source)
)
SELECT DISTINCT weakness, package, kind, source, word FROM beside
WHERE NOT gone AND CASE kind WHEN 'not_affected' THEN hit IS NULL OR spared >= hit ELSE spared IS NULL OR hit >= spared END
"""
# What is installed, each distinct statement once, with the package as vendors would name it.
_INSTALLED = """
    SELECT weakness, package, version, release, banner, list(row) AS rows FROM (
        SELECT e.row, e.weakness, d.version, d.release, d.package, d.banner
        FROM exposed e JOIN distinct_software d
            ON d.component = e.component AND d.name = e.name AND d.installed = e.version AND d.os = e.os
        WHERE d.package <> ''
    ) GROUP BY ALL
"""
_STATED = """
    SELECT i.*, s.package AS told_of, s.statements FROM ({installed}) i JOIN (
        SELECT weakness, package, list({{kind: kind, source: source, word: word}} ORDER BY kind, source, word) AS statements
        FROM said GROUP BY ALL
    ) s ON s.weakness = i.weakness
        AND s.package IN (i.package || if(i.release = '', '', '?distro=' || i.release), i.package)
    ORDER BY i.weakness, i.package, i.version, i.release, s.package
"""


class Statement(NamedTuple):
    """What one source says of a package: kind fixed_in, affected or not_affected, and its version, range or reason."""

    kind: str
    source: str
    word: str


class Installed(NamedTuple):
    """A package as it is installed: purl without version, version, the distribution's release ('' of none)."""

    package: str
    version: str
    release: str
    banner: bool = False


class Word(NamedTuple):
    """What the vendors' statements come to: fixed, not_affected, disputed or '' (nothing), and why."""

    word: str
    because: str


NOTHING = Word("", "")


def words(ask: Callable[..., pa.Table], as_of: datetime, exposures: pa.Table, assets: pa.Table, tested: Any, policy: Policy) -> pa.Table:  # fmt: skip
    """Return `vendor` and `vendor_because`, one row for each of `exposures` in their order.

    `exposures` has asset, weakness, component (purl or other), component_name, version, proof (rank);
    `assets` has asset and os. `tested` says (array of bool) which a test has confirmed. `ask` runs SQL over
    the lake. Distinct packages, versions and weaknesses are compared once each.
    """
    import pyarrow as pa

    weaknesses = pa.table({"weakness": exposures.column("weakness").unique()})
    said = ask(_SAID.replace("$as_of", as_of.isoformat(sep=" ")), asked_weaknesses=weaknesses)
    vendor, because = [""] * exposures.num_rows, [""] * exposures.num_rows
    if said.num_rows:
        most = round(policy.number("proof.vendor.most").value)
        ranks = exposures.column("proof").to_pylist()
        with scratch.connect(threads=2) as connection:
            connection.register("said", said)
            stated = _stated(connection, exposures, assets)
        for row, word in _decided(stated):
            shown = bool(tested[row]) or (ranks[row] or 0) > most
            word = _against_test(word) if shown else word
            vendor[row], because[row] = word
    return pa.table({"vendor": pa.array(vendor, pa.string()), "vendor_because": pa.array(because, pa.string())})


def _stated(connection: Any, exposures: pa.Table, assets: pa.Table) -> list[dict[str, Any]]:
    """Join what is installed with what vendors say of it."""
    import pyarrow as pa

    connection.register("found", exposures.select(["asset", "weakness", "component", "component_name", "version"]))
    connection.register("assets_of", assets.select(["asset", "os"]))
    connection.execute("""
        CREATE TEMP TABLE exposed AS
        SELECT row_number() OVER () - 1 AS row, f.weakness, coalesce(f.component, '') AS component,
            lower(coalesce(f.component_name, '')) AS name, coalesce(f.version, '') AS version, coalesce(a.os, '') AS os
        FROM found f LEFT JOIN assets_of a USING (asset)
    """)
    distinct = connection.execute("""
        SELECT DISTINCT component, name, version AS installed, os FROM exposed
        WHERE version <> '' AND weakness IN (SELECT weakness FROM said)
    """).to_arrow_table()
    software = [_software(**one) for one in distinct.to_pylist()]
    for name in ("package", "version", "release"):
        distinct = distinct.append_column(name, pa.array([getattr(one, name) for one in software], pa.string()))
    distinct = distinct.append_column("banner", pa.array([one.banner for one in software], pa.bool_()))
    connection.register("distinct_software", distinct)
    rows: list[dict[str, Any]] = connection.execute(_STATED.format(installed=_INSTALLED)).to_arrow_table().to_pylist()
    return rows


def _decided(stated: list[dict[str, Any]]) -> list[tuple[int, Word]]:
    """Return the word on each row; what vendors say of a release and of all releases is heard together."""
    heard: dict[tuple[str, Installed], tuple[list[int], list[Statement]]] = {}
    for one in stated:
        installed = Installed(one["package"], one["version"], one["release"], one["banner"])
        _, statements = heard.setdefault((one["weakness"], installed), (one["rows"], []))
        # A fixed version of no named release is that of another release as likely as of this one.
        everywhere = bool(installed.release) and one["told_of"] == installed.package
        statements.extend(
            Statement(**each) for each in one["statements"] if not (everywhere and each["kind"] == "fixed_in")
        )
    return [
        (row, word)
        for (_, installed), (rows, statements) in heard.items()
        if (word := decide(installed, statements)).word
        for row in rows
    ]


def _software(component: str, name: str, installed: str, os: str) -> Installed:
    """Return the package that an exposure speaks of, as vendors name it; package '' where that is not known."""
    release, component = releases.slug(os), releases.package(component)
    if component.startswith(_DISTRIBUTIONS):
        # A package of another distribution than the system's (a container's) has no known release.
        own = component.split("/")[1] == release.partition("-")[0]
        return Installed(component, installed, release if own else "")
    if component.startswith("pkg:"):
        return Installed(component, installed, "")
    told = releases.of_banner(installed)
    if told and release.startswith(f"{told[0]}-") and re.fullmatch(r"[a-z0-9][a-z0-9.+-]*", name):
        return Installed(f"pkg:deb/{told[0]}/{name}", told[1], release, banner=True)
    return Installed("", installed, release)


def decide(installed: Installed, statements: list[Statement]) -> Word:
    """Return what `statements` come to for what is installed; their order does not matter.

    Fixed: the version is at or above every fixed version that a vendor names for this release. Not
    affected: a vendor says so. A range of another source that holds the version makes it disputed.
    Versions that cannot be compared settle nothing.
    """
    kind = installed.package[4:].partition("/")[0]
    of_distribution = installed.package.startswith(_DISTRIBUTIONS)
    if of_distribution and not installed.release:
        return NOTHING
    said = sorted(set(statements))
    fixed = [one for one in said if one.kind == "fixed_in"]
    spared = [one for one in said if one.kind == "not_affected" and of_distribution]
    ranges = [one for one in said if one.kind == "affected"]
    version = comparing.with_epoch(kind, installed.version, [one.word for one in (*fixed, *ranges)])
    held = [comparing.holds(kind, one.word, version) for one in ranges]
    against = [one for one, inside in zip(ranges, held, strict=True) if inside is True]
    if not of_distribution and ranges:
        clear = all(inside is False for inside in held)
        return _outside(installed, ranges) if clear else NOTHING
    word, by = NOTHING, spared or fixed
    if spared:
        word = _spared(installed, spared)
    elif fixed and all(comparing.at_least(kind, version, one.word) for one in fixed):
        word = _fixed(installed, fixed)
    return _weighed(word, by, against, version)


def _weighed(word: Word, by: list[Statement], against: list[Statement], version: str) -> Word:
    """A range of the same source is its own exception; of another source it is a contradiction, which is told."""
    if not word.word or not against:
        return word
    if {one.source for one in against} <= {one.source for one in by}:
        return NOTHING
    return Word("disputed", f"vendors contradict each other: {word.because}; but by {_names(against)} {version}"
                " is affected, so it is kept as it is")  # fmt: skip


def _outside(installed: Installed, ranges: list[Statement]) -> Word:
    return Word("not_affected", f"not affected: {installed.version} lies in no range of affected versions"
                f" ({_sources(ranges)}); the scanner says otherwise")  # fmt: skip


def _fixed(installed: Installed, fixed: list[Statement]) -> Word:
    name = installed.package.rpartition("/")[2]
    versions = ", ".join(sorted({one.word for one in fixed}))
    where = f" in {installed.release}" if installed.release else ""
    how = "by the distribution's backport" if installed.release else "in the installed version"
    return Word("fixed", f"not affected: fixed {how} ({name} {versions}{where}, {_sources(fixed)};"
                f" installed {installed.version}); the scanner says otherwise")  # fmt: skip


def _spared(installed: Installed, spared: list[Statement]) -> Word:
    reasons = ", ".join(sorted({one.word.replace("_", " ") for one in spared if one.word}))
    name = installed.package.rpartition("/")[2]
    where = f" of {installed.release}" if installed.release else ""
    more = f": {reasons}" if reasons else ""
    return Word("not_affected", f"not affected: the vendor says that {name}{where} is not ({_sources(spared)}{more})")


def _sources(statements: list[Statement]) -> str:
    return f"says {_names(statements)}"


def _names(statements: list[Statement]) -> str:
    names = sorted({one.source for one in statements})
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def applied(judged: pa.Table, said: pa.Table, policy: Policy) -> pa.Table:
    """Return `judged` with the columns of `words`, and with `truth` as low as the policy has it where settled."""
    import pyarrow.compute as pc

    least = policy.number("proof.truth.vendor_fixed").value
    settled = pc.is_in(said.column("vendor"), value_set=_settled())
    truth = pc.if_else(settled, pc.min_element_wise(judged.column("truth"), least), judged.column("truth"))
    judged = judged.set_column(judged.column_names.index("truth"), "truth", truth)
    for name in said.column_names:
        judged = judged.append_column(name, said.column(name))
    return judged


def _settled() -> pa.Array:
    import pyarrow as pa

    return pa.array(SETTLED)


def _against_test(word: Word) -> Word:
    if word.word not in SETTLED:
        return word
    return Word("disputed", f"vendor and test contradict each other: {word.because}; what was shown counts")
