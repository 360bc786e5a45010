"""Messages that wait for an idempotency key, and what may become of them meanwhile."""

from postroad.limits import IDEMPOTENCY_WAITING_MAX
from tests.unit.app.shop import Shop, left, on_a_loop, turns


def test_a_worker_whose_waiting_messages_all_lost_their_leases_leases_again() -> None:
    async def story(shop: Shop) -> None:
        runs: list[int] = []
        keys = shop.broker.kv("idempotency")

        @shop.app.worker("payments", idempotency_key="number", lease_s=30)
        async def pay(number: int) -> None:
            runs.append(number)

        await pay.adelay_many([1] * IDEMPOTENCY_WAITING_MAX)
        await keys.set("payments:1", b"claimed elsewhere")
        async with shop.at_work() as running:
            (shift,) = running.shifts
            while len(shift.hands.parked) < IDEMPOTENCY_WAITING_MAX:
                await turns()
            shop.clock.advance(31_000)
            await keys.delete("payments:1")
            shift.tick()
            while await left(shop, "payments") != (0, 0):
                await turns()
        assert runs == [1]
        assert shift.counts.lost == IDEMPOTENCY_WAITING_MAX

    on_a_loop(story)
