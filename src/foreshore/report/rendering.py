"""From content to HTML and Markdown by the package's templates; HTML is always escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from foreshore.query import safe
from foreshore.report import chains, drawing, figures, waymaps, wording

if TYPE_CHECKING:
    import jinja2

_FILTERS = {
    "percent": figures.percent,
    "number": figures.number,
    "amount": figures.amount,
    "hours": figures.hours,
    "rate": figures.rate,
    "day": figures.day,
    "moment": figures.moment,
    "few": figures.few,
    "change": figures.change,
    "short": figures.short,
    "md": safe.markdown,
}


def html(content: dict[str, Any]) -> str:
    """Return the report as one HTML file that loads nothing and runs nothing."""
    return _environment().get_template("report.html.j2").render(c=content, d=_drawings(content), w=wording)


def markdown(content: dict[str, Any]) -> str:
    """Return the report as Markdown, for chats and wikis."""
    return _environment().get_template("report.md.j2").render(c=content, w=wording)


def _drawings(content: dict[str, Any]) -> dict[str, Any]:
    services = content["services"]
    end = drawing.scale_end(services)
    return {
        "funnel": drawing.funnel(content["funnel"]),
        "treatments": drawing.stack(content["treatments"]),
        "ticks": drawing.ticks(end),
        "spans": [drawing.span(one, end) for one in services],
        "ways": [waymaps.picture(one["ways"]) for one in content["ways"]],
        "way_labels": [waymaps.label(one["service"], one["ways"]) for one in content["ways"]],
        "chains": [drawing.chain(chains.chain(one["path"])) for one in content["exposures"]],
    }


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("foreshore.report", "templates"),
        autoescape=jinja2.select_autoescape(disabled_extensions=("md.j2",), default=True),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters.update(_FILTERS)
    found.globals.update(plural=figures.plural, interval=figures.interval, between=figures.between)
    return found
