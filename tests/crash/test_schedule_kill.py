"""A server is killed while schedules fire: no slot comes twice, and none is missing that its
settings do not give up."""

from pathlib import Path

from postroad import Broker
from postroad.limits import SCHEDULE_MISSED_MAX
from tests.crash.chance import Chance, by_seed, count
from tests.crash.crew import Crew

EVERY_MS = count(20, 10)
KILLS = count(2, 10)

Tick = tuple[int, int]
"""A slot, and when its message was published."""


@by_seed
def test_each_slot_comes_once_however_often_the_server_is_killed(tmp_path: Path, seed: int) -> None:
    chance = Chance(seed, "schedules")
    first_ms: dict[str, int] = {}
    with Crew(tmp_path, chance) as crew, Broker.connect(crew.socket) as broker:
        broker.declare("ticks")
        for name, missed in (("all", "all"), ("one", "one")):
            made = broker.schedule(name, queue="ticks", every=EVERY_MS, missed=missed)
            first_ms[name] = made.next_ms
        broker.schedule("cron", queue="ticks", cron="* * * * * *", missed="all")
        for _ in range(KILLS):
            more(broker, chance, chance.randrange(100))
            crew.kill_broker()
        more(broker, chance, 50)
        infos = {one.name: one for one in broker.schedules()}
        slots = slots_of(broker)
        assert {name: len(found) for name, found in slots.items()}.keys() == infos.keys()
    for name, ticks in slots.items():
        found = [slot for slot, _ in ticks]
        assert found == sorted(set(found)), f"{name}: a slot came twice, or before an older one"
        assert len(found) >= infos[name].fired, "what was counted is there"
    assert left_out(slots["all"], first_ms["all"] - EVERY_MS, EVERY_MS) == []
    assert left_out(slots["cron"], slots["cron"][0][0] - 1_000, 1_000) == []
    assert slots["one"][0][0] >= first_ms["one"]
    assert all(slot % EVERY_MS == 0 for slot, _ in slots["one"])
    assert infos["one"].passed > 0, "the server was away for several slots"


def more(broker: Broker, chance: Chance, messages: int) -> None:
    """Wait until so many more messages are there."""
    chance.wait_past(lambda: ready(broker), ready(broker) + messages)


def ready(broker: Broker) -> int:
    """How many messages are there."""
    return broker.describe("ticks").ready


def left_out(ticks: list[Tick], before: int, every_ms: int) -> list[int]:
    """The slots before which some are missing, though no more were due at once than may be."""
    found = []
    for slot, published_ms in ticks:
        together = sum(one[1] == published_ms for one in ticks)
        if slot != before + every_ms and together < SCHEDULE_MISSED_MAX:
            found.append(slot)
        before = slot
    return found


def slots_of(broker: Broker) -> dict[str, list[Tick]]:
    """The slots of all messages, by schedule, in the order they were published."""
    found: dict[str, list[Tick]] = {}
    at = 0
    while page := broker.peek("ticks", at, 1_000):
        for one in page:
            slot = one.message.headers["postroad-slot"]
            assert isinstance(slot, int)
            name = str(one.message.headers["postroad-schedule"])
            found.setdefault(name, []).append((slot, one.message.published_ms))
        at = page[-1].message.offset + 1
    return found
