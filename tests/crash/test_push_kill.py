"""A server is killed while it pushes: each message arrives, and none is acked without a 2xx."""

from pathlib import Path

from postroad import Broker, RetryPolicy
from tests.compat.processes import until
from tests.crash.chance import WITHIN_MS, Chance, by_seed, count
from tests.crash.crew import Crew
from tests.unit.net.hooks import Hook, hooked

COUNT = count(200, 2_000)
KILLS = count(2, 8)


def answered(number: int) -> int:
    """Each third request fails."""
    return 503 if number % 3 == 0 else 200


@by_seed
def test_each_message_arrives_though_the_server_is_killed_while_it_pushes(
    tmp_path: Path, seed: int
) -> None:
    chance = Chance(seed, "pushes")
    bodies = [b"%d" % number for number in range(COUNT)]
    with hooked() as hook, Crew(tmp_path, chance) as crew:
        hook.answer = answered
        with Broker.connect(crew.socket) as broker:
            broker.declare("orders", retry=RetryPolicy("fixed", 5))
            broker.publish_many("orders", bodies)
            broker.push("orders", hook.url, concurrency=2)
            for point in chance.points(KILLS, COUNT):
                chance.wait_past(lambda: len(hook.posts), point)
                crew.kill_broker()
                held_to_its_word(broker, hook)
            assert until(lambda: settled(broker), WITHIN_MS)
            held_to_its_word(broker, hook)
        taken = taken_by(hook)
    assert taken == set(bodies), "a message is lost, or was acked without a 2xx"


def settled(broker: Broker) -> bool:
    """Whether the queue is empty."""
    found = broker.describe("orders")
    return not found.ready + found.delayed + found.leased + found.dead


def taken_by(hook: Hook) -> set[bytes]:
    """The bodies that were answered with a 2xx, or would have been."""
    return {body for at, (_, body) in enumerate(hook.posts, 1) if answered(at) == 200}


def held_to_its_word(broker: Broker, hook: Hook) -> None:
    """What is in the queue no more was taken."""
    left: set[bytes] = set()
    at = 0
    while page := broker.peek("orders", at, 1_000):
        left |= {one.message.body for one in page}
        at = page[-1].message.offset + 1
    gone = {b"%d" % number for number in range(COUNT)} - left
    assert gone <= taken_by(hook), "acked without a 2xx"
