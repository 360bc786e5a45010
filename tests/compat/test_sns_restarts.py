"""What SNS users find after a server was killed: all they were told."""

import signal

from tests.compat.clients import Queue, connected
from tests.compat.conftest import Serve
from tests.compat.sns_clients import Topic, bodies, opened, sns_connected, text


def test_topics_subscriptions_filters_and_tags_are_there_after_a_kill(serve: Serve) -> None:
    served = serve()
    with connected(served.url) as sqs, sns_connected(served.url) as sns:
        mail, raw = Queue(sqs, "mail"), Queue(sqs, "raw")
        news = Topic(sns, "news", DisplayName="News")
        line = Topic(sns, "line.fifo", FifoTopic="true", ContentBasedDeduplication="true")
        enveloped = news.subscribe(mail, FilterPolicy='{"state":["paid"]}')
        news.subscribe_raw(raw)
        line.subscribe_raw(raw)
        sns.tag_resource(ResourceArn=news.arn, Tags=[{"Key": "team", "Value": "a"}])
        sent = news.publish("before", MessageAttributes={"state": text("paid")})
        first = line.publish("once", MessageGroupId="a")
        before = news.of(enveloped)
    assert served.stop(signal.SIGKILL) == -signal.SIGKILL
    url = serve().url
    with connected(url) as sqs, sns_connected(url) as sns:
        mail, raw = Queue(sqs, "mail"), Queue(sqs, "raw")
        news = Topic(sns, "news", DisplayName="News")
        assert news.of(enveloped) == before
        assert len(news.subscriptions()) == 2
        assert news.attributes()["DisplayName"] == "News"
        tags = sns.list_tags_for_resource(ResourceArn=news.arn)["Tags"]
        assert tags == [{"Key": "team", "Value": "a"}]
        arn = line.arn
        again = sns.publish(TopicArn=arn, Message="once", MessageGroupId="a")
        assert again["SequenceNumber"] == first["SequenceNumber"]
        after = news.publish("after", MessageAttributes={"state": text("lost")})
        assert after["MessageId"] != sent["MessageId"]
        assert opened(mail.one())["MessageId"] == sent["MessageId"]
        assert mail.counts() == (0, 1, 0)
        assert bodies(raw) == ["before", "once", "after"]
