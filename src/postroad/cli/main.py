"""The command line's entry: all commands in one tree, and the last stop of every error.

It stands above all other modules. The rule kept here: exit code 0 is success, 1 a failure told in
one line, 2 a mistake in how the command was called.
"""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from postroad import COMPILED, __version__
from postroad.cli import (
    bench,
    check,
    flows,
    messages,
    moves,
    plan,
    pushes,
    queues,
    replay,
    schedules,
    serve,
    work,
)
from postroad.errors import PostroadError
from postroad.server.config import BadConfig

app = typer.Typer(
    name="postroad",
    help="A durable message broker that speaks the protocols you already use.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
serve.add_to(app)
app.command()(work.work)
app.command()(replay.replay)
queues.app.command()(moves.move)
queues.app.command("put-back")(moves.put_back)
app.add_typer(queues.app, name="queue")
app.add_typer(schedules.app, name="schedule")
app.add_typer(pushes.app, name="push")
app.add_typer(flows.app, name="flow")
messages.add_to(app)
check.add_to(app)
bench.add_to(app)
app.command()(plan.plan)


def version_line() -> str:
    """Return the version and which variant of the hot modules is loaded."""
    return f"postroad {__version__} ({'compiled' if COMPILED else 'pure Python'})"


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version_line())
        raise typer.Exit


VersionOption = Annotated[
    bool,
    typer.Option(
        "--version",
        is_eager=True,
        callback=_tell_version,
        help="Show the version and the variant, then end.",
    ),
]


@app.callback()
def _whole(version: VersionOption = False) -> None:
    assert not version


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors are told on the error output."""
    try:
        code = app(args=list(arguments), prog_name="postroad", standalone_mode=False)
    except BadConfig as error:
        return _tell(str(error), 2)
    except PostroadError as error:
        return _tell(str(error), 1)
    except BrokenPipeError:
        # The reader of our output left; a second complaint while flushing helps nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        # Usage errors of typer, by whichever class its version has for them.
        told = getattr(error, "format_message", None)
        if told is not None and type(error).__name__ == "NoArgsIsHelpError":
            print(told())  # the whole help, in its own lines
            return 2
        if told is not None:
            return _tell(f"{told()} See `postroad --help`.", 2)
        if isinstance(error, typer.Abort):
            return _tell("stopped", 130)
        raise
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


def _tell(line: str, code: int) -> int:
    print(f"postroad: {' '.join(line.split())}", file=sys.stderr)
    return code
