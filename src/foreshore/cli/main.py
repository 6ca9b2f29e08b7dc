"""The command `foreshore`: its verbs, and the one place where errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys

import typer

from foreshore.cli import (
    asking,
    backtesting,
    collecting,
    deciding,
    gating,
    intelligence,
    keeping,
    knowing,
    planning,
    policies,
    reading,
    running,
    serving,
    setup,
    supposing,
    ways,
)
from foreshore.errors import ForeshoreError

app = typer.Typer(
    name="foreshore",
    help="Show the few places where an organisation is really exposed, prove them, and get them closed.",
    epilog="Begin with: foreshore demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for module in (
    setup,
    collecting,
    running,
    serving,
    keeping,
    intelligence,
    reading,
    knowing,
    asking,
    planning,
    ways,
    backtesting,
    deciding,
    gating,
    policies,
    supposing,
):
    module.register(app)


def main() -> None:
    """Run the command line; an error is one sentence on stderr and an exit code, never a traceback."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    try:
        app()
    except ForeshoreError as error:
        typer.echo(f"foreshore: {error.sentence()}", err=True)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        typer.echo("foreshore: stopped; nothing half done is kept", err=True)
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
    except Exception as error:
        if os.environ.get("FORESHORE_DEBUG"):
            raise
        typer.echo(f"foreshore: {unforeseen(error)}", err=True)
        raise SystemExit(1) from None


def unforeseen(error: Exception) -> str:
    """Return one sentence about an error that nobody thought of: our mistake, unless the system refused."""
    if isinstance(error, OSError):
        return f"the system refused: {error}"
    first = (str(error).splitlines() or [""])[0][:300]
    return (
        f"something unforeseen happened ({type(error).__name__}: {first}); this is a mistake of the program. "
        "Try: set FORESHORE_DEBUG=1 to see where, and report it"
    )


if __name__ == "__main__":
    main()
