"""Figures and words as people read them: two digits, units, intervals, and the words of the pages."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import quote

from django import template
from django.utils import formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from foreshore import keys
from foreshore.report import figures

register = template.Library()
WORDS: dict[str, Any] = {
    "act_now": gettext_lazy("act now"), "unknown": gettext_lazy("unknown"), "routine": gettext_lazy("routine patching"),
    "watch": gettext_lazy("watch"), "accepted": gettext_lazy("accepted"), "dismissed": gettext_lazy("dismissed"),
    "pending_verification": gettext_lazy("waits for a check"), "open": gettext_lazy("open"),
    "reopened": gettext_lazy("reopened"), "stale": gettext_lazy("not looked at lately"),
    "reboot_pending": gettext_lazy("waits for a restart"), "yes": gettext_lazy("yes"), "no": gettext_lazy("no"),
    "none_known": gettext_lazy("none known"), "poc": gettext_lazy("proof of concept"),
    "weaponized": gettext_lazy("ready exploit"), "attacks": gettext_lazy("used in attacks"),
    "ransomware": gettext_lazy("used by ransomware"), "built_in": gettext_lazy("none needed"),
    "false_positive": gettext_lazy("false positive"), "not_applicable": gettext_lazy("not applicable"),
    "mitigated": gettext_lazy("mitigated"), "duplicate": gettext_lazy("duplicate"), "not_ours": gettext_lazy("not ours"),
    "claimed_fixed": gettext_lazy("fixed, waits for a check"), "withdrawn": gettext_lazy("taken back"),
    "revoked": gettext_lazy("revoked: it no longer holds"), "confirmed": gettext_lazy("a test confirmed it"),
    "refuted": gettext_lazy("a test refuted it"), "inconclusive": gettext_lazy("a test was inconclusive"),
    "not_run": gettext_lazy("not tested"), "info": gettext_lazy("info"), "low": gettext_lazy("low"),
    "medium": gettext_lazy("medium"), "high": gettext_lazy("high"), "critical": gettext_lazy("critical"),
    "findings": gettext_lazy("findings read"), "exposures": gettext_lazy("open exposures"),
    "in_scope": gettext_lazy("in scope"), "exploitable": gettext_lazy("with a working exploit"),
    "reachable": gettext_lazy("and an attacker can get to them"),
    "leads_to_critical": gettext_lazy("and they lead to something critical"), "ticket": gettext_lazy("ticket"),
    "patch": gettext_lazy("update"), "reboot": gettext_lazy("restart"), "rebuild": gettext_lazy("rebuild"),
    "configure": gettext_lazy("setting"), "rotate": gettext_lazy("replace a secret"), "code": gettext_lazy("code"),
    "replace": gettext_lazy("replace"), "mitigate": gettext_lazy("shield"), "vulnerability": gettext_lazy("vulnerability"),
    "misconfiguration": gettext_lazy("misconfiguration"), "secret": gettext_lazy("secret"),
    "end_of_life": gettext_lazy("out of support"), "identity": gettext_lazy("identity"),
}  # fmt: skip
FACETS: dict[str, Any] = {
    "treatment": gettext_lazy("What to do"), "severity": gettext_lazy("Severity"), "exploit": gettext_lazy("Exploit"),
    "reachable": gettext_lazy("Can be reached"), "leads": gettext_lazy("Leads to something critical"),
    "owner": gettext_lazy("Owner"), "site": gettext_lazy("Site"), "zone": gettext_lazy("Zone"),
    "kind": gettext_lazy("Kind"), "state": gettext_lazy("State"),
}  # fmt: skip
_CLASSES = {
    "act_now": "bad", "unknown": "unknown", "accepted": "warn", "yes": "bad", "no": "good", "attacks": "bad",
    "ransomware": "bad", "weaponized": "bad", "poc": "warn", "overdue": "bad", "soon": "warn", "critical": "bad",
    "high": "warn", "pending_verification": "here", "routine": "here", "confirmed": "bad", "refuted": "good",
}  # fmt: skip


@register.filter
def word(value: Any) -> Any:
    """What people read for a value; the value itself, with spaces, where there is no word for it."""
    text = str(value or "")
    return WORDS.get(text) or (text.replace("_", " ") if text else _("none"))


@register.filter
def team(value: str) -> Any:
    """A team's name; where the list names nobody, that in the reader's words."""
    return _("nobody yet") if value == "nobody yet" else value


@register.filter
def facet(value: str) -> Any:
    """The heading of a facet."""
    return FACETS.get(value, value)


@register.filter
def tone(value: Any) -> str:
    """The class of a tag with this value; colour never stands alone, the word is beside it."""
    return _CLASSES.get(str(value or ""), "")


@register.filter
def percent(value: float | None) -> str:
    """A share or chance with two digits and its unit; unknown where there is none."""
    return _("unknown") if value is None else _local(figures.percent(value))


@register.filter
def signed(value: float | None) -> str:
    """A change in percent with its sign."""
    if value is None:
        return _("unknown")
    return f"{'+' if value > 0 else '−' if value < 0 else ''}{percent(abs(value))}"


@register.filter
def points(value: float | None) -> str:
    """A change that is in percent already, with its sign."""
    return signed(None if value is None else value / 100)


@register.filter
def interval(low: float | None, high: float | None) -> str:
    """A range of shares or chances, with one unit at its end."""
    if low is None or high is None:
        return "–"
    first, last = (_local("< 0.05 %") if one <= 0 else percent(one) for one in (low, high))
    if first == last:
        return first
    return _("%(low)s to %(high)s") % {"low": first.removesuffix(" %"), "high": last}


@register.filter
def amount(value: float | None) -> str:
    """An amount of money with three digits that mean something."""
    return number(None if value is None else float(f"{value:.3g}"))


@register.filter
def money(value: float | None, currency: str = "") -> str:
    """An amount of money in thousands or millions, with three digits that mean something, and its currency if told."""
    if value is None:
        return _("unknown")
    value = float(f"{value:.3g}")  # first, so that what rounds up to a million is told in millions
    text = number(value)
    for size, name in ((1e9, _("bn")), (1e6, _("m")), (1e3, _("k"))):
        if abs(value) >= size:
            text = f"{_local(f'{value / size:.3g}')} {name}"
            break
    # Translators: an amount and its currency, in the order of the language: EUR 4.4 m
    return _("%(currency)s %(amount)s") % {"currency": currency, "amount": text} if currency else text


@register.filter
def number(value: float | None) -> str:
    """A whole number in groups of three digits, as the reader's language writes them."""
    return "–" if value is None else f"{value:,.0f}".replace(",", formats.get_format("THOUSAND_SEPARATOR"))


@register.filter
def hours(value: float | None) -> str:
    """Hours of work."""
    return _("unknown") if value is None else _local(figures.hours(value))


@register.filter
def day(value: datetime | date | None) -> str:
    """A day as ISO text, in every language."""
    return figures.day(value)


@register.filter
def moment(value: datetime | None) -> str:
    """A time in UTC, as ISO text in every language."""
    return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M} UTC" if value else "–"


@register.filter
def age(value: datetime | date | None) -> str:
    """How long ago something was, in words; less than a day in hours and minutes, a day without a time in days."""
    if value is None:
        return _("age unknown")
    if not isinstance(value, datetime):
        return _days((datetime.now(UTC).date() - value).days)
    seconds = (datetime.now(UTC) - (value if value.tzinfo else value.replace(tzinfo=UTC))).total_seconds()
    minutes = int(seconds // 60)
    if minutes < 1:
        return _("just now")
    if minutes < 60:
        return ngettext("%(n)s minute ago", "%(n)s minutes ago", minutes) % {"n": minutes}
    if minutes < 24 * 60:
        return ngettext("%(n)s hour ago", "%(n)s hours ago", minutes // 60) % {"n": minutes // 60}
    return _days(minutes // (24 * 60))


def _days(count: int) -> str:
    if count < 1:
        return _("today")
    return ngettext("%(n)s day ago", "%(n)s days ago", count) % {"n": number(count)}


def _local(text: str) -> str:
    """Write the decimal point of a figure as the reader's language does."""
    return text.replace(".", formats.get_format("DECIMAL_SEPARATOR"))


@register.filter
def asset_key(value: int) -> str:
    """An asset's key as people read it."""
    return keys.show("AST", value)


@register.filter
def exposure_key(value: int) -> str:
    """An exposure's key as people read it."""
    return keys.show("EXP", value)


@register.filter
def unlocalized(value: float) -> str:
    """A number as SVG wants it, whatever the reader's language."""
    return f"{value:g}"


@register.filter
def quoted(value: Any) -> str:
    """Text for a query string."""
    return quote(str(value), safe="")
