"""Groups for tests, and what a journal said to an append."""

from postroad.journal.envelope import DATA, pack
from postroad.journal.interface import Fault, Journal, Position


def data(n: int, payload: bytes = b"", *, epoch: int = 1, now_ms: int = 0, flags: int = 0) -> bytes:
    payload = payload or b"group %d" % n
    return pack(kind=DATA, flags=flags, epoch=epoch, n=n, now_ms=now_ms, payload=payload)


def append(journal: Journal, group: bytes) -> Position | Fault:
    said: list[Position | Fault] = []
    journal.append(group, said.append)
    (answer,) = said
    return answer


def appended(journal: Journal, group: bytes) -> Position:
    answer = append(journal, group)
    assert isinstance(answer, int), answer
    return answer
