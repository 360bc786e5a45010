"""`postroad serve`: run a server until it is told to stop.

It stands over the table of settings. The rule kept here: the options are the rows of that table, so
that no setting can be forgotten here.
"""

import inspect
import os
from pathlib import Path
from typing import Annotated

import typer

from postroad.server.config import CONFIG_ENV, SETTINGS, Setting, load

TEXT = """Run the broker on a data directory until a signal stops it.

Each option can also be set in a TOML file (--config) or in the environment; the command line beats
the environment, which beats the file."""


def serve(**options: str | None) -> None:
    """Run the broker; the options are those of `signature`."""
    from postroad.server.run import run

    config = options.pop("config")
    settings = load(options, os.environ, Path(config) if config else None)
    run(settings, typer.echo)


def signature() -> inspect.Signature:
    """Return the options of `serve`, made from the table of settings."""
    keyword = inspect.Parameter.KEYWORD_ONLY
    data = typer.Argument(metavar="DIR", help=_help(SETTINGS[0]), show_default=False)
    config = typer.Option(
        "--config", metavar="FILE", help=f"Settings as a TOML file ({CONFIG_ENV})."
    )
    shapes = [("data", Annotated[str | None, data]), ("config", Annotated[str | None, config])]
    shapes.extend((one.name, Annotated[str | None, _option(one)]) for one in SETTINGS if one.flag)
    return inspect.Signature(
        [inspect.Parameter(name, keyword, default=None, annotation=one) for name, one in shapes]
    )


def add_to(app: typer.Typer) -> None:
    """Add the command."""
    # Typer reads a function's signature; ours is made from the table instead of written twice.
    serve.__signature__ = signature()  # type: ignore[attr-defined]
    app.command("serve", help=TEXT)(serve)


def _option(setting: Setting) -> object:
    return typer.Option(setting.option, metavar=setting.form, help=_help(setting))


def _help(setting: Setting) -> str:
    default = f" [default: {setting.default}]" if setting.default is not None else ""
    return f"{setting.text} ({setting.env}){default}"
