"""Figures as people read them: two digits that mean something, units, intervals, ISO days."""

from __future__ import annotations

from datetime import date, datetime

DAYS_OLD = 30  # from this age on, a date is marked as old


def percent(value: float | None) -> str:
    """Write a probability or share; never more digits than it deserves."""
    if value is None:
        return "–"
    if value <= 0:
        return "0 %"
    if value < 0.0005:
        return "< 0.05 %"
    if value < 0.0995:
        return f"{100 * value:.2g} %"
    if 0.995 <= value < 1.0:
        return "> 99 %"
    return f"{100 * min(value, 1.0):.0f} %"


def interval(low: float | None, high: float | None, floor: float | None = None) -> str:
    """Write a range that came from simulated years, such as “4.1 to 12 %”.

    An end without a hit is “< floor”, never a bare zero.
    """
    return _range(low, high, floor, " to ")


def between(low: float | None, high: float | None, floor: float | None = None) -> str:
    """Write a range as part of a sentence, such as “between 4.1 and 12 %”."""
    if low is None or high is None:
        return "in an unknown range"
    text = _range(low, high, floor, " and ")
    return f"between {text}" if " and " in text else f"about {text}"


def _range(low: float | None, high: float | None, floor: float | None, joint: str) -> str:
    if low is None or high is None:
        return "–"
    first, last = (_least(floor) if one <= 0 else percent(one) for one in (low, high))
    return first if first == last else f"{first.removesuffix(' %')}{joint}{last}"


def _least(floor: float | None) -> str:
    return f"< {percent(floor).removeprefix('< ')}" if floor else "< 0.05 %"


def chance(value: float | None, error: float | None, *, possible: bool) -> str:
    """Write a chance from simulated years: no hit is “< x” with the sampling error, 0 only without a path."""
    if value is None:
        return "unknown"
    if value > 0:
        return percent(value)
    if not possible:
        return "no path known"
    return _least(error)


def number(value: float | None) -> str:
    """Write a count or sum with thin groups of three digits."""
    return "–" if value is None else f"{value:,.0f}".replace(",", " ")


def amount(value: float | None) -> str:
    """Write an amount of money with three digits that mean something."""
    return number(None if value is None else float(f"{value:.3g}"))


def rate(value: float | None) -> str:
    """Write a number of events a year, with three digits at most."""
    return "–" if value is None else f"{value:.3g}"


def hours(value: float | None) -> str:
    """Write hours; below ten with one digit behind the point."""
    if value is None:
        return "–"
    return f"{value:.1f} h" if value < 10 else f"{value:.0f} h"


def day(value: datetime | date | None) -> str:
    """Write a day as ISO text, or a dash."""
    return f"{value:%Y-%m-%d}" if value else "–"


def moment(value: datetime | None) -> str:
    """Write a time in UTC."""
    return f"{value:%Y-%m-%d %H:%M} UTC" if value else "–"


def age(value: datetime | None, now: datetime) -> str:
    """Write how old something was at `now`."""
    if value is None:
        return "age unknown"
    days = (now - value).days
    if days < 1:
        return "today"
    return "1 day" if days == 1 else f"{number(days)} days"


def old(value: datetime | None, now: datetime, limit: int = DAYS_OLD) -> bool:
    """Is it so old, or of unknown age, that people should know?"""
    return value is None or (now - value).days > limit


def plural(count: float, one: str, many: str = "") -> str:
    """Write a count with its noun, such as “1 exposure” or “12 exposures”."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def change(value: int) -> str:
    """Write a difference with its sign, or a dash where there is none."""
    return f"{'+' if value > 0 else '−'}{number(abs(value))}" if value else "–"


def few(names: list[str], most: int = 3) -> str:
    """Join names as a person would, with the rest as a count."""
    shown = list(names[:most])
    if len(names) > most:
        shown.append(f"{len(names) - most} more")
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " and " + shown[-1] if shown else ""


def short(text: object, width: int) -> str:
    """Return the text on one line and cut to `width` characters, without control characters."""
    flat = " ".join("".join(one if one.isprintable() else " " for one in str(text or "")).split())
    return flat if len(flat) <= width else flat[: max(width - 1, 0)] + "…"
