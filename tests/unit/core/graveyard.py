"""A queue whose dead go through the exchange `graves`: what its tests say and see."""

from postroad.model import commands
from postroad.model.exchanges import Bind, DeclareExchange, ExchangeSettings, PublishTo, Routed
from postroad.model.message import Delivery, Note
from postroad.model.properties import Properties, routed_head, write_properties
from tests.unit.core.road import Road


def graves(r: Road, kind: str = "direct", **settings: object) -> None:
    r.ask(DeclareExchange("graves", ExchangeSettings(kind, **settings)))  # type: ignore[arg-type]


def bind(r: Road, target: str, key: str = "", source: str = "graves", **more: object) -> None:
    assert r.ask(Bind(source, target, key, **more)) is not None  # type: ignore[arg-type]


def head(exchange: str, key: str, headers: dict[str, object] | None = None) -> bytes:
    return routed_head(exchange, key, write_properties(Properties(headers=headers)))  # type: ignore[arg-type]


def publish(r: Road, body: bytes, head: bytes, to: str = "q") -> None:
    assert isinstance(r.ask(PublishTo("", (to,), [body], [head])), Routed)


def reject(r: Road, queue: str = "q", count: int = 1) -> None:
    r.settle(r.receive(queue, count), commands.REJECT)
    r.settle_down()


def note_of(message: Delivery) -> Note:
    assert message.note is not None
    return message.note
