"""What a close waits for, and what it leaves for the next start."""

from postroad.engine.jobs import Load
from postroad.engine.settings import EngineSettings
from postroad.limits import MOVE_MESSAGES_MAX
from postroad.model import commands as asks
from postroad.model.ask import Ask
from postroad.model.replies import Received
from tests.unit.engine.rooms import Room

MOVES = 20


def test_a_background_move_is_left_for_the_next_start() -> None:
    room = Room()
    for name in ("mail", "later"):
        room.ask(asks.DeclareQueue(name))
    for _ in range(MOVES):
        room.ask(asks.Publish(("mail",), [b"hello"] * MOVE_MESSAGES_MAX))
    room.engine.submit(Ask(room.caller, 0, asks.StartMoveTask("mail", "later")))
    jobs = room.engine.turn(room.now_ms)
    room.engine.keeper.close()
    for job in jobs:
        room.engine.finished(job, job.run())
    room.rest()
    assert room.engine.keeper.saved()
    assert room.engine.idle()
    assert room.ask(asks.DescribeQueue("mail")).ready > (MOVES - 3) * MOVE_MESSAGES_MAX
    room.start()
    room.rest()
    assert room.ask(asks.DescribeQueue("later")).ready == MOVES * MOVE_MESSAGES_MAX


def test_an_engine_is_not_idle_before_an_answer_has_its_bodies() -> None:
    room = Room(EngineSettings(cache_bytes=8_192))
    room.ask(asks.DeclareQueue("mail"))
    for turn in range(12):
        room.ask(asks.Publish(("mail",), [b"%d " % turn * 1_000]))
    room.engine.submit(Ask(room.caller, 0, asks.Receive("mail", 1, 60_000, 0)))
    jobs = room.engine.turn(room.now_ms + 1_000)
    assert [type(job) for job in jobs if isinstance(job, Load)] == [Load]
    for job in sorted(jobs, key=lambda job: isinstance(job, Load)):
        assert not room.engine.idle()
        room.engine.finished(job, job.run())
    room.rest(2_000)
    assert room.engine.idle()
    assert isinstance(room.said[-1], Received)
