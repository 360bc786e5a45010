"""Members that share out among themselves, in Python programs."""

import asyncio
import threading

import pytest

from postroad import AsyncBroker, Broker, errors
from postroad.model.groups import Position
from postroad.model.rounds import Entered


def test_members_share_out_what_only_they_understand() -> None:
    with Broker.open(None) as broker:
        broker.topic("t").declare(2)
        group = broker.group("readers")
        first = group.enter({"mine": b"t"})
        assert group.share_out(first, {first.member: b"0,1"}) == b"0,1"
        others: list[Entered] = []
        waiter = threading.Thread(target=lambda: others.append(group.enter({"mine": b"t"})))
        waiter.start()
        while group.describe().state != "PreparingRebalance":
            pass
        with pytest.raises(errors.Rebalancing):
            group.stay(first)
        again = group.enter({"mine": b"t"}, member=first.member)
        waiter.join(10)
        (other,) = others
        shares = {again.member: b"0", other.member: b"1"}
        assert group.share_out(again, shares) == b"0"
        assert group.share_out(other) == b"1"
        group.stay(other)
        group.commit([Position("t", 1, 7, "m", 3)], other)
        with pytest.raises(errors.Fenced):
            group.commit([Position("t", 1, 9)], first)
        assert [(one.group, one.state) for one in broker.groups()] == [("readers", "Stable")]
        group.leave(other.member)
        group.leave(first.member)
        group.forget([("t", 0)])
        assert [part.offset for part in group.describe().parts] == [-1, 7]
        group.delete()
        assert broker.groups(states=["Empty"]) == []


def test_a_static_member_takes_its_place_again() -> None:
    with Broker.open(None) as broker:
        group = broker.group("readers")
        first = group.enter({"mine": b""}, static_id="box")
        group.share_out(first, {first.member: b"all"})
        again = group.enter({"mine": b""}, static_id="box")
        assert group.share_out(again) == b"all"
        with pytest.raises(errors.MemberReplaced):
            group.enter({"mine": b""}, member=first.member, static_id="box")
        with pytest.raises(errors.MemberNotFound):
            group.stay(first)


def test_the_same_for_asyncio() -> None:
    async def story() -> None:
        async with await AsyncBroker.open(None) as broker:
            group = broker.group("readers")
            first = await group.enter({"mine": b"a"})
            second = asyncio.create_task(group.enter({"mine": b"b"}))
            while (await group.describe()).state != "PreparingRebalance":
                pass
            again = await group.enter({"mine": b"a"}, member=first.member)
            other = await second
            shares = {again.member: b"0", other.member: b"1"}
            both = tuple(
                await asyncio.gather(group.share_out(other), group.share_out(again, shares))
            )
            assert both == (b"1", b"0")
            assert [one.state for one in await broker.groups()] == ["Stable"]

    asyncio.run(story())
