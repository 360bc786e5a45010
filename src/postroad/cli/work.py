"""`postroad work`: run the workers of an app until told to stop.

It stands over the app. The rule kept here: the module is imported once per process, and only in
those that work.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from postroad.telemetry.logs import MessageLogs

AppArgument = Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is.")]
QueuesOption = Annotated[
    str | None,
    typer.Option(
        "--queues",
        metavar="A,B",
        help="Only the workers of these queues, and readers of these groups.",
    ),
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option("--concurrency", min=1, metavar="COUNT", help="Runs at a time, of each worker."),
]
ProcessesOption = Annotated[
    int,
    typer.Option("--processes", min=1, metavar="COUNT", help="So many processes alike."),
]
ReloadOption = Annotated[
    bool, typer.Option("--reload", help="Start anew when a Python file here changed.")
]
StopOption = Annotated[
    float, typer.Option("--stop-s", min=0, metavar="SECONDS", help="Running tasks may end so long.")
]
LogsOption = Annotated[
    str, typer.Option("--logs", metavar="text|json", help="The form of a line of the log.")
]


def work(  # noqa: PLR0913, PLR0917  (one parameter per option)
    target: AppArgument,
    queues: QueuesOption = None,
    concurrency: ConcurrencyOption = None,
    processes: ProcessesOption = 1,
    reload: ReloadOption = False,
    stop_s: StopOption = 30.0,
    logs: LogsOption = "text",
) -> None:
    """Run the workers of an app until a signal stops them: what runs comes to its end first."""
    from postroad.app.process import Family, app_of, child_command, work_here

    if logs not in ("text", "json"):
        raise typer.BadParameter(f"`--logs` is text or json, not `{logs}`")
    named = _log_as(logs)
    if processes > 1 or reload:
        arguments = [target, "--stop-s", str(stop_s), "--logs", logs]
        arguments += ["--queues", queues] if queues else []
        arguments += ["--concurrency", str(concurrency)] if concurrency else []
        family = Family(child_command(arguments), processes)
        code = family.run(Path.cwd() if reload else None)
        if code:
            raise typer.Exit(code)
        return
    app = app_of(target)
    if named is not None:
        app.use(named)
    if concurrency is not None:
        for worker in app.workers.values():
            worker.options = replace(worker.options, concurrency=concurrency)
    chosen = [name.strip() for name in queues.split(",")] if queues else None
    work_here(app, chosen, stop_s, typer.echo)


def _log_as(form: str) -> "MessageLogs | None":
    """Log to the error output; in JSON each line of a task names its message."""
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if form == "text":
        return None
    from postroad.telemetry.logs import JsonLines, MessageLogs

    named = MessageLogs()
    for handler in logging.getLogger().handlers:
        handler.addFilter(named)
        handler.setFormatter(JsonLines())
    return named
