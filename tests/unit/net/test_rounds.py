"""Rounds that come again though one fails, and leave nothing behind."""

import asyncio

import pytest

from postroad.errors import PostroadError
from postroad.net.rounds import Rounds

WITHIN_S = 20.0


@pytest.mark.parametrize("kind", [PostroadError, RuntimeError])
def test_a_round_that_fails_is_not_the_last(kind: type[Exception]) -> None:
    async def main() -> None:
        looks = 0
        enough = asyncio.Event()

        async def look() -> None:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise kind("the queues could not be listed")
            enough.set()

        rounds = Rounds(look, 1)
        rounds.begin()
        await asyncio.wait_for(enough.wait(), WITHIN_S)
        rounds.end()
        await rounds.ended(1_000)

    asyncio.run(main())


def test_what_does_not_end_in_time_is_cancelled() -> None:
    async def main() -> None:
        ends: list[str] = []

        async def look() -> None:
            raise AssertionError("no round comes after the end")

        async def for_ever() -> None:
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ends.append("cancelled")

        rounds = Rounds(look, 1)
        rounds.begin()
        rounds.run(for_ever())
        rounds.end()
        await rounds.ended(1)
        assert ends == ["cancelled"]
        rounds.begin()
        assert rounds.is_over

    asyncio.run(main())
