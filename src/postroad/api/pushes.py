"""Pushes of queues to web addresses: set, listed, ended.

It stands between the faces and the keys that hold the pushes. The rule kept here: a push is kept
with the broker's data and done by a server, so setting it calls nobody.
"""

from postroad.api.asks import Asks
from postroad.api.collections import SpaceOperations
from postroad.api.refusals import expect
from postroad.errors import BadSettings
from postroad.limits import WEBHOOK_QUEUES_PAGE
from postroad.model.commands import DescribeQueue
from postroad.model.kv import KvGet
from postroad.model.kv_replies import KvGot
from postroad.model.pushes import PUSH_SPACE, BadPush, PushSettings, kept, read
from postroad.model.replies import Described
from postroad.model.value import value

_DEFAULTS = PushSettings(url="")
_pushes = SpaceOperations(PUSH_SPACE)


@value
class Push:
    """A queue that is delivered to a web address.

    `signed`: whether requests are; the secret itself is not told. `wrong`: why what is kept is no
    push, so that nothing is delivered; empty where it is one.
    """

    queue: str
    url: str
    concurrency: int
    per_second: int | None
    timeout_s: float
    signed: bool
    wrong: str = ""


class PushOperations:
    """What concerns pushes."""

    def push(
        self,
        queue: str,
        url: str,
        *,
        concurrency: int = _DEFAULTS.concurrency,
        per_second: int | None = _DEFAULTS.per_second,
        timeout_s: float = _DEFAULTS.timeout_ms / 1_000,
        secret: str = _DEFAULTS.secret,
    ) -> Asks[None]:
        """Deliver the messages of a queue to a web address from now on, by POST, in place of how it
        was before.

        An answer from 200 to 299 acks; anything else, or none in `timeout_s`, is a failed delivery:
        the queue's retry policy and dead letters take it from there. `concurrency`: most requests
        at once; `per_second`: most a second. `secret`: `whsec_` and base64 of 24 to 64 random
        bytes, to sign requests by Standard Webhooks. It is done by a server that has this broker,
        within a second, and survives restarts. Raises `QueueNotFound`, `BadSettings`, `TooMany`.
        """
        expect((yield DescribeQueue(queue)), Described, queue)
        settings = PushSettings(
            url=url,
            concurrency=concurrency,
            per_second=per_second,
            timeout_ms=_ms_of(timeout_s, queue),
            secret=secret,
        )
        try:
            text = kept(settings)
        except BadPush as error:
            raise BadSettings(str(error), queue) from None
        yield from _pushes.set(queue, text)

    def pushes(self) -> Asks[list[Push]]:
        """The pushes there are, in order of their queues."""
        # By name: a scan may show one twice, and one may be stopped since it was shown.
        found: dict[str, Push] = {}
        cursor, more = 0, True
        while more:
            names, cursor = yield from _pushes.scan(cursor, WEBHOOK_QUEUES_PAGE)
            texts: list[bytes | None] = []
            if names:
                command = KvGet(PUSH_SPACE, names, lenient=True)
                texts = expect((yield command), KvGot).values
            for name, text in zip(names, texts, strict=True):
                queue = name.decode(errors="replace")
                if text is not None:
                    found[queue] = _shown(queue, text)
            more = cursor != 0
        return [found[queue] for queue in sorted(found)]

    def stop_push(self, queue: str) -> Asks[bool]:
        """Deliver a queue to no web address any more; false where it was not. Its messages stay,
        and what is under way comes to its end.
        """
        return bool((yield from _pushes.delete(queue)))


def _ms_of(seconds: float, queue: str) -> int:
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        raise BadSettings("`timeout_s` is a number of seconds", queue)
    # What is no number of ms is refused as a whole number out of range.
    return round(seconds * 1_000) if 0 < seconds < 1e9 else 0


def _shown(queue: str, text: bytes) -> Push:
    try:
        settings = read(text)
    except BadPush as error:
        return Push(queue, "", 0, None, 0.0, False, str(error))
    return Push(
        queue,
        settings.url,
        settings.concurrency,
        settings.per_second,
        settings.timeout_ms / 1_000,
        bool(settings.secret),
    )
