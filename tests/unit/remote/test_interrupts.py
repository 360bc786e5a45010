"""A call that is interrupted wherever it is costs the other threads nothing but the connection."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import postroad
from postroad import Broker
from postroad.protocols.native.client import Client
from postroad.remote.blocking import BlockingRemote
from postroad.testing import LocalServer

WAIT_S = 10

pytestmark = pytest.mark.skipif(
    postroad.COMPILED, reason="what is compiled has no methods to replace; the plain run shows it"
)


@pytest.fixture(scope="module")
def server() -> Iterator[LocalServer]:
    with LocalServer(amqp="off", sqs="off") as started:
        started.broker.declare("q")
        yield started


@pytest.fixture
def broker(server: LocalServer) -> Iterator[Broker]:
    with Broker.connect(server.url, timeout_s=WAIT_S) as connected:
        yield connected


def interrupted_once(step: Callable[..., Any], *, after: bool) -> Callable[..., Any]:
    """The step, interrupted the first time: before it, or when it was done."""
    left = [1]

    def run(*args: Any, **named: Any) -> Any:
        first = bool(left)
        left.clear()
        if first and not after:
            raise KeyboardInterrupt
        result = step(*args, **named)
        if first:
            raise KeyboardInterrupt
        return result

    return run


def answers(broker: Broker) -> bool:
    """Whether a call of another thread gets its reply."""
    replies: list[object] = []
    thread = threading.Thread(target=lambda: replies.append(broker.describe("q")), daemon=True)
    thread.start()
    thread.join(WAIT_S / 2)
    return len(replies) == 1


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("part", "step"),
    [
        ("remote", "_send"),
        ("remote", "_next"),
        ("remote", "_push"),
        ("remote", "_lead"),
        ("remote", "_step"),
        ("remote", "_read"),
        ("client", "collect"),
        ("client", "received"),
        ("client", "tick"),
    ],
)
def test_after_an_interrupt_anywhere_the_others_are_served(
    broker: Broker, part: str, step: str, after: bool
) -> None:
    remote = broker._driver
    assert isinstance(remote, BlockingRemote)
    owner: BlockingRemote | Client = remote if part == "remote" else remote._client
    setattr(owner, step, interrupted_once(getattr(owner, step), after=after))
    with pytest.raises(KeyboardInterrupt):
        broker.describe("q")
    assert answers(broker)


def test_a_thread_that_waits_takes_the_lead_of_one_that_is_interrupted(broker: Broker) -> None:
    remote = broker._driver
    assert isinstance(remote, BlockingRemote)
    lead = remote._lead
    follows = threading.Event()
    follow = remote._follow
    replies: list[object] = []

    def told(call: Any) -> None:
        follow(call)
        follows.set()

    def interrupted(call: Any) -> None:
        other = threading.Thread(target=lambda: replies.append(broker.describe("q")), daemon=True)
        remote._lead = lead  # type: ignore[method-assign]
        other.start()
        assert follows.wait(WAIT_S)
        others.append(other)
        raise KeyboardInterrupt

    others: list[threading.Thread] = []
    remote._follow = told  # type: ignore[method-assign]
    remote._lead = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        broker.describe("q")
    others[0].join(WAIT_S / 2)
    assert len(replies) == 1
