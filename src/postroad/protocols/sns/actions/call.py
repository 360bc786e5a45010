"""What every action has at hand: the request it serves, and the program that does its work.

The rule kept here: what an action does to topics and subscriptions it does in one program, so that
it is one step and nobody sees the half of it; only what goes over all subscriptions of a topic is
done in several, each of which looks anew.
"""

from collections.abc import Callable, Mapping
from functools import partial

from postroad.model.batch import Asking, Run, RunDone
from postroad.model.exchanges import FANOUT, DescribeExchange, ExchangeDescribed
from postroad.model.replies import Refused
from postroad.protocols.aws.faults import Fault
from postroad.protocols.aws.session import Script, Shape
from postroad.protocols.aws.signature import region_of
from postroad.protocols.http.wire import Request
from postroad.protocols.sns.arns import queue_arn, topic_arn
from postroad.protocols.sns.config import SnsConfig
from postroad.protocols.sns.envelope import Stamp
from postroad.protocols.sns.errors import no_topic, refusal
from postroad.protocols.sns.spec import EXTRA, SIGNATURE_VERSION


class Call:
    """One request being served. `now_ms` is moved on with each reply."""

    __slots__ = ("config", "now_ms", "request")

    def __init__(self, config: SnsConfig, request: Request, now_ms: int) -> None:
        self.config = config
        self.request = request
        self.now_ms = now_ms

    @property
    def region(self) -> str:
        """The region the client speaks to; the server's own where it names none."""
        return region_of(self.request) or self.config.region

    @property
    def base_url(self) -> str:
        """What addresses begin with that lead back here."""
        host = self.request.headers.get(b"host", b"").decode("latin-1")
        return (self.config.external_url or f"http://{host or 'localhost'}").rstrip("/")

    def topic_arn(self, name: str) -> str:
        """The ARN of a topic."""
        return topic_arn(self.region, self.config.account, name)

    def queue_arn(self, name: str) -> str:
        """The ARN of a queue."""
        return queue_arn(self.region, self.config.account, name)

    def stamp(self, topic_arn: str, extras: Mapping[str, str]) -> Stamp:
        """What envelopes of a topic with these extras say."""
        version = extras.get(EXTRA + SIGNATURE_VERSION) or "1"
        return Stamp(topic_arn, self.now_ms, self.base_url, version)

    def subscription_arn(self, topic: str, binding: int) -> str:
        """The ARN of the subscription that a binding is."""
        return f"{self.topic_arn(topic)}:{self.config.names.subscription_id(topic, binding)}"


def run(program: Callable[[Asking], Shape | Fault]) -> Script:
    """What a program returned; a program that was not run to its end is a fault."""
    reply = yield Run(program)
    if isinstance(reply, Refused):
        return refusal(reply)
    assert isinstance(reply, RunDone), reply
    result: Shape | Fault = reply.result  # type: ignore[assignment]
    return result


def _step(program: Callable[[Asking, int], Shape | Fault | int], after: int, tx: Asking) -> object:
    return program(tx, after)


def run_in_steps(program: Callable[[Asking, int], Shape | Fault | int]) -> Script:
    """What a program returned that is run step by step, because others would wait too long for it
    in one: first with 0, then with each number it returns, until it returns something else."""
    after = 0
    while True:
        reply = yield Run(partial(_step, program, after))
        if isinstance(reply, Refused):
            return refusal(reply)
        assert isinstance(reply, RunDone), reply
        result: Shape | Fault | int = reply.result  # type: ignore[assignment]
        if not isinstance(result, int):
            return result
        after = result


def find_topic(tx: Asking, name: str) -> ExchangeDescribed | Fault:
    """A topic as it is."""
    reply = tx.ask(DescribeExchange(name))
    if isinstance(reply, ExchangeDescribed) and reply.settings.kind == FANOUT:
        return reply
    return no_topic()


def done(reply: object) -> Shape | Fault:
    """The answer of an action that answers nothing."""
    return refusal(reply) if isinstance(reply, Refused) else {}
