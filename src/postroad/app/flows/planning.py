"""Plans from tasks: which argument of a step comes from where.

It stands between tasks and the plan of a flow. The rule kept here: what a step cannot take is said
when the plan is made, with the name of its task.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from postroad.app.bodies import Parameter, encoded
from postroad.app.flows.plan import BYTES, JSON, NAMED, NOTHING, TEXT, Step
from postroad.model.value import value

if TYPE_CHECKING:
    from postroad.app.worker import Worker

Source = str | list[str]
"""Where an argument comes from: the result of a step, or a list of those of several."""

_FORMS: Final = {str: TEXT, bytes: BYTES}


@value
class Planned:
    """A step to be: its task, what it takes first, and further arguments."""

    worker: "Worker[Any, Any]"
    sources: Sequence[Source]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] | None = None


def step_of(planned: Planned, after: Sequence[str], wait_ms: int = 0) -> Step:
    """The step as it is kept. Raises `TypeError` where its task does not take these arguments."""
    worker = planned.worker
    sent = worker.codec.sent
    # A task without parameters waits for others and takes nothing from them.
    sources = planned.sources if sent or planned.args else ()
    names = [one.name for one in sent]
    count = len(sources) + len(planned.args)
    if count > len(names):
        raise TypeError(
            f"`{worker.name}` is given {count} arguments, and takes {len(names)}: {_listed(names)}"
        )
    takes = dict(zip(names, sources, strict=False))
    given = {
        **dict(zip(names[len(takes) :], planned.args, strict=False)),
        **_by_name(planned, names, takes),
    }
    _check_complete(worker.name, sent, {*takes, *given})
    raw = {
        name: msgspec.Raw(encoded(one, f"`{name}` of `{worker.name}`"))
        for name, one in given.items()
    }
    return Step(worker.queue, list(after), takes, raw, _form(sent, {*takes, *given}), wait_ms)


def check_calls(planned: Planned) -> None:
    """Raise `TypeError` where a task that takes nothing of others does not take its arguments."""
    planned.worker.codec.encode(planned.args, planned.kwargs or {})


def _by_name(
    planned: Planned, names: Sequence[str], takes: Mapping[str, Source]
) -> Mapping[str, Any]:
    kwargs = planned.kwargs or {}
    positional = set(names[: len(takes) + len(planned.args)])
    for name in kwargs:
        if name not in names:
            raise TypeError(f"`{planned.worker.name}` takes no `{name}`")
        if name in positional:
            raise TypeError(f"`{planned.worker.name}` is given `{name}` twice")
    return kwargs


def _check_complete(task: str, sent: Sequence[Parameter], given: set[str]) -> None:
    missing = [
        one.name for one in sent if one.name not in given and one.default is inspect.Parameter.empty
    ]
    if missing:
        raise TypeError(f"`{task}` also takes {_listed(missing)}, which nothing gives")


def _form(sent: Sequence[Parameter], given: set[str]) -> str:
    if len(sent) > 1:
        return NAMED
    if not given:
        return NOTHING
    return _FORMS.get(sent[0].annotation, JSON)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
