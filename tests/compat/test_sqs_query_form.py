"""The older Query form, by an SDK that knows no other, and by hand as scripts use it."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.compat.clients import Queue
from tests.compat.processes import Served

OLD_SDK = "botocore==1.29.165"
"""Of July 2023: among the last that speak to SQS in the Query form."""
INSTALL_S_MAX = 120
PROGRAM = Path(__file__).parent / "programs" / "old_sdk.py"
NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"


@pytest.fixture(scope="session")
def old_sdk() -> Path:
    """A folder with the old SDK, installed once for this environment."""
    folder = Path(sys.prefix) / "old-clients" / OLD_SDK
    if not (folder / "botocore").is_dir():
        command = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        command += ["--no-warn-conflicts", "--target", str(folder), OLD_SDK]
        done = subprocess.run(command, capture_output=True, timeout=INSTALL_S_MAX, check=False)
        if done.returncode:
            pytest.fail(f"{OLD_SDK} cannot be installed here: {done.stderr.decode()[-200:]}")
    return folder


def test_an_old_sdk_finds_everything_in_its_place(shared: Served, old_sdk: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(old_sdk)}
    command = [sys.executable, str(PROGRAM), shared.url]
    done = subprocess.run(command, env=env, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    url = f"{shared.url}/000000000000/old-mail"
    assert said == {
        "protocol": "query",
        "url": url,
        "sources": [url],
        "tags": {"team": "a&b"},
        "found": url,
        "listed": [f"{shared.url}/000000000000/old-dead", url],
        "same": True,
        "count": "1",
        "sent": ["a", "b"],
        "failed": [["c", "InvalidMessageContents", True]],
        "bodies": ["one", "two"],
        "deleted": ["0", "1"],
        "empty": True,
        "tags_left": {"x": "y"},
        "purge": "AWS.SimpleQueueService.PurgeQueueInProgress",
        "gone": ["AWS.SimpleQueueService.NonExistentQueue", "Sender"],
    }


def ask(url: str, **parameters: str) -> tuple[int, ET.Element]:
    form = urllib.parse.urlencode({"Version": "2012-11-05", **parameters}).encode()
    try:
        with urllib.request.urlopen(url, form, timeout=30) as answer:
            return answer.status, ET.fromstring(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ET.fromstring(error.read())


def test_a_form_sent_to_the_queue_s_own_address_needs_no_other(mail: Queue) -> None:
    status, answer = ask(mail.url, Action="SendMessage", MessageBody="<a> & b")
    assert status == 200
    assert answer.tag == NAMESPACE + "SendMessageResponse"
    status, answer = ask(mail.url, Action="ReceiveMessage", MaxNumberOfMessages="10")
    (message,) = answer.iter(NAMESPACE + "Message")
    assert message.findtext(NAMESPACE + "Body") == "<a> & b"
    handle = message.findtext(NAMESPACE + "ReceiptHandle") or ""
    status, answer = ask(mail.url, Action="DeleteMessage", ReceiptHandle=handle)
    assert status == 200
    assert answer.find(NAMESPACE + "ResponseMetadata") is not None
    assert mail.counts() == (0, 0, 0)


def test_an_action_may_be_an_address_to_open(mail: Queue) -> None:
    query = urllib.parse.urlencode({"Action": "SendMessage", "MessageBody": "typed in"})
    with urllib.request.urlopen(f"{mail.url}?{query}", timeout=10) as answer:
        assert answer.status == 200
    assert mail.one()["Body"] == "typed in"


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"Action": "SendMessage", "MessageBody": ""}, 400, "MissingParameter"),
        ({"Action": "Nonsense"}, 400, "InvalidAction"),
        ({}, 400, "MissingAction"),
        ({"Action": "ReceiveMessage", "MaxNumberOfMessages": "x"}, 400, "InvalidParameterValue"),
        ({"Action": "DeleteMessage", "ReceiptHandle": "x"}, 404, "ReceiptHandleIsInvalid"),
    ],
)
def test_a_bad_form_gets_the_service_s_error(
    mail: Queue, parameters: dict[str, str], status: int, code: str
) -> None:
    found, answer = ask(mail.url, **parameters)
    assert found == status
    assert answer.tag == NAMESPACE + "ErrorResponse"
    assert answer.findtext(f"{NAMESPACE}Error/{NAMESPACE}Code") == code
    assert answer.findtext(f"{NAMESPACE}Error/{NAMESPACE}Type") == "Sender"
    assert mail.counts() == (0, 0, 0)
