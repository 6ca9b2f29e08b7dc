"""The result in words that a manager understands, and what has to be said beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Result = Mapping[str, Any]
NAMES = {
    "auc": "area under the ROC curve", "average_precision": "average precision (PR-AUC)",
    "effort_for_half": "share of the list until half is found", "log_loss": "log-loss",
    "recall_capacity": "found with the stated capacity",
}  # fmt: skip
LATER = "published after that day"


def measure(kind: str) -> str:
    """Return the name of a measure for people."""
    head, _, effort = kind.rpartition("_")
    if head in ("recall", "efficiency") and kind not in NAMES:
        return f"{'found' if head == 'recall' else 'hit rate'} in the first {effort} %"
    return NAMES.get(kind, kind)


def short(kind: str) -> str:
    """Return the name of a measure of coverage for the head of a column."""
    return "of capacity" if kind == "recall_capacity" else f"first {kind.rpartition('_')[2]} %"


def headline(result: Result, effort: str) -> list[str]:
    """Return a few sentences: what our order finds, against which, and whether that is more than chance."""
    by_name = {one["name"]: one["measures"].get(f"recall_{effort}", {}).get("value") for one in result["orders"]}
    ours = result["ours"]
    others = ", ".join(f"{name} {_percent(by_name[name])}" for name in ("EPSS", "CVSS", "random")
                       if by_name.get(name) is not None).replace("random", "a list in no order")  # fmt: skip
    said = [
        f"Working through the first {effort} % of the list, {_article(ours)} finds {_percent(by_name[ours])} of the "
        f"{result['came_true']} weaknesses that came to be known exploited within {result['horizon_days']} days; {others}."
    ]
    for name, other in ((ours, "EPSS"), (ours, "CVSS"), ("own model", "EPSS")):
        difference = _difference(result, name, other, f"recall_{effort}")
        if difference:
            said.append(_compared(difference, name, effort))
    return said


def _difference(result: Result, order: str, against: str, kind: str) -> Mapping[str, Any] | None:
    wanted = (order, against, kind)
    found = (one for one in result["differences"] if (one["order"], one["against"], one["measure"]) == wanted)
    return next(found, None)


def _compared(difference: Mapping[str, Any], ours: str, effort: str) -> str:
    value, low, high = difference["value"], difference["low"], difference["high"]
    what = f"{ours[:1].upper()}{ours[1:]} minus {difference['against']}, found in the first {effort} %: {signed(value)}"
    if low is None:
        return f"{what}; too few came true for an interval: this shows nothing either way."
    what += f" ({signed(low)} … {signed(high)})"
    if low > 0:
        return f"{what}: better, by more than chance explains."
    if high < 0:
        return f"{what}: worse, by more than chance explains."
    return f"{what}: no difference that chance could not explain."


def cautions(result: Result, leak_auc: float) -> list[str]:
    """Return what has to be said beside the figures, the gravest first."""
    said = [*_leaks(result, leak_auc), *_selected(result), *_trained(result), *_stale(result)]
    came = sum(day["came_true"] + sum(day["missed"].values()) for day in result["days"])
    on_list = sum(day["came_true"] for day in result["days"])
    if came:
        reasons = _summed(day["missed"] for day in result["days"])
        told = "; ".join(f"{count:,} {reason}" for reason, count in reasons.items() if count)
        later = " What is published after the day no order of a backlog can find." if reasons.get(LATER) else ""
        said.append(
            f"Of {came:,} additions to KEV within the horizons (a weakness counts again on each day), {on_list:,} "
            f"stood on a list" + (f"; not on it: {told}" if told else "") + f".{later}"
        )
    said.append(
        "Known exploited means an entry in CISA's catalogue. What is not in it is not known to be harmless: it may "
        "be attacked without an entry. All orders are judged by the same measure, which favours none that CISA reads."
    )
    if any(one["name"] == "EPSS" and one["calibration"] for one in result["orders"]):
        said.append(
            "EPSS states the chance of exploitation activity anywhere, of which CISA's catalogue lists the lesser part: "
            "it has to state more than came true here, and its log-loss is judged against another event."
        )
    said.append("What an order cannot score stands at the median of what it scores; the table counts those.")
    return said


def _leaks(result: Result, leak_auc: float) -> list[str]:
    high = [one["name"] for one in result["orders"] if (one["measures"]["auc"]["value"] or 0) > leak_auc]
    if not high:
        return []
    return [
        f"{' and '.join(high)}: an area under the curve above {leak_auc:g} is too good here. Look for a leak first."
    ]


def _selected(result: Result) -> list[str]:
    return [
        f"Records of “{one['source']}” look chosen with hindsight: of {one['count']:,} weaknesses that it alone "
        f"dates, {one['came_true']} came true, {one['factor']:.0f} times as often as of the rest. "
        f"Leave them out with --records and the other sources."
        for one in result["selected"]
    ]


def _trained(result: Result) -> list[str]:
    return [
        f"{one['name']} was fitted on outcomes up to {one['trained_through']}: {one['seen_in_training']} of "
        f"{len(result['days'])} days are no fair test of it."
        for one in result["orders"]
        if one["seen_in_training"]
    ]


def _stale(result: Result) -> list[str]:
    ages = [day["epss_age_days"] for day in result["days"]]
    if None in ages:
        return ["On some days no EPSS scores of all weaknesses were known; EPSS then is no order."]
    old = max(ages, default=0)
    if old <= result["fresh_days"]:
        return []
    return [f"EPSS is published daily, and here it is up to {old} days old: that wrongs it. "
            "Rank on the days of its full files with --placing snapshots."]  # fmt: skip


def _summed(parts: Any) -> dict[str, int]:
    found: dict[str, int] = {}
    for part in parts:
        for reason, count in part.items():
            found[reason] = found.get(reason, 0) + count
    return found


def delay(one: Mapping[str, Any]) -> str:
    """Return one delay as a sentence."""
    later = f"{one['loaded_later']:,} were dated before this workspace first read intelligence and say nothing of it"
    if not one["count"]:
        return f"{one['what']}: not measurable; {later}." if one["loaded_later"] else f"{one['what']}: none."
    middle, high = one["quantiles"]["50"], one["quantiles"]["90"]
    text = (
        f"{one['what']}: half within {days(middle)}, nine in ten within {days(high)}; "
        f"{_percent(one['within']['7'])} within a week ({one['count']:,} weaknesses)"
    )
    return f"{text}; {later}." if one["loaded_later"] else f"{text}."


def days(value: float) -> str:
    """Write a number of days; below two, in hours."""
    if value < 0:
        return "0 days"
    return f"{24 * value:.0f} hours" if value < 2 else f"{value:.0f} days"


def signed(value: float | None) -> str:
    """Write a difference with its sign and two digits."""
    return "–" if value is None else f"{value:+.2f}".replace("-", "−")


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.0f} %"


def _article(ours: str) -> str:
    return "our order" if ours == "ours" else f"the order “{ours}”"


def sources(names: Sequence[str]) -> str:
    """Write a list of sources."""
    return ", ".join(names) if names else "all sources"
