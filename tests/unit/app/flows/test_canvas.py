"""Chains, groups and chords."""

import pytest

from postroad import App, Broker, chain, chord, group
from postroad.app.retry import Retry
from postroad.errors import BadCommand, JobFailed
from postroad.limits import FLOW_STEPS_MAX
from tests.unit.app.shop import Shop, on_a_loop


class Sums:
    """An app that adds."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.ran: list[tuple[int, ...]] = []

        @app.worker("add", retry=Retry(attempts=1))
        def add(one: int, two: int = 0) -> int:
            if one < 0:
                raise ValueError("below 0")
            self.ran.append((one, two))
            return one + two

        @app.worker("total")
        def total(numbers: list[int]) -> int:
            return sum(numbers)

        self.add, self.total = add, total


def test_a_chain_hands_each_result_on_as_the_first_argument() -> None:
    sums = Sums(App())
    with sums.app.test():
        assert (
            chain(sums.add.s(1, 2), sums.add.s(10), sums.add.s()).delay(result=True).result(0) == 13
        )
    assert sums.ran == [(1, 2), (3, 10), (13, 0)]


def test_a_group_gives_a_list_in_its_order_and_a_chord_hands_that_on() -> None:
    sums = Sums(App())
    add, total = sums.add, sums.total
    with sums.app.test():
        members = [add.s(at, at) for at in range(20)]
        assert group(members).delay(result=True).result(0) == [2 * at for at in range(20)]
        assert chord(members, total.s()).delay(result=True).result(0) == 380
        nested = chain(
            add.s(1), group([add.s(10), chain(add.s(20), add.s(30))]), total.s(), add.s(1)
        )
        assert nested.delay(result=True).result(0) == 11 + 51 + 1


def test_a_call_may_wait_and_take_nothing() -> None:
    sums = Sums(App())
    with sums.app.test():
        assert chain(sums.add.s(1), sums.add.si(5)).delay(result=True).result(0) == 5


def test_a_failure_ends_the_chain() -> None:
    sums = Sums(App())
    with sums.app.test(inline=False) as tested:
        flow = chain(sums.add.s(-1), sums.add.s(2)).delay(result=True)
        with pytest.raises(ValueError, match="below 0"):
            tested.drain()
        tested.drain()
        with pytest.raises(JobFailed, match="below 0"):
            flow.result(0)
    assert sums.ran == []


def test_an_id_makes_a_chain_run_once() -> None:
    sums = Sums(App())
    with sums.app.test():
        assert chain(sums.add.s(1)).delay(id="a").is_new
        assert not chain(sums.add.s(1)).delay(id="a").is_new
    assert len(sums.ran) == 1


def test_what_no_task_takes_is_said_at_the_call() -> None:
    sums, other = Sums(App()), Sums(App())
    add = sums.add
    with sums.app.test():
        for wrong, said in (
            (chain(add.s("one")), "Expected `int`"),
            (chain(add.s(1), add.s(2, 3)), "given 3 arguments"),
            (chain(add.s(1), add.s(one=2)), "given `one` twice"),
            (chain(add.s(1), add.s(three=2)), "takes no `three`"),
            (chain(add.s()), "one"),
            (chain(add.s(1), add.si("two")), "Expected `int`"),
            (group([group([add.s(1)])]), "one group"),
        ):
            with pytest.raises(TypeError, match=said):
                wrong.delay()
        with pytest.raises(BadCommand, match="one app"):
            chain(add.s(1), other.add.s()).delay()
        with pytest.raises(BadCommand, match="steps"):
            group([add.s(1)] * (FLOW_STEPS_MAX + 1)).delay()
        with pytest.raises(BadCommand, match="at least one"):
            chain()
        with pytest.raises(TypeError, match=r"task\.s\(1\)"):
            chain(add)  # type: ignore[arg-type]
    assert sums.ran == []


def test_workers_that_know_no_workflow_join_chains() -> None:
    async def story(shop: Shop) -> None:
        sums = Sums(shop.app)
        async with shop.at_work():
            assert "flow.canvas" not in await shop.broker.queues()
            flow = await chord([sums.add.s(at, at) for at in range(200)], sums.total.s()).adelay(
                result=True
            )
            assert await flow.aresult(15) == 200 * 199

    on_a_loop(story)


def test_a_chain_whose_jobs_are_done_is_joined_by_the_next_run() -> None:
    async def story(shop: Shop) -> None:
        sums = Sums(shop.app)
        flow = await chain(sums.add.s(1), sums.add.s(2)).adelay(result=True)
        (message,) = await shop.broker.receive("add", wait_ms=0)
        company = shop.app.arrivals.succeeded(message, 1)
        await shop.broker.batch([shop.broker.later.ack(message), *company.with_ack])
        async with shop.at_work():
            assert await flow.aresult(15) == 3

    on_a_loop(story)


def test_a_chain_survives_a_restart(tmp_path: object) -> None:
    app = App()
    sums = Sums(app)
    with Broker.open(f"{tmp_path}/data") as broker, app.test(broker, inline=False):
        chain(sums.add.s(1), sums.add.s(2)).delay(id="a", result=True)
    with Broker.open(f"{tmp_path}/data") as broker, app.test(broker, inline=False) as tested:
        tested.drain()
        assert app.job("canvas/a").result(0) == 3
