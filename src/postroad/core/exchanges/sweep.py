"""Bindings of what is gone are removed, a slice at a time.

One rule: nothing is routed along them any more, so that it does not matter when they go.
"""

from itertools import chain, islice

from postroad.core.decision import World
from postroad.core.exchanges import records as facts
from postroad.core.exchanges.state import Exchanges
from postroad.core.records import Record
from postroad.limits import BINDING_SLICE


def next_ms(world: World) -> int:
    """When there is something to sweep, in ms: at once, or 0 for never."""
    return 1 if world.state.exchanges.sweeping else 0


def sweep_slice(world: World, _now: int) -> list[Record]:
    """Some bindings of one thing that is gone."""
    realm = world.state.exchanges
    gone = next(iter(realm.sweeping))
    ends = (realm.from_source.get(gone, {}), realm.to_target.get(gone, {}))
    ids = list(dict.fromkeys(islice(chain(*ends), BINDING_SLICE)))
    return [facts.BindingsRemoved(ids), *ended_with(realm, ids)]


def ended_with(realm: Exchanges, bindings: list[int]) -> list[Record]:
    """The ends of exchanges that go with the last of these bindings."""
    left: dict[int, int] = {}
    for id in bindings:
        source = realm.bindings[id].source
        exchange = realm.by_id.get(source)
        if exchange is not None and exchange.settings.until_unbound:
            left[source] = left.get(source, len(realm.from_source[source])) - 1
    return [facts.ExchangeDeleted(source) for source, count in left.items() if not count]
