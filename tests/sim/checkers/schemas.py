"""What schemas promise: nothing that does not fit is taken, nothing that fits is refused, and a
version says for ever what it said."""

from collections.abc import Sequence
from typing import Any

from postroad.model import commands as asks
from postroad.model import exchanges as x
from postroad.model import topics
from postroad.model.replies import Refused, Why
from postroad.model.schemas import GetSchemas, SchemasListed, SchemaStored, SetSchema
from tests.sim.checkers.registers import Register
from tests.sim.checkers.watcher import Read, Watcher
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.schemas import HELD, SHEETS


class SchemaRules(Watcher):
    """`active`: the schema of each queue or topic; `texts`: what each version says."""

    def __init__(self) -> None:
        self.used = False
        self.active = {name: Register() for name in HELD}
        self.texts: dict[tuple[str, int], str | None] = {}

    def asked(self, ask: Asked) -> None:
        """A schema may change."""
        command = ask.command
        if isinstance(command, SetSchema):
            self.used = True
            write = self.active[command.destination].write(command.schema, ask.event)
            ask.writes.append((command.destination, write))

    def answered(self, ask: Asked, reply: Any, _now: int, event: int) -> None:
        """It changed, or something was held to it."""
        command = ask.command
        if isinstance(command, SetSchema):
            for name, write in ask.writes:
                if isinstance(reply, Refused):
                    self.active[name].refuse(write)
                else:
                    self.active[name].confirm(write, event)
            if isinstance(reply, SchemaStored):
                self._stored(command, reply)
        for name in _held(command) if self.used else ():
            self._judge(ask, reply, name)

    def unknown(self, ask: Asked, until: int) -> None:
        """Nobody will tell."""
        if isinstance(ask.command, SetSchema):
            for name, write in ask.writes:
                self.active[name].doubt(write, until)

    def audit(self, read: Read, _now: int, event: int) -> None:
        """All is quiet: these are the versions."""
        if not self.used:
            return
        for name in HELD:
            listed = read(GetSchemas(name))
            if not isinstance(listed, SchemasListed):
                continue
            numbers = [one.version for one in listed.versions]
            if numbers != list(range(1, len(numbers) + 1)):
                raise Violation(f"the versions of {name} are {numbers}")
            for one in listed.versions:
                self._says(name, one.version, one.schema)
            newest = listed.versions[-1].schema if listed.versions else None
            if newest not in self.active[name].may_be(event, 0, 0):
                raise Violation(f"{newest} is the schema of {name}: {self.active[name].writes}")
            for known in self.texts:
                if known[0] == name and known[1] > len(numbers):
                    raise Violation(f"version {known} was made and is not there")
            self.active[name].settle(newest, event)

    def end(self, read: Read) -> None:
        """The topic of the story goes."""
        if self.used:
            read(topics.DeleteTopic(SHEETS))
            self.texts = {one: text for one, text in self.texts.items() if one[0] != SHEETS}
            self.active[SHEETS] = Register()

    def _stored(self, command: SetSchema, reply: SchemaStored) -> None:
        if command.version is not None and reply.version != command.version + reply.created:
            raise Violation(f"{command} was done, and made {reply}")
        self._says(command.destination, reply.version, command.schema)

    def _says(self, name: str, version: int, text: str | None) -> None:
        known = self.texts.setdefault((name, version), text)
        if known != text:
            raise Violation(f"version {version} of {name} said {known}, and says {text}")

    def _judge(self, ask: Asked, reply: Any, name: str) -> None:
        """Whether some schema that may have counted explains the answer."""
        fits = [
            _fit(text, ask.command.bodies) for text in self.active[name].may_be(ask.event, 0, 0)
        ]
        if isinstance(reply, Refused):
            if reply.why is Why.DOES_NOT_FIT and all(fits):
                raise Violation(f"{ask.command} fits {name}, and is refused: {reply}")
        elif not any(fits):
            raise Violation(f"{ask.command} was taken, and does not fit {name}")


def _held(command: Any) -> Sequence[str]:
    """The queues and topics of schemas that a publish goes to."""
    if isinstance(command, asks.Publish):
        return [name for name in command.queues if name in HELD]
    if isinstance(command, topics.Append):
        return [command.topic] if command.topic in HELD else []
    if isinstance(command, x.PublishTo) and not command.exchange:
        return [name for name in command.routing_keys if name in HELD]
    return []


def _fit(text: str | None, bodies: Sequence[bytes]) -> bool:
    return text is None or all(text.encode() in body for body in bodies)
