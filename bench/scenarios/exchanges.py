"""Publish through exchanges, beside publishing directly; what a fan-out stores; what filters cost.

The rule kept here: both ways take turns on brokers in memory, so that no disk evens them out.
"""

import json
import time

from bench.broker import QUEUE, declare, opened, scratch, send
from bench.figures import Figure
from bench.scenarios.turns import Stopwatch
from postroad.engine.blocking import BlockingDriver
from postroad.engine.settings import EngineSettings
from postroad.limits import FANOUT_QUEUES_MAX
from postroad.model.commands import Command, Publish, PurgeQueue
from postroad.model.exchanges import (
    FANOUT,
    TOPIC,
    Bind,
    Bound,
    DeclareExchange,
    ExchangeSettings,
    PublishTo,
    Routed,
)
from postroad.model.message import plain_head
from postroad.model.replies import Published

BINDINGS = 10_000
QUEUES = 100
FAN = 1_000
FAR = (2_000, 10_000)
FILTERS = 200
RUNS = 7
BODY = b"x" * 1_024


def run(scale: float) -> list[Figure]:
    """Ratios first, then plain costs."""
    return [*_ratios(scale), *_fan_out(scale), *_far_out(scale), *_filters(scale)]


def _ratios(scale: float) -> list[Figure]:
    """The cost of a call through an exchange over that of the same call to the queue."""
    figures: list[Figure] = []
    driver = BlockingDriver(None)
    _topic_exchange(driver)
    for per_call, calls in ((1_000, 60), (10, 1_000), (1, 3_000)):
        bodies = [BODY] * per_call
        rounds = max(10, int(calls * scale))
        ratios = []
        for turn in range(RUNS):
            keys = [f"area{turn}.shop{number % BINDINGS}.sale" for number in range(rounds)]
            through: list[Command] = [PublishTo("x", (key,), bodies) for key in keys]
            names = [f"q{number % BINDINGS % QUEUES}" for number in range(rounds)]
            straight: list[Command] = [Publish((name,), bodies) for name in names]
            direct_s = _cost(driver, straight)
            ratios.append(_cost(driver, through) / direct_s)
        figures.append(
            Figure(
                f"topic exchange, {BINDINGS:,} bindings, {per_call:,} per call / direct",
                "times",
                ratios,
                at_most=1.5,
                note="in memory; each call another key, and all keys new in each run",
            )
        )
    keys = [f"area.shop{number * 7 % BINDINGS}.sale" for number in range(1_000)]
    mixed: list[Command] = [PublishTo("x", keys, [BODY] * 1_000)] * max(10, int(40 * scale))
    costs = [_cost(driver, mixed) / len(mixed) * 1e3 for _ in range(RUNS)]
    title = f"topic exchange, 1,000 keys in a call to {QUEUES} queues: a call"
    figures.append(Figure(title, "ms", costs))
    driver.close()
    return figures


def _topic_exchange(driver: BlockingDriver) -> None:
    for number in range(QUEUES):
        declare(driver, f"q{number}")
    driver.ask(DeclareExchange("x", ExchangeSettings(TOPIC)))
    for number in range(BINDINGS):
        pattern = f"*.shop{number}.#" if number % 2 else f"#.shop{number}.*"
        reply = driver.ask(Bind("x", f"q{number % QUEUES}", pattern))
        assert isinstance(reply, Bound), reply


def _cost(driver: BlockingDriver, commands: list[Command]) -> float:
    """Seconds for all of them; the queues are empty again afterwards."""
    begin = time.perf_counter()
    for command in commands:
        reply = driver.ask(command)
    taken = time.perf_counter() - begin
    assert isinstance(reply, Routed | Published), reply
    assert not isinstance(reply, Routed) or not reply.unroutable, reply
    for number in range(QUEUES):
        driver.ask(PurgeQueue(f"q{number}"))
    return taken


def _fan_out(scale: float) -> list[Figure]:
    """Bytes that a call of 1,000 messages to 1,000 queues writes, over one to one queue."""
    queues = max(20, int(FAN * scale))
    bodies = [BODY] * 1_000
    with scratch() as path, opened(path) as driver:
        declare(driver)
        driver.ask(DeclareExchange("all", ExchangeSettings(FANOUT)))
        for number in range(queues):
            declare(driver, f"q{number}")
            driver.ask(Bind("all", f"q{number}"))
        watch = Stopwatch(driver)
        ratios, costs, turns, used = [], [], [], []
        for _ in range(RUNS):
            before = driver.engine.bytes_written
            send(driver, bodies)
            one = driver.engine.bytes_written - before
            watch.reset()
            reply = driver.ask(PublishTo("all", ("",), bodies))
            costs.append((time.perf_counter() - watch.begin) * 1e3)
            turns.append(watch.longest_ms)
            used.append(watch.longest_cpu_ms)
            assert isinstance(reply, Routed), reply
            assert len(reply.groups[0].places) == queues, reply
            ratios.append((driver.engine.bytes_written - before - one) / one)
        driver.ask(PurgeQueue(QUEUE))
    title = f"fan-out of 1,000 x 1 KiB to {queues:,} queues: journal bytes / one queue"
    full = queues == FAN
    return [
        Figure(title, "times", ratios, at_most=1.2, full=full),
        Figure(f"the same: a call of 1,000 to {queues:,} queues", "ms", costs),
        Figure("the same: longest turn", "ms", turns, at_most=20, full=full),
        Figure("the same: most processor time of a turn", "ms", used, full=full),
    ]


def _far_out(scale: float) -> list[Figure]:
    """One message to thousands of queues: the longest turn of it and the whole call, beside the
    same where all of it is one turn."""
    figures: list[Figure] = []
    for far in FAR:
        queues = max(100, int(far * scale))
        for most, how in ((FANOUT_QUEUES_MAX, "in slices"), (2 * far, "in one turn")):
            driver = BlockingDriver(None, EngineSettings(fanout_queues_max=most))
            driver.ask(DeclareExchange("all", ExchangeSettings(FANOUT)))
            for number in range(queues):
                declare(driver, f"q{number}")
                driver.ask(Bind("all", f"q{number}"))
            watch = Stopwatch(driver)
            costs, used = [], []
            driver.ask(PublishTo("all", ("",), [BODY]))
            for _ in range(RUNS):
                watch.reset()
                reply = driver.ask(PublishTo("all", ("",), [BODY]))
                costs.append((time.perf_counter() - watch.begin) * 1e3)
                used.append(watch.longest_cpu_ms)
                assert isinstance(reply, Routed), reply
                assert len(reply.groups[0].places) == queues, reply
            driver.close()
            title = f"one message to {queues:,} queues, {how}"
            bound = 20 if how == "in slices" else None
            full = scale >= 1
            longest = f"{title}: most processor time of a turn"
            figures.append(Figure(longest, "ms", used, at_most=bound, full=full))
            figures.append(Figure(f"{title}: the call", "ms", costs))
    return figures


def _filters(scale: float) -> list[Figure]:
    """What a message costs on an exchange all of whose bindings have a filter, beside the same
    message straight to its queue; each has headers of its own, so that no route is known."""
    figures = []
    for scope in ("attributes", "body"):
        driver = BlockingDriver(None)
        driver.ask(DeclareExchange("f", ExchangeSettings(FANOUT)))
        for number in range(FILTERS):
            declare(driver, f"q{number}")
            policy = {"shop": [f"s{number}"], "price": [{"numeric": [">", 0, "<", 100]}]}
            text = json.dumps(policy)
            reply = driver.ask(Bind("f", f"q{number}", filter=text, filter_scope=scope))
            assert isinstance(reply, Bound), reply
        count = max(50, int(500 * scale))
        costs = []
        for turn in range(RUNS):
            straight_us = _messages_us(driver, count, turn * count, False)
            costs.append(_messages_us(driver, count, turn * count, True) - straight_us)
        driver.close()
        title = f"{FILTERS} filters on the {scope}: a message, above one straight to its queue"
        figures.append(Figure(title, "us", costs))
    return figures


def _messages_us(driver: BlockingDriver, count: int, first: int, routed: bool) -> float:
    """Microseconds per message in calls of 10."""
    commands: list[Command] = []
    for start in range(first, first + count, 10):
        numbers = range(start, start + 10)
        told = [{"shop": f"s{start % FILTERS}", "price": 5, "n": number} for number in numbers]
        bodies = [json.dumps(one).encode() for one in told]
        heads = [plain_head({**one}) for one in told]
        to = (f"q{start % FILTERS}",)
        commands.append(
            PublishTo("f", ("",), bodies, heads) if routed else Publish(to, bodies, heads)
        )
    begin = time.perf_counter()
    for command in commands:
        reply = driver.ask(command)
        assert isinstance(reply, Routed | Published), reply
    return (time.perf_counter() - begin) / count * 1e6
