"""Findings of ended support: dated by the feed, and weighed by how long nobody has repaired what they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from foreshore import scratch

if TYPE_CHECKING:
    import pyarrow as pa

    from foreshore.intel.endings import Ending, Endings
    from foreshore.policy import Policy

# Rows of weakness_classes.csv that speak of ended support: of systems, and of software.
_SYSTEMS = ("end of life operating system", "unsupported operating system")
_SOFTWARE = ("end of life software", "unsupported software")


def applied(judged: pa.Table, exposures: pa.Table, assets: pa.Table, endings: Endings, policy: Policy) -> pa.Table:
    """Return `judged` with the column `ending` ('' or a sentence) and `usable` raised by the years since the end.

    Each year without repairs brings another weakness with its own chance of a working exploit:
    1 - (1 - usable)(1 - per_year)^years, years capped. Only findings that say that support has ended are
    touched, and only upwards.
    """
    import numpy as np
    import pyarrow as pa

    found = _found(judged, exposures, assets, endings)
    most = policy.number("likelihood.end_of_life.most_years").value
    years = np.zeros(judged.num_rows)
    for row, one in found.items():
        years[row] = min(one.years(endings.today), most)
    number = policy.number("likelihood.end_of_life.per_year")
    for column, per_year in (("usable", number.value), ("usable_low", number.low), ("usable_high", number.high)):
        raised = 1 - (1 - judged.column(column).to_numpy()) * (1 - per_year) ** years
        kept = np.where(years > 0, raised, judged.column(column).to_numpy())
        judged = judged.set_column(judged.column_names.index(column), column, pa.array(kept))
    words = [""] * judged.num_rows
    for row, one in found.items():
        words[row] = f"{one.sentence()[:1].upper()}{one.sentence()[1:]} (endoflife.date)."
    return judged.append_column("ending", pa.array(words, pa.string()))


def _found(judged: pa.Table, exposures: pa.Table, assets: pa.Table, endings: Endings) -> dict[int, Ending]:
    """Return the end of support that each finding of one is about, by row; each distinct statement is asked once."""
    import pyarrow as pa

    if not endings.cycles:
        return {}
    wanted = exposures.select(["asset", "kind", "title", "component", "component_name", "version"])
    wanted = wanted.append_column("class", judged.column("class"))
    with scratch.connect(threads=1) as connection:
        connection.register("wanted", wanted.append_column("row", pa.array(range(wanted.num_rows), pa.int64())))
        connection.register("assets_of", assets.select(["asset", "os"]))
        rows: list[dict[str, Any]] = (
            connection.execute(f"""
            SELECT class, title, coalesce(component, '') AS component, coalesce(component_name, '') AS name,
                coalesce(version, '') AS version, coalesce(os, '') AS os, list(row) AS rows
            FROM wanted LEFT JOIN assets_of USING (asset)
            WHERE kind = 'end_of_life' OR class IN {(*_SYSTEMS, *_SOFTWARE)} GROUP BY ALL
        """)
            .to_arrow_table()
            .to_pylist()
        )
    found = {}
    for one in rows:
        ending = _ending(one, endings)
        if ending is not None:
            found.update(dict.fromkeys(one["rows"], ending))
    return found


def _ending(one: dict[str, Any], endings: Endings) -> Ending | None:
    if one["class"] in _SYSTEMS and (ending := endings.of_system(one["os"]) or endings.of_system(one["title"])):
        return ending
    ending = endings.of_software(one["component"], one["name"], one["version"]) or endings.in_title(one["title"])
    # A finding of no component and no product that is known speaks of the system itself.
    return ending or (endings.of_system(one["title"]) if not one["component"] and not one["name"] else None)
