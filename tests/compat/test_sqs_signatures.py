"""Access keys: boto3 with the right one is served, anybody else gets the service's error."""

import datetime
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.compat.clients import KEY_ID, SECRET, Queue, code_of, connected
from tests.compat.processes import Served, start
from tests.compat.sns_clients import Topic, sns_connected

CREDENTIALS = Credentials(KEY_ID, SECRET)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that knows two keys."""
    folder = tmp_path_factory.mktemp("keys")
    file = folder / "postroad.toml"
    file.write_text(f'[sqs.keys]\n{KEY_ID} = "{SECRET}"\nOTHER = "other-secret"\n')
    served = start(folder / "server", "--config", str(file), data=folder / "data")
    yield served
    assert served.stop() == 0


def get(url: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    try:
        asked = urllib.request.Request(url, headers=headers or {})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_right_key_is_served_whatever_is_in_the_request(mail: Queue) -> None:
    body = "a+b c/d=e&f~ü\U0001f4ee" * 100
    mail.send(body, MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})
    assert mail.one()["Body"] == body


def test_every_key_of_the_settings_is_served(shared: Served, mail: Queue) -> None:
    mail.send("x")
    with connected(shared.url, key_id="OTHER", secret="other-secret") as other:
        got = other.receive_message(QueueUrl=mail.url)
    assert got["Messages"][0]["Body"] == "x"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"secret": "wrong"}, "SignatureDoesNotMatch"),
        ({"key_id": "NOBODY"}, "InvalidClientTokenId"),
    ],
)
def test_a_wrong_key_gets_the_service_s_error_and_changes_nothing(
    shared: Served, mail: Queue, given: dict[str, str], code: str
) -> None:
    with connected(shared.url, **given) as wrong:
        assert code_of(wrong.send_message, QueueUrl=mail.url, MessageBody="x") == code
    assert mail.counts() == (0, 0, 0)


def test_no_signature_is_no_entry_but_health_is_for_all(shared: Served) -> None:
    status, text = get(shared.url + "/?Action=ListQueues&Version=2012-11-05")
    assert status == 403
    assert "<Code>MissingAuthenticationToken</Code>" in text
    assert get(shared.url + "/health/ready")[0] == 200


@pytest.mark.parametrize(
    ("minutes", "status"), [(0, 200), (10, 200), (-10, 200), (20, 403), (-20, 403)]
)
def test_a_clock_may_be_a_quarter_of_an_hour_off(
    shared: Served, monkeypatch: pytest.MonkeyPatch, minutes: int, status: int
) -> None:
    now = datetime.datetime.now(datetime.UTC)  # noqa: TID251  (a client has a clock of its own)
    then = now + datetime.timedelta(minutes=minutes)
    monkeypatch.setattr(auth, "get_current_datetime", lambda *_, **__: then)
    asked = AWSRequest(
        "GET", shared.url + "/", params={"Action": "ListQueues", "Version": "2012-11-05"}
    )
    auth.SigV4Auth(CREDENTIALS, "sqs", "us-east-1").add_auth(asked)
    ready = asked.prepare()
    found, text = get(ready.url, dict(ready.headers))
    assert found == status, text
    assert status == 200 or "SignatureDoesNotMatch" in text or "RequestExpired" in text, text


def presigned(shared: Served, seconds: int = 60, **parameters: str) -> str:
    asked = AWSRequest("GET", shared.url + "/", params={"Version": "2012-11-05", **parameters})
    auth.SigV4QueryAuth(CREDENTIALS, "sqs", "us-east-1", expires=seconds).add_auth(asked)
    return str(asked.prepare().url)


def test_a_presigned_address_needs_no_headers(shared: Served, mail: Queue) -> None:
    url = presigned(shared, Action="SendMessage", QueueUrl=mail.url, MessageBody="a b&c")
    status, text = get(url)
    assert status == 200, text
    assert mail.one()["Body"] == "a b&c"


def test_a_presigned_address_is_good_for_what_was_signed_only(shared: Served, mail: Queue) -> None:
    url = presigned(shared, Action="SendMessage", QueueUrl=mail.url, MessageBody="signed")
    status, text = get(url.replace("=signed", "=forged"))
    assert status == 403
    assert "SignatureDoesNotMatch" in text
    assert mail.counts() == (0, 0, 0)


def test_sns_on_the_same_port_asks_for_a_key_too(shared: Served, mail: Queue) -> None:
    with sns_connected(shared.url) as sns:
        news = Topic(sns, "news")
        news.subscribe_raw(mail)
        news.publish("a b&c=d~ü", Subject="x")
        assert mail.one()["Body"] == "a b&c=d~ü"
    with sns_connected(shared.url, secret="wrong") as sns:
        assert code_of(sns.list_topics) == "SignatureDoesNotMatch"
    with sns_connected(shared.url, key_id="NOBODY") as sns:
        assert code_of(sns.list_topics) == "InvalidClientTokenId"
    assert get(f"{shared.url}/?Action=ListTopics&Version=2010-03-31")[0] == 403
