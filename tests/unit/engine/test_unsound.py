"""Whatever a caller asks is answered, and what is journaled can be read back."""

import dataclasses
from typing import Any

import pytest

from postroad.core.codec import decode_group
from postroad.engine.blocking import BlockingDriver
from postroad.journal.envelope import DATA, unpack
from postroad.model import commands as c
from postroad.model.policy import QueueSettings, RetryPolicy
from postroad.model.replies import Done, Received, Refused, Why


def any_of(one: object) -> Any:
    """What no type checker would let pass."""
    return one


NASTY: list[Any] = [
    None, True, -1, 0, 2.5, float("nan"), 2**64, -(10**30), "", "x", "\ud800", b"x", object(),
    [], {}, (), [1], [-1], [2.5], [2**64], [None], ["mail"], ["\ud800"], [b"x"], [[]], ([],),
    [bytearray(b"x")], [memoryview(b"12345678").cast("I")], range(3),
    {"a": 1}, {1: "a"}, {"a": "\ud800"},
    {"a": None}, QueueSettings(lease_ms=any_of(2.5)), QueueSettings(length_max=any_of(True)),
    QueueSettings(dead_letter_queue="\ud800"), QueueSettings(retry=any_of(None)),
    QueueSettings(retry=RetryPolicy(delay_ms=any_of(2.5))), QueueSettings(overflow=any_of([])),
]  # fmt: skip

SOUND: dict[type, dict[str, Any]] = {
    c.DeclareQueue: {"name": "other"},
    c.ChangeQueue: {"name": "mail"},
    c.DeleteQueue: {"name": "void"},
    c.PurgeQueue: {"name": "void"},
    c.DescribeQueue: {"name": "mail"},
    c.ListQueues: {},
    c.Publish: {"queues": ("mail",), "bodies": [b"x"]},
    c.Receive: {"queue": "void", "wait_ms": 0},
    c.Pop: {"queue": "void", "wait_ms": 0},
    c.Attach: {"queue": "void", "consumer": 1, "credit": 0},
    c.GrantCredit: {"consumer": 1, "credit": 1},
    c.Detach: {"consumer": 1},
    c.Settle: {"queue": "mail", "outcome": c.RETRY},
    c.Extend: {"queue": "mail", "lease_ms": 5},
    c.Peek: {"queue": "mail"},
    c.Move: {"source": "mail", "target": "void"},
    c.StartMoveTask: {"source": "mail", "target": "void"},
    c.CancelMoveTask: {"task": 1},
    c.ListMoveTasks: {"source": "mail"},
}


def payloads(driver: BlockingDriver) -> list[bytes]:
    journal = driver.engine.journal
    envelopes = [unpack(frame) for _, frame in journal.read(*journal.bounds())]
    return [one.payload for one in envelopes if one.kind == DATA]


def prepared() -> tuple[BlockingDriver, dict[str, Any]]:
    """A broker with some messages, one of them leased: the columns that settle it."""
    driver = BlockingDriver(None)
    for name in ("mail", "void"):
        driver.ask(c.DeclareQueue(name))
    driver.ask(c.Publish(("mail",), [b"1", b"2", b"3"]))
    received = driver.ask(c.Receive("mail"))
    assert isinstance(received, Received)
    one = received.messages[0]
    return driver, {"offsets": [one.offset], "leases": [one.lease], "counts": [1]}


@pytest.mark.parametrize("kind", SOUND, ids=lambda kind: kind.__name__)
def test_a_command_of_any_nonsense_is_answered_and_leaves_the_broker_and_its_journal_well(
    kind: type,
) -> None:
    driver, columns = prepared()
    names = [field.name for field in dataclasses.fields(kind)]
    fields = SOUND[kind] | {name: columns[name] for name in names if name in columns}
    for name in names:
        for one in NASTY:
            if name != "wait_ms" or one != 2**64:
                driver.ask(kind(**(fields | {name: one})))
    for payload in payloads(driver):
        decode_group(payload)
    driver.ask(c.DeclareQueue("mail"))
    assert not isinstance(driver.ask(c.Publish(("mail",), [b"4"])), Refused)
    driver.close()


def test_what_is_no_command_is_refused() -> None:
    driver, _ = prepared()
    reply = driver.ask(any_of(object()))
    assert reply == Refused(Why.BAD_COMMAND, "`object` is no command")
    driver.close()


def test_a_refusal_says_which_field_is_wrong_and_why() -> None:
    driver, _ = prepared()
    wrong: list[tuple[Any, str]] = [
        (c.Receive("mail", any_of("5")), "`count` is a whole number, not str"),
        (c.Publish(("mail",), [any_of(5)]), "each of `bodies` is bytes, not int"),
        (c.Settle("mail", [any_of("a")], [1], [1]), "each of `offsets` is a whole number, not str"),
    ]
    for command, text in wrong:
        assert driver.ask(command) == Refused(Why.BAD_COMMAND, text)
    assert isinstance(driver.ask(c.ChangeQueue("mail", labels={"a": None, "b": "c"})), Done)
    driver.close()
