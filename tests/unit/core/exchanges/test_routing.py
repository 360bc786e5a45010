"""What an exchange makes of a message: kinds, exchanges behind exchanges, alternates."""

import pytest

from postroad.core.exchanges.trie import Trie
from postroad.limits import ROUTED_ENTRIES_MAX
from postroad.model import commands
from postroad.model.exchanges import (
    CONSISTENT_HASH,
    DIRECT,
    FANOUT,
    HEADERS,
    TO_EXCHANGE,
    TOPIC,
    Routed,
)
from postroad.model.message import HeaderValue, plain_head, typed_head
from postroad.model.policy import QueueSettings
from postroad.model.replies import Done, Why
from tests.unit.core.exchanges.switch import Switch


def test_a_direct_exchange_goes_by_equal_keys() -> None:
    s = Switch("a", "b", "c")
    s.exchange("x", DIRECT)
    s.bind("x", "a", "red")
    s.bind("x", "b", "red")
    s.bind("x", "b", "blue")
    s.send("x", "1", "red")
    s.send("x", "2", "blue")
    assert s.send("x", "3", "green").unroutable == (0,)
    assert s.held() == {"a": ["1"], "b": ["1", "2"], "c": []}
    s.check()


def test_a_fanout_exchange_goes_to_all_and_stores_the_body_once() -> None:
    s = Switch("a", "b", "c")
    s.exchange("x", FANOUT)
    for queue in ("a", "b", "c"):
        s.bind("x", queue)
    s.bind("x", "a", "twice")
    routed = s.send("x", "1")
    assert [len(group.places) for group in routed.groups] == [3]
    assert s.held() == {"a": ["1"], "b": ["1"], "c": ["1"]}
    assert len(s.road.library.held) == 1
    s.check()


PATTERNS = [
    ("#", "", True),
    ("#", "a", True),
    ("#", "a.b.c", True),
    ("*", "", False),
    ("*", "a", True),
    ("*", "a.b", False),
    ("", "", True),
    ("", "a", False),
    ("a.*", "a.b", True),
    ("a.*", "a", False),
    ("a.#", "a", True),
    ("a.#", "a.b.c", True),
    ("#.c", "c", True),
    ("#.c", "a.b.c", True),
    ("#.c", "a.b", False),
    ("a.#.c", "a.c", True),
    ("a.#.c", "a.b.b.c", True),
    ("a.#.c", "a.b.b", False),
    ("#.#", "", True),
    ("#.*", "", False),
    ("#.*", "a", True),
    ("*.#", "a.b", True),
    ("#.b.#", "a.b.c", True),
    ("#.b.#", "a.c", False),
    ("*.*.#.*", "a.b", False),
    ("*.*.#.*", "a.b.c", True),
    ("a..b", "a..b", True),
    ("a.*.b", "a..b", True),
    ("lazy.#", "lazy.orange.male.rabbit", True),
    ("*.orange.*", "quick.orange.male.rabbit", False),
]


@pytest.mark.parametrize(("pattern", "key", "fits"), PATTERNS)
def test_a_pattern_fits_words(pattern: str, key: str, fits: bool) -> None:
    trie = Trie()
    trie.add(pattern, 7)
    trie.add("other.#.words", 8)
    assert (7 in trie.find(key)) is fits
    trie.remove(pattern, 7)
    assert 7 not in trie.find(key)


def test_many_hashes_take_no_long_time() -> None:
    trie = Trie()
    trie.add("#." * 60 + "end", 1)
    assert trie.find(".".join(["a"] * 200)) == []
    assert trie.find(".".join(["a"] * 200) + ".end") == [1]


def test_a_topic_exchange_goes_by_patterns() -> None:
    s = Switch("a", "b", "c")
    s.exchange("x", TOPIC)
    s.bind("x", "a", "*.orange.*")
    s.bind("x", "b", "*.*.rabbit")
    s.bind("x", "b", "lazy.#")
    for number, key in enumerate(
        ["quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox", "lazy.pink.rabbit"]
    ):
        s.send("x", str(number), key)
    assert s.held() == {"a": ["0", "1", "2"], "b": ["0", "1", "3"], "c": []}


MATCHES: list[tuple[dict[str, HeaderValue], dict[str, HeaderValue], bool]] = [
    ({}, {}, True),
    ({"x-match": "any"}, {"a": 1}, False),
    ({"a": 1, "b": "x"}, {"a": 1, "b": "x", "c": 3}, True),
    ({"a": 1, "b": "x"}, {"a": 1}, False),
    ({"x-match": "any", "a": 1, "b": "x"}, {"a": 1}, True),
    ({"x-match": "any", "a": 1, "b": "x"}, {"a": 2, "b": "y"}, False),
    ({"a": None}, {"a": "whatever"}, True),
    ({"a": None}, {"b": 1}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": 1}, {"a": 1.0}, False),
    ({"a": 1}, {"a": "1"}, False),
    ({"a": "t"}, {"a": b"t"}, True),
    ({"x-tra": "1", "a": 1}, {"a": 1}, True),
    ({"x-match": "all-with-x", "x-tra": "1", "a": 1}, {"a": 1}, False),
    ({"x-match": "all-with-x", "x-tra": "1", "a": 1}, {"a": 1, "x-tra": "1"}, True),
    ({"x-match": "any", "x-tra": "1"}, {"x-tra": "1"}, False),
    ({"x-match": "any-with-x", "x-tra": "1"}, {"x-tra": "1"}, True),
]


@pytest.mark.parametrize(("arguments", "headers", "fits"), MATCHES)
def test_a_headers_exchange_goes_by_headers(
    arguments: dict[str, HeaderValue], headers: dict[str, HeaderValue], fits: bool
) -> None:
    s = Switch("a")
    s.exchange("x", HEADERS)
    s.bind("x", "a", arguments=arguments)
    routed = s.publish("x", ["1"], heads=[plain_head(headers)])
    assert routed.unroutable == (() if fits else (0,))


def test_numbers_of_typed_headers_are_numbers() -> None:
    s = Switch("a")
    s.exchange("x", HEADERS)
    s.bind("x", "a", arguments={"n": 5, "t": "5"})
    head = typed_head({"n": ("Number", "5"), "t": ("String", "5")})
    assert s.publish("x", ["1"], heads=[head]).unroutable == ()


def test_a_consistent_hash_goes_to_one_by_weight_and_moves_little() -> None:
    s = Switch("a", "b", "c")
    s.exchange("x", CONSISTENT_HASH)
    s.bind("x", "a", "1")
    s.bind("x", "b", "3")
    keys = [f"key-{number}" for number in range(400)]
    s.publish("x", keys, keys)
    before = s.held()
    assert sorted(before["a"] + before["b"]) == sorted(keys)
    assert 60 < len(before["a"]) < 140
    s.bind("x", "c", "4")
    s.drain()
    s.publish("x", keys, keys)
    after = s.held()
    assert set(after["a"]) < set(before["a"])
    assert set(after["b"]) < set(before["b"])
    assert 150 < len(after["c"]) < 250
    s.check()


def test_a_consistent_hash_may_look_at_a_header() -> None:
    s = Switch("a", "b")
    s.exchange("x", CONSISTENT_HASH, hash_header="who")
    s.bind("x", "a", "1")
    s.bind("x", "b", "1")
    heads = [plain_head({"who": f"w{number % 5}"}) for number in range(50)]
    s.publish("x", [str(number % 5) for number in range(50)], heads=heads)
    for bodies in s.held().values():
        assert all(bodies.count(one) == 10 for one in bodies)


@pytest.mark.parametrize("key", ["", "0", "-1", "1.5", "many", "²", "9" * 30])
def test_a_weight_is_a_whole_number(key: str) -> None:
    s = Switch("a")
    s.exchange("x", CONSISTENT_HASH)
    assert s.refused_bind("x", "a", key) == Why.BAD_COMMAND


def test_exchanges_behind_exchanges_and_circles() -> None:
    s = Switch("a", "b")
    s.exchange("x", TOPIC)
    s.exchange("y", DIRECT)
    s.exchange("z", FANOUT)
    s.bind("x", "y", "#.red", target_kind=TO_EXCHANGE)
    s.bind("y", "z", "very.red", target_kind=TO_EXCHANGE)
    s.bind("z", "x", target_kind=TO_EXCHANGE)
    s.bind("z", "z", target_kind=TO_EXCHANGE)
    s.bind("z", "a")
    s.bind("y", "b", "red")
    s.bind("x", "a", "very.red")
    s.send("x", "1", "very.red")
    s.send("x", "2", "red")
    assert s.send("x", "3", "blue").unroutable == (0,)
    assert s.held() == {"a": ["1"], "b": ["2"]}
    s.check()


def test_what_nobody_wants_goes_to_the_alternate() -> None:
    s = Switch("a", "lost")
    s.exchange("x", DIRECT, alternate="rest")
    s.bind("x", "a", "red")
    assert s.send("x", "1", "blue").unroutable == (0,), "the alternate may come later"
    s.exchange("rest", FANOUT, alternate="x")
    assert s.send("x", "2", "blue").unroutable == (0,), "two that name each other come to an end"
    s.bind("rest", "lost")
    s.publish("x", ["3", "4", "5"], ["blue", "red", "green"])
    assert s.held() == {"a": ["4"], "lost": ["3", "5"]}


def test_the_nameless_exchange_goes_to_the_queue_of_that_name() -> None:
    s = Switch("a", "b")
    routed = s.publish("", ["1", "2", "3"], ["a", "nobody", "b"])
    assert routed.unroutable == (1,)
    assert s.held() == {"a": ["1"], "b": ["3"]}
    assert s.refusal("", ["1", "2"], ["a", "nobody"], mandatory=True).why == Why.UNROUTABLE


def test_a_message_may_have_more_keys() -> None:
    s = Switch("a", "b", "c", "rest")
    s.exchange("x", DIRECT, alternate="rest")
    s.exchange("rest", FANOUT)
    s.bind("rest", "rest")
    for queue in ("a", "b", "c"):
        s.bind("x", queue, queue)
    s.publish("x", ["1", "2"], ["a", "none"], more_keys=[("b", "a", "none"), ()])
    s.publish("", ["3"], ["a"], more_keys=[("c",)])
    assert s.held() == {"a": ["1", "3"], "b": ["1"], "c": ["3"], "rest": ["2"]}


def test_no_queue_gets_messages_in_another_order() -> None:
    s = Switch("a", "b", "c")
    s.exchange("x", DIRECT)
    s.bind("x", "a", "ab")
    s.bind("x", "b", "ab")
    s.bind("x", "a", "a")
    s.bind("x", "c", "c")
    keys = ["ab", "c", "a", "c", "ab", "ab", "a", "c"]
    routed = s.publish("x", [str(number) for number in range(8)], keys)
    assert s.held() == {"a": ["0", "2", "4", "5", "6"], "b": ["0", "4", "5"], "c": ["1", "3", "7"]}
    assert [group.indexes for group in routed.groups] == [[0], [1, 3, 7], [2], [4, 5], [6]]
    firsts = {
        queue: [offset for group in routed.groups for id, offset in group.places if id == queue]
        for queue in s.road.state.queues
    }
    assert list(firsts.values()) == [[0, 1, 2, 4], [0, 1], [0]]
    s.check()


def test_a_delayed_exchange_lets_messages_wait_as_their_header_says() -> None:
    s = Switch("a")
    s.exchange("x", FANOUT, delayed=True)
    s.bind("x", "a")
    heads = [plain_head({"x-delay": 500}), b"", plain_head({"x-delay": -1}), plain_head({"k": 1})]
    s.publish("x", ["0", "1", "2", "3"], heads=heads)
    assert s.held() == {"a": ["1", "2", "3"]}
    s.road.wait(500)
    assert s.held() == {"a": ["0", "1", "2", "3"]}
    s.check()


def test_only_exchanges_publish_to_an_internal_one() -> None:
    s = Switch("a")
    s.exchange("x", FANOUT)
    s.exchange("in", FANOUT, internal=True)
    s.bind("x", "in", target_kind=TO_EXCHANGE)
    s.bind("in", "a")
    s.send("x", "1")
    assert s.refusal("in", ["2"]).why == Why.EXCHANGE_INTERNAL
    assert s.refusal("none", ["2"]).why == Why.NO_SUCH_EXCHANGE
    assert s.held() == {"a": ["1"]}


def test_a_full_queue_refuses_all_of_it() -> None:
    s = Switch("a")
    s.road.declare("small", length_max=2)
    s.exchange("x", DIRECT)
    s.bind("x", "a", "both")
    s.bind("x", "small", "both")
    s.bind("x", "small", "one")
    refused = s.refusal("x", ["1", "2", "3"], ["both", "one", "both"])
    assert refused.why == Why.QUEUE_FULL
    assert "`small`" in refused.text
    assert s.held()["a"] == []
    s.publish("x", ["1", "2"], ["both", "one"])
    assert s.held() == {"a": ["1"], "small": ["1", "2"]}
    s.check()


def test_a_queue_that_drops_its_oldest_does_so_for_an_exchange_too() -> None:
    s = Switch("a")
    s.road.declare("small", length_max=2, overflow="drop-oldest")
    s.exchange("x", FANOUT)
    s.bind("x", "small")
    s.bind("x", "a")
    s.publish("x", ["1", "2", "3"])
    assert s.held() == {"a": ["1", "2", "3"], "small": ["2", "3"]}
    s.check()


def test_a_queue_that_takes_nothing_twice_does_so_behind_an_exchange() -> None:
    s = Switch("a")
    s.road.declare("once", dedup_window_ms=1_000)
    s.exchange("x", DIRECT)
    s.bind("x", "a", "both")
    s.bind("x", "once", "both")
    s.bind("x", "once", "one")
    keys = ["both", "one", "both", "one"]
    routed = s.publish("x", ["1", "2", "3", "4"], keys, dedup_ids=["i", "j", "i", None])
    assert s.held() == {"a": ["1", "3"], "once": ["1", "2", "4"]}
    assert [(group.indexes, group.offsets) for group in routed.groups] == [
        ([0], None),
        ([2], None),
        ([0, 1, 2, 3], (0, 1, 0, 2)),
    ]
    again = s.publish("x", ["5"], ["one"], dedup_ids=["j"])
    assert again.groups[0].offsets == (1,)
    s.publish("x", ["6"], ["both"], dedup_ids=["k"])
    assert s.held() == {"a": ["1", "3", "6"], "once": ["1", "2", "4", "6"]}
    s.check()


def test_keys_and_priorities_go_through_an_exchange() -> None:
    s = Switch()
    s.road.declare("urgent", kind="priority")
    s.road.declare("fifo", kind="fifo")
    s.exchange("x", FANOUT)
    s.bind("x", "urgent")
    s.bind("x", "fifo")
    s.publish("x", ["1", "2", "3"], keys=["a", "a", "b"], priorities=[1, 9, 5])
    assert [one.body for one in s.road.receive("urgent", 3)] == [b"2", b"3", b"1"]
    assert {one.body for one in s.road.receive("fifo", 1)} == {b"1"}
    assert {one.body for one in s.road.receive("fifo", 2)} == {b"3"}
    s.check()


def test_routes_are_decided_anew_after_a_change() -> None:
    s = Switch("a", "b")
    s.exchange("x", DIRECT)
    s.bind("x", "a", "k")
    s.send("x", "1", "k")
    s.bind("x", "b", "k")
    s.send("x", "2", "k")
    s.unbind("x", "a", "k")
    s.send("x", "3", "k")
    s.delete_queue("b")
    assert s.send("x", "4", "k").unroutable == (0,)
    assert s.held() == {"a": ["1", "2"]}


def test_columns_that_do_not_fit_are_refused() -> None:
    s = Switch("a")
    s.exchange("x", FANOUT)
    s.bind("x", "a")
    assert s.refusal("x", []).why == Why.BAD_COMMAND
    assert s.refusal("x", ["1"], ["a", "b"]).why == Why.BAD_COMMAND
    assert s.refusal("x", ["1"], heads=[]).why == Why.BAD_COMMAND
    assert s.refusal("x", ["1"], delays_ms=[1, 2]).why == Why.BAD_COMMAND
    assert s.refusal("x", ["1"], ttls_ms=[1, 2]).why == Why.BAD_COMMAND
    assert s.refusal("x", ["1"], more_keys=[]).why == Why.BAD_COMMAND
    assert s.refusal("x", ["1"], more_keys=[(1,)]).why == Why.BAD_COMMAND
    routed = s.publish("x", ["1"], ttls_ms=[100], delays_ms=[0])
    assert isinstance(routed, Routed)


def test_a_publish_that_is_too_much_for_a_turn_is_refused_and_one_message_never() -> None:
    queues = [f"q{number}" for number in range(21)]
    s = Switch(*queues)
    s.exchange("x", FANOUT)
    for queue in queues:
        s.bind("x", queue)
    count = ROUTED_ENTRIES_MAX // len(queues) + 1
    bodies = ["b"] * count
    assert s.refusal("x", bodies, delays_ms=[1] * count).why == Why.TOO_LARGE
    assert s.refusal("x", bodies, ordering_keys=["k"] * count).why == Why.TOO_LARGE
    assert len(s.publish("x", bodies).groups[0].places) == len(queues)
    s.publish("x", bodies[1:], delays_ms=[1] * (count - 1))
    for queue in queues:
        changed = s.road.ask(commands.ChangeQueue(queue, QueueSettings(bytes_max=1 << 40)))
        assert changed == Done(), changed
    assert s.refusal("x", bodies).why == Why.TOO_LARGE
    s.publish("x", ["b"], delays_ms=[1])
