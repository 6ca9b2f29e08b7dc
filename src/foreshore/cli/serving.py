"""The verb that starts the web application, API and jobs: serve."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from foreshore.cli.shared import WorkspaceOption, open_workspace, say
from foreshore.errors import UsageError

PARTS = {"all": ("web", "worker"), "web": ("web",), "worker": ("worker",)}


def register(app: typer.Typer) -> None:
    """Add the verbs of this module."""
    app.command()(serve)


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; loopback unless you say otherwise.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=1, max=65535)] = 8000,
    part: Annotated[str, typer.Option(help="all, or one of web and worker on a host of its own.")] = "all",
    name: Annotated[
        list[str] | None, typer.Option(help="A host name by which people call it. May be repeated.")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Serve the pages, the API and the jobs of a workspace until you stop it.

    Example: foreshore serve --port 8000
    """
    opened = open_workspace(workspace)
    if part not in PARTS:
        raise UsageError(f"“{part}” is no part of the service", where="--part", hint=", ".join(PARTS))
    hosts = ["localhost", "127.0.0.1", "[::1]", *([host] if host not in ("0.0.0.0", "::") else []), *(name or [])]  # noqa: S104
    environment = {
        "FORESHORE_WORKSPACE": str(opened.root), "FORESHORE_HOST": host, "FORESHORE_PORT": str(port),
        "FORESHORE_HOSTS": os.environ.get("FORESHORE_HOSTS", "") or ",".join(dict.fromkeys(hosts)),
    }  # fmt: skip
    os.environ.update(environment)
    from foreshore.server import start
    from foreshore.server.jobs import supervisor

    start.setup()
    start.migrate()
    address = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0', '::') else host}:{port}"  # noqa: S104
    if "web" in PARTS[part]:
        if link := start.first_run(address):
            say(f"First run: open {link} to make the first administrator's account (once, within a day).")
        say(f"Foreshore serves {opened.root} at {address} (stop with Ctrl-C)")
    supervisor.keep(PARTS[part], environment, say)
