"""What one command of a step publishes the next may take, bodies and all."""

from postroad import Broker
from postroad.model.batch import Asking, Batch, BatchDone, Run, RunDone
from postroad.model.commands import Pop, Publish
from postroad.model.lists import ListItems, ListMove, ListPop, ListPush, ListRange
from postroad.model.message import Delivery
from postroad.model.replies import Received


def bodies_in(reply: object) -> list[bytes]:
    assert isinstance(reply, Received | ListItems), reply
    messages: list[Delivery] = list(reply.messages)
    return [message.body for message in messages]


def test_a_batch_pops_what_it_published() -> None:
    with Broker.open(None) as broker:
        broker.declare("q")
        done = broker.driver.ask(Batch([Publish(("q",), [b"a", b"b"]), Pop("q", 5, 0)]))
        assert isinstance(done, BatchDone)
        assert bodies_in(done.replies[1]) == [b"a", b"b"]
        done = broker.driver.ask(
            Batch([ListPush("l", "left", [b"c", b"d"]), ListPop(("l",), "left", 5)])
        )
        assert isinstance(done, BatchDone)
        assert bodies_in(done.replies[1]) == [b"d", b"c"]
        assert broker.queues() == ["q"], "the list is gone again"
        broker.publish("q", b"e")
        assert [one.body for one in broker.pop("q")] == [b"e"], "the broker lives on"


def test_a_program_gets_the_messages_of_lists_with_their_bodies() -> None:
    def program(tx: Asking) -> list[bytes]:
        tx.ask(ListPush("l", "left", [b"a", b"b", b"c"]))
        popped = bodies_in(tx.ask(ListPop(("l",), "right", wait_ms=60_000)))
        tx.ask(ListMove("l", "m", "left", "left"))
        assert not bodies_in(tx.ask(ListPop(("k",), "left", wait_ms=60_000)))
        return [*popped, *bodies_in(tx.ask(ListRange("l"))), *bodies_in(tx.ask(ListRange("m")))]

    with Broker.open(None) as broker:
        done = broker.driver.ask(Run(program))
        assert isinstance(done, RunDone), done
        assert done.result == [b"a", b"b", b"c"]
