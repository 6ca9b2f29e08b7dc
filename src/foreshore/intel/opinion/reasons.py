"""Why the model thinks so, in words: the largest contributions to the log-odds, and what they add up from."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from foreshore.intel.opinion.fit import Floats

MOST = 5  # reasons in words; the others are one sum
# Words for a feature that is there, and for one that is known not to be.
_WORDS = {
    "poc": ("exploit code is public", "no exploit code is known"),
    "weaponized": ("a ready exploit module exists", "no ready exploit module is known"),
    "poc_new": ("its exploit code is new", "no exploit code came lately"),
    "automatable": ("attacks on it can be automated (SSVC)", "attacks on it cannot be automated (SSVC)"),
    "total_impact": ("it gives total control (SSVC)", "it gives partial control (SSVC)"),
    "av_network": ("it is attacked over the network", "it is not attacked over the network"),
    "ac_low": ("an attack is simple (CVSS)", "an attack is complex (CVSS)"),
    "pr_none": ("it needs no account", "it needs an account"),
    "ui_none": ("no user has to do anything", "a user has to do something"),
    "class_command": ("it lets commands or code in", "it is no injection of commands"),
    "class_memory": ("it is an error in memory", "it is no error in memory"),
    "class_deserialization": ("it is in deserialization", "it is not in deserialization"),
    "class_authentication": ("it is in authentication or access rights", "it is not in authentication"),
    "class_traversal": ("it is in paths of files", "it is not in paths of files"),
    "class_upload": ("it lets files be uploaded", "it is not in uploads"),
    "class_sql": ("it is an injection into SQL", "it is no injection into SQL"),
    "class_browser": ("it works in a user's browser", "it does not work in a user's browser"),
    "says_remote_code": ("its description speaks of running code", "its description does not speak of running code"),
    "says_unauthenticated": (
        "its description speaks of no login",
        "its description does not speak of attackers without login",
    ),
    "says_elevation": ("its description speaks of gaining rights", "its description does not speak of gaining rights"),
    "says_edge": ("its description names a device at the edge", "its description names no device at the edge"),
    "says_plugin": ("its description names a plugin or small web application", "it is in no plugin by its description"),
    "says_kernel": ("it is in the Linux kernel", "it is not in the Linux kernel"),
    "says_denial": ("its description speaks of a crash or denial", "its description speaks of no crash"),
}


def spoken(
    known: pa.Table,
    names: tuple[str, ...],
    intercept: float,
    each: Floats,
    logit: Floats,
    p30: Floats,
    as_of: datetime | None,
) -> pa.Array:
    """Return the reasons of each row as JSON: `because` in words and `log_odds`.

    The first is the average weakness; the largest follow, then the sum of all others, then what EPSS
    adds where it has a score. They sum up to the log-odds of `p30`.
    """
    rows = known.to_pylist()
    strongest = np.argsort(-np.abs(each), axis=1, kind="stable")[:, :MOST]
    added = np.log(p30) - np.log1p(-p30) - logit
    texts = []
    for number, row in enumerate(rows):
        chosen = [one for one in strongest[number] if abs(each[number, one]) >= 0.01]
        said = [_reason("an average weakness", intercept)]
        said += [_reason(words(names[one], row, as_of), each[number, one]) for one in chosen]
        rest = float(each[number].sum() - each[number, chosen].sum())
        said.append(_reason("everything else that is known", rest))
        if row["epss_rank"] is not None:
            share = 100 * (row["epss_percentile"] or 0.0)
            said.append(_reason(f"EPSS places it above {share:.2f} % of all, joined with ours", added[number]))
        texts.append(json.dumps(said))
    return pa.array(texts, pa.string())


def _reason(because: str, log_odds: float) -> dict[str, Any]:
    return {"because": because, "log_odds": round(float(log_odds), 6)}


def words(name: str, row: dict[str, Any], as_of: datetime | None) -> str:
    """Return what feature `name` of a row of `features.SCHEMA` says, in words with its dates and counts."""
    value = row[name] or 0.0
    if name == "weaponized" and value and row["weaponized_at"]:
        return f"ready exploit module since {row['weaponized_at'].date()}"
    if name == "poc" and value and row["poc_at"]:
        return f"proof of concept since {row['poc_at'].date()}"
    if name == "poc_new" and value:
        first = [one for one in (row["poc_at"], row["weaponized_at"]) if one]
        return f"its exploit code is new, since {min(first).date()}" if first else _WORDS[name][0]
    if name == "kev_vendor":
        return f"its vendor {row['vendor']} had {row['vendor_entries']} other entries in KEV"
    if name == "kev_product":
        return f"its product had {row['product_entries']} other entries in KEV"
    if name == "age":
        days = round(float(np.expm1(value)))
        when = f"published {row['published'].date()}" if row["published"] else "by the year in its name"
        return f"{days} days old ({when})"
    if name == "impact":
        return f"harm {value:.2f} of 1 to confidentiality, integrity and availability (CVSS)"
    yes, no = _WORDS[name]
    return yes if value >= 0.5 else no
