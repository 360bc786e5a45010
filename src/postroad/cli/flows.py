"""`postroad flow`: flows of workflows, and what they wait for.

It stands over a broker: an open data directory, or the server that holds it. The rule kept here: it
knows no program's workflows, but what is in the broker.
"""

from pathlib import Path
from typing import Annotated

import typer

from postroad.api.broker import Broker
from postroad.app.flows.joins import rejecting
from postroad.app.flows.names import FLOWS
from postroad.app.flows.seen import FlowInfo, Waiting, all_waits, found_flow, open_flows
from postroad.cli.directory import NoDirectory
from postroad.cli.durations import instant_text
from postroad.cli.options import DEFAULT_DATA, DataOption, JsonOption, YesOption
from postroad.cli.output import print_json, print_table
from postroad.errors import KeyNotFound
from postroad.limits import FLOWS_READ_MAX

app = typer.Typer(
    help="See flows of workflows, and end them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Workflow = Annotated[str, typer.Argument(metavar="WORKFLOW", help="The name of the workflow.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="The id of the flow.")]


@app.command("list")
def list_workflows(data: DataOption = DEFAULT_DATA, as_json: JsonOption = False) -> None:
    """List the workflows that have open flows, and how many."""
    with _broker(data) as broker:
        flows = broker.kv(FLOWS)
        found = {name.decode(): flows.score_count(name) for name in sorted(flows.keys())}
    if as_json:
        print_json([{"workflow": name, "open": count} for name, count in found.items()])
        return
    print_table(("workflow", "open"), list(found.items()))


@app.command()
def waiting(
    workflow: Workflow, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False
) -> None:
    """List what waits for what, and since when, those first that have waited longest."""
    with _broker(data) as broker:
        found = all_waits(broker.do(open_flows(workflow, FLOWS_READ_MAX)))
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    columns = ("id", "step", "has", "lacks", "since")
    print_table(columns, [_row(one) for one in found])


@app.command()
def show(
    workflow: Workflow, id: Id, data: DataOption = DEFAULT_DATA, as_json: JsonOption = False
) -> None:
    """Tell of one flow, also for a day after its end."""
    with _broker(data) as broker:
        found = broker.do(found_flow(workflow, id))
    if found is None:
        raise KeyNotFound(f"workflow `{workflow}` has no flow `{id}`, or none any more")
    if as_json:
        waits = [_as_json(one) for one in found.waiting]
        print_json({**_of_flow(found), "waiting": waits})
        return
    print_table(("flow", found.id), [(name, str(told)) for name, told in _told(found)])


@app.command()
def reject(
    workflow: Workflow,
    id: Id,
    reason: Annotated[str, typer.Argument(metavar="REASON", help="What is told of it.")],
    yes: YesOption = False,
    data: DataOption = DEFAULT_DATA,
) -> None:
    """End a flow as if a step had failed."""
    if not yes:
        typer.confirm(f"reject flow `{id}` of workflow `{workflow}`?", abort=True, err=True)
    with _broker(data) as broker:
        done = broker.do(rejecting(broker.later, workflow, id, reason))
    if not done:
        raise KeyNotFound(f"workflow `{workflow}` has no open flow `{id}`")
    print(f"told: {id}")


def _broker(data: Path) -> Broker:
    if not data.is_dir():
        raise NoDirectory(f"there is no data directory `{data}`; name one with --data DIR")
    return Broker.open(data)


def _row(one: Waiting) -> tuple[object, ...]:
    has, lacks = ", ".join(one.has), ", ".join(one.lacks)
    return one.id, one.step, has or "-", lacks, instant_text(one.since_ms)


def _as_json(one: Waiting) -> dict[str, object]:
    return {
        "id": one.id,
        "step": one.step,
        "has": one.has,
        "lacks": one.lacks,
        "since_ms": one.since_ms,
    }


def _of_flow(found: FlowInfo) -> dict[str, object]:
    return {
        "id": found.id,
        "state": found.state,
        "since_ms": found.since_ms,
        "ended_ms": found.ended_ms,
        "step": found.step,
        "reason": found.reason,
        "done": found.done,
        "begun": found.begun,
    }


def _told(found: FlowInfo) -> list[tuple[str, str]]:
    """What is told of a flow, a line each."""
    told = [("state", found.state), ("since", instant_text(found.since_ms))]
    if found.ended_ms:
        told.append(("ended", instant_text(found.ended_ms)))
    if found.reason:
        told.extend([("blamed", found.step or "-"), ("reason", found.reason)])
    told.extend([(f"done: {name}", instant_text(at_ms)) for name, at_ms in found.done.items()])
    told.extend([(f"begun: {name}", instant_text(at_ms)) for name, at_ms in found.begun.items()])
    told.extend([(f"waiting: {one.step}", ", ".join(one.lacks)) for one in found.waiting])
    return told
