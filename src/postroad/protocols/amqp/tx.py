"""Transactions of a channel: publishes and settles that are kept until the client commits.

It stands between publishing, settling and the core. The rule kept here: what is committed is one
batch, which is done as a whole or not at all, however many queues and messages it is about.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from postroad.limits import AMQP_TX_BYTES_MAX, AMQP_TX_MESSAGE_BYTES, BATCH_COMMANDS_MAX
from postroad.model.batch import Batch, BatchDone
from postroad.model.commands import Command
from postroad.model.exchanges import PublishTo, Routed
from postroad.model.replies import Refused, Reply, Why
from postroad.protocols.amqp.errors import PRECONDITION_FAILED, RESOURCE_ERROR, ChannelFault
from postroad.protocols.amqp.frames import PublishRun
from postroad.protocols.amqp.link import Script
from postroad.protocols.amqp.methods import encode_method
from postroad.protocols.amqp.publishing import fault_of, send_returns
from postroad.protocols.amqp.settling import settle_of
from postroad.protocols.amqp.unacked import Taken, Taking

if TYPE_CHECKING:
    from postroad.protocols.amqp.channel import Channel, Handler

_NO_ROOM: Final = (Why.QUEUE_FULL, Why.NO_SPACE, Why.TOO_LARGE, Why.DOES_NOT_FIT, Why.STOPPING)


class Transaction:
    """What a channel did since its last commit or rollback: `publishes` to one exchange after
    another, with the runs they came in, and `settles` with their outcomes."""

    def __init__(self) -> None:
        self.publishes: list[tuple[list[PublishRun], list[PublishTo]]] = []
        self.settles: list[tuple[Taking, int]] = []
        self._bytes = 0

    def publish(self, run: PublishRun, command: PublishTo) -> None:
        """Keep a publish; those in a row to one exchange are committed as one. Raises what closes
        the channel when it is more than a server may hold for a client."""
        self._bytes += sum(map(len, command.bodies)) + sum(map(len, command.heads or ()))
        self._bytes += AMQP_TX_MESSAGE_BYTES * len(command.bodies)
        if self._bytes > AMQP_TX_BYTES_MAX:
            text = f"a transaction has at most {AMQP_TX_BYTES_MAX:,} bytes of messages"
            raise ChannelFault(RESOURCE_ERROR, text)
        if not self.publishes or self.publishes[-1][1][0].exchange != command.exchange:
            self.publishes.append(([], []))
        runs, commands = self.publishes[-1]
        runs.append(run)
        commands.append(command)

    def settle(self, taking: Taking, outcome: int) -> None:
        """Keep what was settled; it is held until then."""
        self.settles.append((taking, outcome))

    def commands(self) -> list[Command]:
        """All of it: a command for each row of publishes to one exchange, and for each outcome of
        what came from one source."""
        found: list[Command] = [_joined(commands) for _, commands in self.publishes]
        parts: dict[tuple[int, int], Taken] = {}
        for taking, outcome in self.settles:
            for part in taking.parts:
                if not part.source.stream:
                    joined = parts.setdefault((part.source.number, outcome), Taken(part.source))
                    joined.extend(part)
        found.extend(settle_of(part, outcome) for (_, outcome), part in parts.items())
        return found

    def begin_anew(self) -> None:
        """Forget all of it."""
        self.publishes = []
        self.settles = []
        self._bytes = 0


def select(channel: "Channel", _args: dict[str, Any]) -> None:
    """tx.select."""
    if channel.publisher.confirms is not None:
        raise ChannelFault(PRECONDITION_FAILED, "cannot switch from confirm to tx mode")
    if channel.publisher.tx is None:
        channel.publisher.tx = Transaction()
    channel.send(encode_method(channel.number, "tx.select-ok"))


def commit(channel: "Channel", _args: dict[str, Any]) -> Script | None:
    """tx.commit."""
    return _commit(channel, _tx_of(channel))


def rollback(channel: "Channel", _args: dict[str, Any]) -> None:
    """tx.rollback: publishes are forgotten, and what was settled is not."""
    undo(channel, _tx_of(channel))
    channel.send(encode_method(channel.number, "tx.rollback-ok"))


def undo(channel: "Channel", tx: Transaction) -> None:
    """Forget what was not committed."""
    for taking, _ in tx.settles:
        channel.settling.unacked.put_back(taking)
    tx.begin_anew()


def _tx_of(channel: "Channel") -> Transaction:
    tx = channel.publisher.tx
    if tx is None:
        raise ChannelFault(PRECONDITION_FAILED, "channel is not transactional")
    return tx


def _commit(channel: "Channel", tx: Transaction) -> Script:
    commands = tx.commands()
    if len(commands) > BATCH_COMMANDS_MAX:
        text = f"a transaction has at most {BATCH_COMMANDS_MAX:,} publishes and settles"
        raise ChannelFault(RESOURCE_ERROR, text)
    replies: list[Reply] = []
    if commands:
        reply = yield Batch(commands, all_or_nothing=True)
        if isinstance(reply, Refused) and _fault_of(channel, tx, reply) is None:
            # A message that is not there to be settled any more stands in the way of nothing.
            reply = yield Batch(commands)
        if isinstance(reply, Refused):
            raise _fault_of(channel, tx, reply) or _incomplete()
        assert isinstance(reply, BatchDone), "a batch is done or refused"
        replies = reply.replies
        if any(isinstance(one, Refused) for one in replies[: len(tx.publishes)]):
            raise _incomplete()
    _tell(channel, tx, replies)
    for taking, _ in tx.settles:
        channel.settling.unacked.let_go(taking)
        channel.settling.settled(taking)
    tx.begin_anew()
    channel.send(encode_method(channel.number, "tx.commit-ok"))


def _fault_of(channel: "Channel", tx: Transaction, refused: Refused) -> ChannelFault | None:
    """What is wrong with the publishes."""
    if refused.why in _NO_ROOM:
        return _incomplete()
    for runs, _ in tx.publishes:
        fault = fault_of(runs[0].exchange, channel.link.vhost, refused.why)
        if fault is not None and runs[0].exchange:
            return fault
    return None


def _incomplete() -> ChannelFault:
    return ChannelFault(PRECONDITION_FAILED, "partial tx completion")


def _tell(channel: "Channel", tx: Transaction, replies: Sequence[Reply]) -> None:
    """Send back what nobody wanted."""
    for (runs, _), reply in zip(tx.publishes, replies, strict=False):
        if not isinstance(reply, Routed):
            continue
        first = 0
        for run in runs:
            stop = first + len(run.bodies)
            lost = tuple(index - first for index in reply.unroutable if first <= index < stop)
            send_returns(channel, run, 0, lost)
            first = stop


def _joined(commands: Sequence[PublishTo]) -> PublishTo:
    """Publishes to one exchange as one."""
    if len(commands) == 1:
        return commands[0]
    columns = {
        name: _column(commands, name, nothing)
        for name, nothing in (
            ("ttls_ms", None),
            ("priorities", 0),
            ("dedup_ids", None),
            ("more_keys", ()),
        )
    }
    return PublishTo(
        commands[0].exchange,
        [key for one in commands for key in _each(one)],
        [body for one in commands for body in one.bodies],
        [head for one in commands for head in one.heads or ()],
        **columns,
    )


def _each(command: PublishTo) -> list[str]:
    keys = list(command.routing_keys)
    return keys * len(command.bodies) if len(keys) == 1 else keys


def _column(commands: Sequence[PublishTo], name: str, nothing: object) -> Any:
    columns = [getattr(one, name) for one in commands]
    if all(column is None for column in columns):
        return None
    joined: list[Any] = []
    for one, column in zip(commands, columns, strict=True):
        joined.extend([nothing] * len(one.bodies) if column is None else column)
    return joined


HANDLERS: "Final[Mapping[str, Handler]]" = {
    "tx.select": select,
    "tx.commit": commit,
    "tx.rollback": rollback,
}
