"""Golden conversations: what a client sends, and what comes back, as text.

A `#` line tells what happens, `>` lines are the client's bytes (a `>` alone ends the head; a
Content-Length is added to it), `<` lines are ours. `$HANDLE2` stands for the second receipt handle
that came back so far, `$TASK1` for the first task handle.
"""

import os
import re
from pathlib import Path
from urllib.parse import quote_plus

from tests.wire.sqs.rig import Rig

FOLDER = Path(__file__).parent / "golden"
NAMES = sorted(path.stem for path in FOLDER.glob("*.txt"))
WRITING = bool(os.environ.get("POSTROAD_WRITE_GOLDEN"))

_HANDLES = re.compile(rb'ReceiptHandle(?:">|":"|>)([A-Za-z0-9_-]{52})')
_TASKS = re.compile(rb'TaskHandle(?:":"|>)([A-Za-z0-9+/=]+)')


class Step:
    def __init__(self, note: str, sent: list[str], expected: list[str]) -> None:
        self.note = note
        self.sent = sent
        self.expected = expected

    def request(self, came_back: bytes) -> bytes:
        """The bytes to send, given all that came back before."""
        empty = self.sent.index("")
        head, body = self.sent[:empty], "\n".join(self.sent[empty + 1 :])
        form = any("urlencoded" in line for line in head)
        for mark, found in (("$HANDLE", _HANDLES), ("$TASK", _TASKS)):
            for number, handle in enumerate(found.findall(came_back), 1):
                text = handle.decode()
                body = body.replace(f"{mark}{number}", quote_plus(text) if form else text)
        if body:
            head = [*head, f"Content-Length: {len(body.encode())}"]
        return "\r\n".join([*head, "", body]).encode()

    def answer(self) -> bytes:
        """The bytes that are to come back: lines end as HTTP has them, in the head alone."""
        empty = self.expected.index("")
        head, body = self.expected[:empty], "\n".join(self.expected[empty + 1 :])
        return "\r\n".join([*head, "", body]).encode()


def steps_of(name: str) -> list[Step]:
    steps: list[Step] = []
    for line in (FOLDER / f"{name}.txt").read_text().splitlines():
        kind, text = line[:1], line[2:]
        if kind == "#":
            steps.append(Step(text, [], []))
        elif kind == ">":
            steps[-1].sent.append(text)
        elif kind == "<":
            steps[-1].expected.append(text)
    return steps


def write(name: str) -> None:
    """Write down what comes back today; the diff is the review."""
    rig = Rig()
    came_back = b""
    out = []
    for step in steps_of(name):
        answer, _ = rig.feed(step.request(came_back))
        came_back += answer
        lines = answer.decode().replace("\r\n", "\n").split("\n")
        out.append(
            "\n".join(
                (
                    f"# {step.note}",
                    *(f"> {line}".rstrip() for line in step.sent),
                    *(f"< {line}".rstrip() for line in lines),
                    "",
                )
            )
        )
    (FOLDER / f"{name}.txt").write_text("\n".join(out))
