"""Calls of tasks: what is published, what is refused, and how results are waited for."""

import asyncio
from collections.abc import Iterator
from threading import Thread

import pytest

from postroad import App, Broker, Job, Retry
from postroad.app.jobs import RESULTS, result_operations, wake_operations
from postroad.app.outcomes import Failed, Succeeded
from postroad.errors import (
    BadCommand,
    BlocksLoop,
    JobFailed,
    NoResult,
    ResultTimeout,
    SettingsDiffer,
)
from postroad.limits import JOBS_PUBLISH
from postroad.testing import ClockedBroker


@pytest.fixture
def broker() -> Iterator[ClockedBroker]:
    with ClockedBroker.open() as opened:
        yield opened


def mail(to: str, subject: str = "hello") -> None: ...


def finish(broker: Broker, queue: str, outcome: Succeeded | Failed) -> None:
    """What a worker does when a run is over."""
    (message,) = broker.receive(queue)
    broker.batch([broker.later.ack(message), *result_operations(message, outcome)])
    for wake, id in wake_operations([message]):
        broker.publish(wake, id)


def test_the_first_call_makes_the_queues(broker: ClockedBroker) -> None:
    task = App.of(broker).worker("mails", lease_s=60, retry=Retry(attempts=3))(mail)
    task.delay("ada")
    assert broker.queues() == ["mails", "mails.dead"]
    settings = broker.describe("mails").settings
    assert settings.lease_ms == 60_000
    assert settings.deliveries_max == 3
    assert settings.dead_letter_queue == "mails.dead"


def test_other_settings_are_refused_unless_the_worker_says_update(broker: ClockedBroker) -> None:
    broker.declare("mails", lease_ms=5_000)
    with pytest.raises(SettingsDiffer, match="update=True"):
        App.of(broker).worker("mails")(mail).delay("ada")
    App.of(broker).worker("mails", update=True)(mail).delay("ada")
    assert broker.describe("mails").settings.lease_ms == 30_000


def test_options_go_to_the_message_and_the_rest_to_the_task(broker: ClockedBroker) -> None:
    task = App.of(broker).worker("mails", settings={"kind": "priority"})(mail)
    task.delay("ada", subject="hi", key="ada", priority=3, headers={"trace": "t"})
    (message,) = broker.receive("mails")
    assert message.body == b'{"to":"ada","subject":"hi"}'
    assert (message.key, message.priority, message.headers) == ("ada", 3, {"trace": "t"})


def test_a_parameter_of_the_task_is_no_option(broker: ClockedBroker) -> None:
    def keyed(key: str, priority: int) -> None: ...

    App.of(broker).worker("keyed")(keyed).delay(key="k", priority=2)
    (message,) = broker.receive("keyed")
    assert message.body == b'{"key":"k","priority":2}'
    assert (message.key, message.priority) == (None, 0)


def test_a_delayed_call_is_ready_after_its_time(broker: ClockedBroker) -> None:
    App.of(broker).worker("mails")(mail).delay("ada", delay_seconds=1.5)
    broker.pass_time(1_499)
    assert not broker.receive("mails")
    broker.pass_time(1)
    assert broker.receive("mails")


def test_a_call_with_a_known_id_is_the_first_job(broker: ClockedBroker) -> None:
    task = App.of(broker).worker("mails", settings={"dedup_window_ms": 60_000})(mail)
    first = task.delay("ada", dedup_id="welcome ada")
    assert task.delay("ada", dedup_id="welcome ada").id == first.id
    assert broker.describe("mails").ready == 1


def test_what_is_wrong_with_a_call_is_raised_before_anything_is_published(
    broker: ClockedBroker,
) -> None:
    task = App.of(broker).worker("mails")(mail)
    with pytest.raises(TypeError, match="missing a required argument: 'to'"):
        task.delay(subject="hi")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match=r"call 1 of 2: .*Expected `str`, got `int`"):
        task.delay_many([("ada",), (7,)])
    with pytest.raises(TypeError, match="a tuple of them, or a mapping by name, not str"):
        task.delay_many(["ada"])
    with pytest.raises(TypeError, match="many calls have no option `dedup_id`"):
        task.delay_many([("ada",)], dedup_id="x")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="a number of seconds, not str"):
        task.delay("ada", delay_seconds="1")  # type: ignore[call-overload]
    with pytest.raises(BadCommand, match="`delay_seconds` is from 0"):
        task.delay("ada", delay_seconds=-1)
    assert broker.queues() == []


def test_many_calls_are_published_some_hundred_at_once(broker: ClockedBroker) -> None:
    def work(number: int) -> None: ...

    task = App.of(broker).worker("work")(work)
    count = JOBS_PUBLISH + 1
    jobs = task.delay_many(range(count))
    assert len({job.id for job in jobs}) == count
    bodies = [message.body for message in broker.receive("work", count)]
    assert bodies == [str(number).encode() for number in range(count)]
    assert task.delay_many([]) == []


def test_many_calls_of_several_parameters_are_tuples_or_mappings(broker: ClockedBroker) -> None:
    task = App.of(broker).worker("mails")(mail)
    task.delay_many([("ada",), {"to": "ben", "subject": "hi"}], delay_seconds=1)
    broker.pass_time(1_000)
    bodies = [message.body for message in broker.receive("mails", 2)]
    assert bodies == [b'{"to":"ada"}', b'{"to":"ben","subject":"hi"}']


def test_a_call_that_waits_is_refused_on_a_running_loop(broker: ClockedBroker) -> None:
    task = App.of(broker).worker("mails")(mail)

    async def main() -> Job[None]:
        with pytest.raises(BlocksLoop, match=r"use `await mail.adelay\(...\)`"):
            task.delay("ada")
        with pytest.raises(BlocksLoop, match=r"use `await mail.adelay_many\(...\)`"):
            task.delay_many([("ada",)])
        job = await task.adelay("ada", result=True)
        with pytest.raises(BlocksLoop, match=r"use `await job.aresult\(\)`"):
            job.result()
        assert len(await task.adelay_many([("ben",)] * 3)) == 3
        return job

    asyncio.run(main())
    assert broker.describe("mails").ready == 4


def test_a_result_that_was_not_asked_for_is_not_kept(broker: ClockedBroker) -> None:
    job = App.of(broker).worker("mails")(mail).delay("ada")
    finish(broker, "mails", Succeeded(7))
    assert broker.kv(RESULTS).count() == 0
    with pytest.raises(NoResult, match="result=True"):
        job.result()


def test_a_result_goes_after_its_time(broker: ClockedBroker) -> None:
    def add(one: int, two: int) -> int:
        return one + two

    app = App.of(broker)
    job = app.worker("sums")(add).delay(1, 2, result=True, result_ttl_seconds=60)
    finish(broker, "sums", Succeeded(3))
    assert job.result(timeout_s=0) == 3
    assert broker.kv(RESULTS).ttl(job.id) == 60_000
    broker.pass_time(60_000)
    with pytest.raises(ResultTimeout, match="has no result after 0 s"):
        app.job(job.id).result(timeout_s=0)


def test_a_result_is_what_the_task_says_it_returns(broker: ClockedBroker) -> None:
    def split(text: str) -> set[bytes]:
        return set(text.encode().split())

    job = App.of(broker).worker("split")(split).delay("a b", result=True)
    finish(broker, "split", Succeeded(split("a b")))
    assert job.result(timeout_s=0) == {b"a", b"b"}


def test_a_failure_is_kept_with_its_traceback(broker: ClockedBroker) -> None:
    job = App.of(broker).worker("mails")(mail).delay("ada", result=True)
    finish(broker, "mails", Failed(ValueError("no such box"), "Traceback ..."))
    with pytest.raises(JobFailed, match="ValueError: no such box") as failed:
        job.result(timeout_s=0)
    assert failed.value.traceback == "Traceback ..."


def test_half_a_character_in_an_error_is_kept_as_python_shows_it(broker: ClockedBroker) -> None:
    job = App.of(broker).worker("mails")(mail).delay("ada", result=True)
    finish(broker, "mails", Failed(ValueError("no box \udcff of ren\xe9"), ""))
    with pytest.raises(JobFailed, match=r"no box \\udcff of ren\xe9"):
        job.result(timeout_s=0)


def test_a_result_without_a_form_in_json_is_a_failure_that_says_so(broker: ClockedBroker) -> None:
    job = App.of(broker).worker("mails")(mail).delay("ada", result=True)
    finish(broker, "mails", Succeeded(object()))
    with pytest.raises(JobFailed, match="`object` has no form in JSON"):
        job.result(timeout_s=0)


def test_who_waits_on_a_thread_is_woken(broker: ClockedBroker) -> None:
    def count(text: str) -> int:
        return len(text)

    job = App.of(broker).worker("counts")(count).delay("four", result=True)
    found: list[int] = []
    waiting = Thread(target=lambda: found.append(job.result(timeout_s=20)))
    waiting.start()
    finish(broker, "counts", Succeeded(4))
    waiting.join(20)
    assert found == [4]


def test_who_waits_on_a_loop_is_woken(broker: ClockedBroker) -> None:
    def count(text: str) -> int:
        return len(text)

    task = App.of(broker).worker("counts")(count)

    async def main() -> list[int]:
        jobs = await task.adelay_many(["a", "bb", "ccc"], result=True)
        waiting = [asyncio.create_task(job.aresult(timeout_s=20)) for job in jobs]
        for number in (1, 2, 3):
            await asyncio.to_thread(finish, broker, "counts", Succeeded(number))
        return list(await asyncio.gather(*waiting))

    assert asyncio.run(main()) == [1, 2, 3]


def test_a_wait_ends_with_its_time(broker: ClockedBroker) -> None:
    job = App.of(broker).worker("mails")(mail).delay("ada", result=True)
    with pytest.raises(ResultTimeout):
        job.result(timeout_s=0.01)
    with pytest.raises(TimeoutError):
        asyncio.run(job.aresult(timeout_s=0.01))


def test_calls_at_once_open_one_broker() -> None:
    app = App(None)

    def count(text: str) -> int:
        return len(text)

    task = app.worker("counts")(count)

    async def main() -> int:
        await asyncio.gather(*(task.adelay("a") for _ in range(20)))
        described = await app.link.ado(lambda ops: ops.describe("counts"))
        await app.aclose()
        return described.ready

    assert asyncio.run(main()) == 20
