"""Declaring again: whether a queue or exchange that exists is what is asked for.

It stands beside the declares. The rule kept here: only what AMQP itself has set must agree; what
came by another protocol has the settings it has, and flags and arguments that do not contradict
them are fine.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from postroad.model.policy import QueueSettings
from postroad.protocols.amqp.arguments import (
    ARGUMENTS,
    CLASSIC,
    FIELDS,
    IGNORED,
    shown,
    type_of,
    unpack_arguments,
)
from postroad.protocols.amqp.errors import PRECONDITION_FAILED, ChannelFault

DURABLE: Final = "amqp.durable"
AUTO_DELETE: Final = "amqp.auto-delete"
KEPT_ARGUMENTS: Final = "amqp.arguments"
TYPE_ARGUMENT: Final = "x-queue-type"


def flag(on: bool) -> str:
    """Return a flag as it is kept and shown."""
    return "true" if on else "false"


def compare_flag(name: str, received: str, current: str | None, what: str) -> None:
    """Raise `ChannelFault` unless the two are one; `current` `None`: nobody has said."""
    if current is not None and received != current:
        text = (
            f"inequivalent arg '{name}' for {what}: received '{received}' but current is"
            f" '{current}'"
        )
        raise ChannelFault(PRECONDITION_FAILED, text)


def compare_arguments(
    names: Iterable[str], received: Mapping[str, Any], current: Mapping[str, Any], what: str
) -> None:
    """Raise `ChannelFault` for the first of the named arguments that differs."""
    for name in names:
        new, old = received.get(name), current.get(name)
        if new == old and isinstance(new, bool) == isinstance(old, bool):
            continue
        if new is None or old is None:
            told = f"received {_described(new)} but current is {_described(old)}"
        else:
            told = f"received '{shown(new)}' but current is '{shown(old)}'"
        raise ChannelFault(PRECONDITION_FAILED, f"inequivalent arg '{name}' for {what}: {told}")


def compare_kept(received: Mapping[str, Any], extras: Mapping[str, str], what: str) -> None:
    """Compare with the arguments that a queue or stream was declared with; one of another protocol
    has none. Raises `ChannelFault`."""
    if KEPT_ARGUMENTS not in extras:
        return
    current = {TYPE_ARGUMENT: CLASSIC} | unpack_arguments(extras[KEPT_ARGUMENTS])
    names = [name for name in ARGUMENTS if name not in IGNORED]
    compare_arguments(names, {TYPE_ARGUMENT: CLASSIC, **received}, current, what)


def compare_settings(
    received: Mapping[str, Any], wanted: QueueSettings, current: QueueSettings, what: str
) -> None:
    """Compare the arguments that were given with the settings of a queue that came by another
    protocol. Raises `ChannelFault`."""
    for name in received:
        for field in FIELDS.get(name, ()):
            if getattr(wanted, field) != getattr(current, field):
                told = _described(received[name])
                text = f"inequivalent arg '{name}' for {what}: received {told} but current is none"
                raise ChannelFault(PRECONDITION_FAILED, text)


def _described(given: object) -> str:
    if given is None:
        return "none"
    return f"the value '{shown(given)}' of type '{type_of(given)}'"
