"""What tests of readers do with the topic `events` and its group `sums`."""

from collections.abc import Awaitable, Callable

from tests.unit.app.shop import Shop, turns


async def publish(shop: Shop, numbers: range, partition: int | None = None) -> None:
    bodies = [str(number) for number in numbers]
    await shop.broker.topic("events").publish_many(bodies, partition=partition)


async def lag(shop: Shop, group: str = "sums") -> int:
    described = await shop.broker.topic("events").group(group)
    return sum(part.lag for part in described.parts)


async def passes(shop: Shop, ms: int) -> None:
    """So much time passes, and the broker sees that it did."""
    shop.clock.advance(ms)
    await shop.broker.queues()
    await turns()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(2_000):
        if await condition():
            return
        await turns(3)
    raise AssertionError("it did not come to that")


async def read_all(shop: Shop) -> None:
    async def none_left() -> bool:
        return await lag(shop) == 0

    await until(none_left)
