"""A call that is interrupted in the middle of its work leaves nobody waiting."""

from collections.abc import Callable
from contextlib import suppress

import pytest

import postroad
from postroad.engine.blocking import BlockingDriver
from postroad.errors import JournalFailed
from postroad.journal.interface import Done
from postroad.model.commands import DeclareQueue, DescribeQueue, Publish, Receive
from postroad.model.replies import Described, Received

plain = pytest.mark.skipif(
    postroad.COMPILED, reason="what is compiled has no methods to replace; the plain run shows it"
)


def interrupt(*_: object) -> None:
    """What Ctrl-C does in the main thread, wherever it is."""
    raise KeyboardInterrupt


def while_it_writes(driver: BlockingDriver, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(driver.engine.journal, "append", interrupt)


def once_it_wrote(driver: BlockingDriver, patch: pytest.MonkeyPatch) -> None:
    append = driver.engine.journal.append

    def append_then_interrupt(group: bytes, done: Done) -> None:
        append(group, done)
        interrupt()

    patch.setattr(driver.engine.journal, "append", append_then_interrupt)


def in_the_middle_of_a_turn(driver: BlockingDriver, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(driver.clock, "now_ms", interrupt)


@pytest.mark.parametrize("moment", [while_it_writes, once_it_wrote, in_the_middle_of_a_turn])
def test_after_an_interrupted_write_calls_fail_and_a_close_ends(
    moment: Callable[[BlockingDriver, pytest.MonkeyPatch], None],
) -> None:
    driver = BlockingDriver(None)
    driver.ask(DeclareQueue("mail"))
    with pytest.MonkeyPatch.context() as patch:
        moment(driver, patch)
        with pytest.raises(KeyboardInterrupt):
            driver.ask(Publish(("mail",), [b"hello"]))
    with pytest.raises(JournalFailed, match="open it again"):
        driver.ask(Publish(("mail",), [b"hello"]))
    driver.close()


@plain
def test_an_interrupt_while_waiting_for_messages_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = BlockingDriver(None)
    driver.ask(DeclareQueue("mail"))
    with monkeypatch.context() as patch:
        patch.setattr(driver, "_wait", interrupt)
        with pytest.raises(KeyboardInterrupt):
            driver.ask(Receive("mail", wait_ms=60_000))
    driver.ask(Publish(("mail",), [b"hello"]))
    described = driver.ask(DescribeQueue("mail"))
    assert isinstance(described, Described)
    assert (described.ready, described.leased) == (1, 0)
    driver.close()


@plain
def test_an_interrupt_once_the_answer_is_there_gives_back_what_it_leased(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = BlockingDriver(None)
    driver.ask(DeclareQueue("mail"))
    driver.ask(Publish(("mail",), [b"hello"]))
    with monkeypatch.context() as patch:
        patch.setattr(driver, "_carry_on", interrupt)
        with pytest.raises(KeyboardInterrupt):
            driver.ask(Receive("mail"))
    received = driver.ask(Receive("mail"))
    assert isinstance(received, Received)
    assert [one.delivery_count for one in received.messages] == [1]
    driver.close()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_where_no_thread_can_be_started_calls_go_on_and_a_close_ends(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = BlockingDriver(None)

    def fail(_thread: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr("threading.Thread.start", fail)
        with suppress(KeyboardInterrupt):
            driver.ask(DeclareQueue("mail"))
        with suppress(KeyboardInterrupt):
            driver.ask(Publish(("mail",), [b"hello"]))
        with suppress(KeyboardInterrupt):
            driver.ask(Receive("mail", lease_ms=1))
    assert isinstance(driver.ask(DescribeQueue("mail")), Described)
    driver.close()
