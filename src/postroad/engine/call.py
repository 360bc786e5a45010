"""One call of a task on its way to its answer.

One rule: the answer is kept even where nobody waits for it any more, so that what it leased can be
given back. Compiled by mypyc where possible.
"""

import asyncio

from postroad.model.replies import Reply


class Call:
    """`answer`: what its task waits for; `reply`: what came."""

    __slots__ = ("answer", "reply")

    def __init__(self, answer: "asyncio.Future[Reply]") -> None:
        self.answer = answer
        self.reply: Reply | None = None

    def take(self, _number: int, reply: Reply) -> None:
        """The answer came."""
        self.reply = reply
        answer = self.answer
        if not answer.done():
            answer.set_result(reply)
