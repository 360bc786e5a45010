"""`postroad work`: run the workers of an app until told to stop.

It stands over the app. The rule kept here: the module is imported once per process, and only in
those that work.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

AppArgument = Annotated[str, typer.Argument(metavar="MODULE:APP", help="Where the app is.")]
QueuesOption = Annotated[
    str | None, typer.Option("--queues", metavar="A,B", help="Only the workers of these queues.")
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


def work(
    target: AppArgument,
    queues: QueuesOption = None,
    concurrency: ConcurrencyOption = None,
    processes: ProcessesOption = 1,
    reload: ReloadOption = False,
    stop_s: StopOption = 30.0,
) -> None:
    """Run the workers of an app until a signal stops them: what runs comes to its end first."""
    from postroad.app.process import Family, app_of, child_command, work_here

    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if processes > 1 or reload:
        arguments = [target, "--stop-s", str(stop_s)]
        arguments += ["--queues", queues] if queues else []
        arguments += ["--concurrency", str(concurrency)] if concurrency else []
        family = Family(child_command(arguments), processes)
        code = family.run(Path.cwd() if reload else None)
        if code:
            raise typer.Exit(code)
        return
    app = app_of(target)
    if concurrency is not None:
        for worker in app.workers.values():
            worker.options = replace(worker.options, concurrency=concurrency)
    named = [name.strip() for name in queues.split(",")] if queues else None
    work_here(app, named, stop_s, typer.echo)
