import asyncio
import json

from postroad.engine.aio import AsyncDriver
from postroad.metrics import METRICS, PREFIX
from postroad.net.hub import Hub
from postroad.net.poster import Poster
from postroad.net.push import Pusher
from postroad.net.queue_pushes import QueuePusher
from postroad.protocols.amqp.config import Counts
from postroad.protocols.native.config import Counts as NativeCounts
from postroad.server.pages import exposition, pages


def test_a_live_server_is_live_even_when_it_is_not_ready() -> None:
    made = pages(lambda: "starting", dict, {})
    assert made["/health/live"]().status == 200
    page = made["/health/ready"]()
    assert page.status == 503
    assert json.loads(page.body) == {"status": "starting"}


def test_a_ready_server_says_so() -> None:
    page = pages(lambda: "", dict, {})["/health/ready"]()
    assert (page.status, json.loads(page.body)) == (200, {"status": "ready"})


def test_metrics_show_the_figures_of_the_table_with_their_kinds() -> None:
    content_type, body = exposition(
        {"connections": 2, "received_bytes_total": 9, "not_in_the_table": 1}, {"variant": "pure"}
    )
    lines = body.decode().splitlines()
    assert content_type.startswith("text/plain")
    assert f"# TYPE {PREFIX}connections gauge" in lines
    assert f"{PREFIX}connections 2.0" in lines
    assert f"# TYPE {PREFIX}received_bytes_total counter" in lines
    assert f"{PREFIX}received_bytes_total 9.0" in lines
    assert not any("not_in_the_table" in line for line in lines)
    assert any(line.startswith(f"{PREFIX}server_info{{") and "pure" in line for line in lines)


def test_every_counter_ends_in_total_and_no_gauge_does() -> None:
    for name, metric in METRICS.items():
        assert name.endswith("_total") == (metric.kind == "counter"), name


def test_every_figure_of_the_engine_and_the_sockets_is_in_the_table() -> None:
    async def body() -> set[str]:
        driver = await AsyncDriver.open(None)
        hub = Hub(driver, lambda: 0)
        pusher = Pusher(driver, Poster(), lambda: 0)
        names = driver.figures().keys() | hub.figures().keys() | pusher.figures().keys()
        names |= QueuePusher(driver, Poster(), lambda: 0, "").figures().keys()
        await driver.close()
        return names

    protocols = Counts().figures().keys() | NativeCounts().figures().keys()
    assert asyncio.run(body()) | protocols == METRICS.keys()
