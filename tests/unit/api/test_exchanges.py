"""What a program can do with exchanges, through either face."""

import pytest

from postroad import Broker, Outgoing, errors
from postroad.model.replies import Refused
from postroad.model.topics import DeclareTopic


def bodies(broker: Broker, queue: str) -> list[bytes]:
    return [message.body for message in broker.pop(queue, 100)]


def test_a_publisher_need_not_know_the_queues(broker: Broker) -> None:
    broker.declare("all")
    broker.declare("errors")
    assert broker.declare_exchange("logs", "topic")
    assert not broker.declare_exchange("logs")
    number = broker.bind("logs", "all", "#")
    assert broker.bind("logs", "all", "#") == number
    broker.bind("logs", "errors", "*.error")
    places = broker.publish_to("logs", "disk full", "db.error", headers={"n": 1})
    assert len(places) == 2
    assert broker.publish_many_to("logs", ["a", "b"], ["web.info", "web.error"]) == []
    assert bodies(broker, "all") == [b"disk full", b"a", b"b"]
    [first, second] = broker.receive("errors", 10)
    assert (first.headers, first.identity in places) == ({"n": 1}, True)
    assert second.body == b"b"
    broker.unbind("logs", "all", "#")
    assert broker.publish_to("logs", "nobody", "web.info") == []
    assert broker.publish_many_to("logs", ["1", "2"], ["x.error", "x"]) == [1]
    with pytest.raises(errors.Unroutable):
        broker.publish_to("logs", "nobody", "web.info", mandatory=True)
    with pytest.raises(errors.Unroutable, match="1 of 2"):
        broker.publish_many_to("logs", ["1", "2"], ["x.error", "x"], mandatory=True)


def test_exchanges_are_described_listed_changed_and_deleted(broker: Broker) -> None:
    broker.declare("q")
    broker.declare_exchange("a", "fanout", labels={"team": "shop"})
    broker.declare_exchange("b", "headers", alternate="a")
    broker.bind("a", "q")
    broker.bind("b", "a", {"x-match": "any", "n": 1}, to="exchange")
    assert broker.exchanges() == ["a", "b"]
    assert broker.exchanges("b") == ["b"]
    assert [one.arguments for one in broker.bindings("b")] == [{"x-match": "any", "n": 1}]
    assert [one.source for one in broker.bindings(target="a", to="exchange")] == ["b"]
    assert len(broker.bindings()) == 2
    broker.change_exchange("b", alternate=None, labels={"tier": "two"})
    described = broker.describe_exchange("b")
    assert (described.settings.alternate, described.settings.kind) == (None, "headers")
    assert described.labels == {"tier": "two"}
    broker.unbind("b", "a", {"x-match": "any", "n": 1}, to="exchange")
    with pytest.raises(errors.BindingNotFound):
        broker.unbind("b", "a", {"n": 1}, to="exchange")
    with pytest.raises(errors.ExchangeInUse):
        broker.delete_exchange("a", if_unused=True)
    broker.delete_exchange("a")
    with pytest.raises(errors.ExchangeNotFound) as caught:
        broker.publish_to("a", "x")
    assert caught.value.queue == "a"
    assert broker.bindings() == []


def test_a_binding_may_have_a_filter(broker: Broker) -> None:
    broker.declare("dear")
    broker.declare("berlin")
    broker.declare_exchange("orders", "fanout")
    broker.bind("orders", "dear", filter={"price": [{"numeric": [">=", 100]}]})
    broker.bind("orders", "berlin", filter='{"city": ["Berlin"]}', filter_scope="body")
    broker.publish_to("orders", '{"city": "Berlin"}', headers={"price": 20})
    broker.publish_to("orders", '{"city": "Bonn"}', headers={"price": 200})
    assert bodies(broker, "dear") == [b'{"city": "Bonn"}']
    assert bodies(broker, "berlin") == [b'{"city": "Berlin"}']
    with pytest.raises(errors.BadFilter, match="list of values"):
        broker.bind("orders", "dear", "k", filter={"price": 1})
    with pytest.raises(errors.BadFilter, match="JSON"):
        broker.bind("orders", "dear", "k", filter={"price": {1, 2}})
    with pytest.raises(errors.BadFilter):
        broker.bind("orders", "dear", "k", filter={"price": [1]}, filter_scope="soul")


def test_messages_with_delays_and_lives_go_through_an_exchange(broker: Broker) -> None:
    broker.declare("q")
    broker.declare_exchange("x", "fanout", delayed=True)
    broker.bind("x", "q")
    broker.publish_to("x", "later", delay_ms=60_000, key="k", priority=3)
    broker.publish_many_to("x", ["now", Outgoing("later too", {"x-delay": 60_000})])
    assert bodies(broker, "q") == [b"now"]
    assert broker.describe("q").delayed == 2


def test_topics_stand_at_either_end_of_a_binding() -> None:
    with Broker.open(None) as broker:
        assert not isinstance(broker.driver.ask(DeclareTopic("log")), Refused)
        broker.declare("q")
        broker.declare_exchange("x", "fanout")
        broker.bind("x", "log", to="topic")
        broker.bind_topic("log", "q", filter={"n": [1]})
        assert len(broker.publish_to("x", "1", headers={"n": 1})) == 2
        assert len(broker.publish_to("x", "2", headers={"n": 2})) == 1
        assert bodies(broker, "q") == [b"1"]
        broker.unbind_topic("log", "q")
        with pytest.raises(errors.BindingNotFound):
            broker.unbind_topic("log", "q")
        with pytest.raises(errors.TopicNotFound):
            broker.bind_topic("none", "q")
        with pytest.raises(errors.BadFilter):
            broker.bind_topic("log", "q", filter={"n": 1})


def test_settings_that_cannot_be_are_refused(broker: Broker) -> None:
    with pytest.raises(errors.BadSettings, match="no setting `colour`"):
        broker.declare_exchange("x", "fanout", colour="red")  # type: ignore[call-arg]
    with pytest.raises(errors.BadSettings, match="kind"):
        broker.declare_exchange("x", "round")
    with pytest.raises(errors.BadSettings):
        broker.declare_exchange("x", alternate=5)  # type: ignore[arg-type]
    broker.declare_exchange("x", "fanout")
    with pytest.raises(errors.SettingsDiffer, match="kind"):
        broker.declare_exchange("x", "topic")
    broker.declare_exchange("in", internal=True)
    with pytest.raises(errors.ExchangeInternal):
        broker.publish_to("in", "x")
