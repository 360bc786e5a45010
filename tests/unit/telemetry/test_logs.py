"""Logs that name the message they are about."""

import asyncio
import json
import logging
from collections.abc import Iterator

import pytest

from postroad.telemetry import JsonLines, MessageLogs
from tests.unit.app.shop import Shop, on_a_loop

_log = logging.getLogger("tests.telemetry")


class Lines(logging.Handler):
    """Keeps what it would have printed."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines() -> Iterator[Lines]:
    handler = Lines()
    handler.setFormatter(JsonLines())
    _log.addHandler(handler)
    yield handler
    _log.removeHandler(handler)


def _record(message: object, *args: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, __file__, 1, str(message), args, None)
    vars(record).update(extra)
    return record


@pytest.mark.parametrize("plain", [False, True])
def test_what_a_task_logs_names_its_message(lines: Lines, plain: bool) -> None:
    async def story(shop: Shop) -> None:
        done, loop = asyncio.Event(), asyncio.get_running_loop()
        logs = MessageLogs()
        lines.addFilter(logs)
        shop.app.use(logs)

        if plain:

            @shop.app.worker("orders")
            def charge(number: int) -> None:
                _log.warning("charging %d", number, extra={"cents": 1_999})
                loop.call_soon_threadsafe(done.set)

        else:

            @shop.app.worker("orders")
            async def charge(number: int) -> None:
                _log.warning("charging %d", number, extra={"cents": 1_999})
                done.set()

        job = await charge.adelay(7)
        async with shop.at_work():
            await done.wait()
        _log.warning("closing")
        inside, outside = map(json.loads, lines.lines)
        assert inside["message"] == "charging 7"
        assert inside["level"] == "warning"
        assert inside["cents"] == 1_999
        told = (inside["queue"], inside["message_id"], inside["attempt"])
        assert told == ("orders", job.id, 1)
        assert "queue" not in outside

    on_a_loop(story)


def test_what_json_has_no_form_for_is_shown_as_text() -> None:
    shown = json.loads(JsonLines().format(_record("half \ud800", one=object, two={1: "\ud800"})))
    assert shown["message"] == "half \\ud800"
    assert "object" in shown["one"]


class Shy:
    """It shows itself to nobody."""

    def __repr__(self) -> str:
        raise RuntimeError("not now")


@pytest.mark.parametrize("odd", [{"one": Shy()}, {"one": 10**5_000}, {"half \ud800": "\ud800"}])
def test_no_line_is_lost_for_what_it_holds(odd: dict[str, object]) -> None:
    shown = json.loads(JsonLines().format(_record("charged", **odd, cents=7)))
    assert shown["message"] == "charged"
    assert shown["cents"] in (7, "7")


def test_what_went_wrong_is_part_of_the_line() -> None:
    try:
        raise ValueError("no such order")
    except ValueError as error:
        record = _record("failed")
        record.exc_info = (ValueError, error, error.__traceback__)
    line = JsonLines().format(record)
    assert "\n" not in line
    assert json.loads(line)["error"].endswith("ValueError: no such order")
