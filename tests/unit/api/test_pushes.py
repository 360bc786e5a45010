"""Which pushes there are, whatever a scan shows of them."""

from postroad.api.asks import Asks
from postroad.api.pushes import Push, PushOperations
from postroad.model.commands import Command
from postroad.model.kv import KvScan
from postroad.model.kv_replies import KvGot, KvScanned
from postroad.model.pushes import PushSettings, kept

ORDERS = kept(PushSettings(url="http://127.0.0.1/orders"))


def told(operation: Asks[list[Push]], pages: list[KvScanned], texts: list[KvGot]) -> list[str]:
    command: Command = next(operation)
    try:
        while True:
            reply = pages.pop(0) if isinstance(command, KvScan) else texts.pop(0)
            command = operation.send(reply)
    except StopIteration as end:
        assert not pages
        return [one.queue for one in end.value]


def test_a_push_that_a_scan_shows_twice_is_listed_once() -> None:
    pages = [KvScanned([b"orders"], 7), KvScanned([b"mails", b"orders"], 0)]
    texts = [KvGot([ORDERS], [1]), KvGot([ORDERS, ORDERS], [1, 1])]
    assert told(PushOperations().pushes(), pages, texts) == ["mails", "orders"]


def test_a_push_that_was_stopped_since_it_was_shown_is_not_listed() -> None:
    pages = [KvScanned([b"mails", b"orders"], 0)]
    assert told(PushOperations().pushes(), pages, [KvGot([None, ORDERS], [0, 1])]) == ["orders"]
