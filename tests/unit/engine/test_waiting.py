"""A call that waits leaves the engine to those who work for it."""

import threading

import pytest

from postroad.engine.blocking import BlockingDriver
from postroad.journal.interface import Done
from postroad.limits import KEEPER_IDLE_S
from postroad.model.commands import DeclareQueue, Publish
from postroad.model.policy import QueueSettings


def test_who_waits_for_anothers_write_leaves_what_is_due_to_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    driver = BlockingDriver(None)
    driver.ask(DeclareQueue("mail", QueueSettings(delay_ms=500)))
    driver.ask(Publish(("mail",), [b"due before a waiting call looks again"]))
    second = threading.Thread(target=driver.ask, args=(Publish(("mail",), [b"second"]),))
    append = driver.engine.journal.append
    waits_s: list[float | None] = []
    waits = threading.Event()

    class Bell(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if threading.current_thread() is second:
                waits_s.append(timeout)
                waits.set()
            return super().wait(timeout)

    def while_a_second_call_comes(group: bytes, done: Done) -> None:
        if second.ident is None:
            second.start()
            assert waits.wait(10)
        append(group, done)

    with monkeypatch.context() as patch:
        patch.setattr("postroad.engine.blocking.threading.Event", Bell)
        patch.setattr(driver.engine.journal, "append", while_a_second_call_comes)
        driver.ask(Publish(("mail",), [b"first"]))
        second.join(10)
    assert not second.is_alive()
    assert waits_s[0] == KEEPER_IDLE_S
    driver.close()
