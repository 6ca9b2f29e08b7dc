"""What each kind of job does: a library call, with its notes as progress."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from foreshore.errors import UsageError
from foreshore.workspace import Workspace

Say = Callable[[str], None]
Kind = Callable[[Workspace, Mapping[str, Any], Say], Any]


def _import(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Read reports that were brought in; `over` removes them from the waiting place."""
    from foreshore.cycle import scopes, taking
    from foreshore.server import uploads

    folder = uploads.folder(workspace, str(settings["upload"]))
    vantage = settings.get("from_zone") or ""
    say("reading")
    return taking.take(
        workspace, [folder], source=settings.get("source") or None,
        site=scopes.site_of_import(workspace, settings.get("site") or None, vantage, say),
        vantage=vantage, coverage=settings.get("coverage") or "", asset=settings.get("asset") or "", on_note=say,
    )  # fmt: skip


def _cycle(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Run a cycle, and tell which exposures became urgent by it."""
    from foreshore.cycle import running
    from foreshore.server import webhooks

    say("computing")
    before = webhooks.urgent(workspace)
    result = running.run(workspace, on_note=say)
    webhooks.after_cycle(workspace, before, result)
    return result


def _collect(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Run live connectors."""
    from foreshore.cycle import gathering

    say("asking the sources")
    return gathering.collect(workspace, settings.get("names") or (), on_note=say)


def _intel(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Bring intelligence up to date, and tell what it means here."""
    from foreshore.cycle import feeding
    from foreshore.server import webhooks

    say("asking the feeds")
    result, told = feeding.update(workspace, on_note=say)
    webhooks.after_news(told)
    return result


def _report(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Write a report to be fetched."""
    from foreshore.report import writing

    format = str(settings.get("format") or "html")
    folder = workspace.root / "reports"
    folder.mkdir(mode=0o700, exist_ok=True)
    say("writing")
    path = writing.write(workspace, format, folder / f"report-{settings['name']}.{format}")
    return {"file": path.name, "format": format, "bytes": path.stat().st_size}


def _plan(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Choose the best plan within given terms."""
    from foreshore.cycle import planning

    say("choosing actions")
    wishes = {name: value for name, value in settings.items() if name in planning.Wishes._fields}
    return planning.plan(workspace, planning.Wishes(**wishes), on_note=say)


def _what_if(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Say what a supposition would change."""
    from foreshore.cycle import whatif
    from foreshore.cycle.scenarios import Suppose

    suppose = Suppose(**{name: tuple(texts) for name, texts in (settings.get("suppose") or {}).items()})
    quick = bool(settings.get("quick"))
    return whatif.what_if(
        workspace, suppose, name=settings.get("name") or "", save=settings.get("save") or "",
        worlds=whatif.QUICK if quick else settings.get("worlds"), moves=not quick, top=settings.get("top") or 10, say=say,
    )  # fmt: skip


def _diff(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Compare two cycles like for like."""
    from foreshore.cycle import trend

    say("comparing")
    return trend.diff(workspace, settings.get("old") or "", settings.get("new") or "", on_note=say)


def _policy(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Say what an edited policy file, or the edited policy of the workspace, would move."""
    from foreshore.cycle import policies as library
    from foreshore.server import policies

    say("counting with both policies")
    return policies.preview(workspace, settings, say) if settings.get("file") else library.diff(workspace, say=say)


def _gate(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Say whether a build may go out, by a report that was brought in."""
    from foreshore.cycle import gating
    from foreshore.server import uploads

    folder = uploads.folder(workspace, str(settings["upload"]))
    asked = gating.Asked(
        stop=str(settings.get("stop") or gating.STOP), where=str(settings.get("where") or ""),
        baseline=str(settings.get("baseline") or ""), source=str(settings.get("source") or ""),
        site=str(settings.get("site") or ""), asset=str(settings.get("asset") or ""),
    )  # fmt: skip
    found = gating.gate(workspace, asked, [folder], on_note=say)
    because = str(settings.get("break_glass") or "")
    return gating.broken_glass(workspace, found, because, str(settings["by"])) if because else found


def _question(workspace: Workspace, settings: Mapping[str, Any], say: Say) -> Any:
    """Answer a question to the attack graph."""
    from foreshore.server import questions

    say("asking the attack graph")
    return questions.answer(workspace, settings)


KINDS: Mapping[str, Kind] = {
    "import": _import,
    "cycle": _cycle,
    "collect": _collect,
    "intel": _intel,
    "report": _report,
    "plan": _plan,
    "what_if": _what_if,
    "diff": _diff,
    "policy": _policy,
    "gate": _gate,
    "question": _question,
}


def run(workspace: Workspace, kind: str, settings: Mapping[str, Any], say: Say) -> Any:
    """Do a job and return what its verb prints as JSON."""
    if kind not in KINDS:
        raise UsageError(f"“{kind}” is no kind of job", hint=", ".join(KINDS))
    return KINDS[kind](workspace, settings, say)


def over(workspace: Workspace, kind: str, settings: Mapping[str, Any]) -> None:
    """Remove what a job read and nobody needs any more; only after its end is noted, so that it can begin again."""
    if kind in ("import", "gate") and settings.get("upload"):
        from foreshore.server import uploads

        try:
            uploads.remove(uploads.folder(workspace, str(settings["upload"])))
        except UsageError:
            return  # removed already
