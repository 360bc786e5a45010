"""How many messages of one HTTP subscription are under way at once, whatever its endpoint says."""

from postroad.limits import PUSHES_PER_ENDPOINT
from postroad.model.commands import DescribeQueue
from postroad.model.replies import Described
from tests.unit.net.test_push import QUEUE, Broker, run


async def leased(broker: Broker) -> int:
    found = await broker.driver.ask(DescribeQueue(QUEUE))
    assert isinstance(found, Described)
    return found.leased


def test_one_that_does_not_answer_any_more_has_one_post_at_once() -> None:
    async def story(broker: Broker) -> None:
        hook = broker.hook
        await broker.put(b"heard")
        await broker.until_held(0)
        hook.go_on.clear()
        await broker.put(*(b"%d" % one for one in range(PUSHES_PER_ENDPOINT)))
        await broker.until_posted(1 + PUSHES_PER_ENDPOINT)
        hook.answer = lambda _: 503
        hook.go_on.set()
        await broker.until_held(0)
        hook.go_on.clear()
        await broker.put(*(b"%d" % one for one in range(PUSHES_PER_ENDPOINT)))
        assert await leased(broker) == 1
        hook.go_on.set()

    run(story)


def test_one_that_is_heard_of_again_has_no_more_posts_at_once_than_before() -> None:
    async def story(broker: Broker) -> None:
        hook = broker.hook
        await broker.put(b"heard")
        await broker.until_held(0)
        hook.answer = lambda count: 503 if 1 < count <= 8 else 200
        hook.go_on.clear()
        await broker.put(*(b"%d" % one for one in range(PUSHES_PER_ENDPOINT)))
        await broker.until_posted(1 + PUSHES_PER_ENDPOINT)
        hook.go_on.set()
        await broker.until_held(0)
        await broker.put(b"heard")
        await broker.until_held(0)
        hook.go_on.clear()
        await broker.put(*(b"%d" % one for one in range(4 * PUSHES_PER_ENDPOINT)))
        assert await leased(broker) == PUSHES_PER_ENDPOINT
        hook.go_on.set()
        await broker.until_held(0)

    run(story)
