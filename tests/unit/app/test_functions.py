"""Tasks in processes of their own, and what becomes of the others where one dies."""

import asyncio
import os
from concurrent.futures.process import BrokenProcessPool

import pytest

from postroad import App
from postroad.app.functions import Functions


def halve(number: int) -> int:
    if not number:
        os._exit(1)
    return number // 2


def test_a_run_that_kills_its_process_fails_alone() -> None:
    async def main() -> None:
        functions = Functions(App(None).worker("halves", executor="process", concurrency=1)(halve))
        call = functions.coroutine()
        try:
            with pytest.raises(BrokenProcessPool):
                await call(0)
            assert await call(4) == 2
        finally:
            functions.stop()

    asyncio.run(main())
