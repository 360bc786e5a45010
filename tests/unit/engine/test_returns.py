"""What a crash may forget of a message's deliveries: one, and never two."""

from postroad.model import commands as asks
from postroad.model.ask import Ask
from postroad.model.replies import Received
from tests.unit.engine.rooms import Room


def test_a_message_goes_out_again_only_once_its_last_return_is_durable() -> None:
    room = Room()
    room.ask(asks.DeclareQueue("mail"))
    room.ask(asks.Publish(("mail",), [b"hello"]))
    received = room.ask(asks.Receive("mail", 1, 0, 0))
    assert isinstance(received, Received)
    assert received.messages[0].delivery_count == 1
    said = len(room.said)
    room.now_ms += 1
    jobs = room.engine.turn(room.now_ms)
    room.engine.submit(Ask(room.caller, 99, asks.Receive("mail", 1, 0, 0)))
    jobs += room.engine.turn(room.now_ms)
    assert len(room.said) == said, "the return is not durable yet"
    for job in jobs:
        room.engine.finished(job, job.run())
    room.rest()
    again = room.said[-1]
    assert isinstance(again, Received)
    assert again.messages[0].delivery_count == 2
