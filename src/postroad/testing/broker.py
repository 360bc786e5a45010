"""A blocking broker whose time passes when a test says so.

It stands beside the command line, over the API. The rule kept here: when `pass_time` returns, all
that time alone makes true is so.
"""

import os
from typing import Self, Unpack

from postroad.api.broker import Broker
from postroad.api.options import BrokerOptions
from postroad.engine.clock import Clock
from postroad.testing.clock import ManualClock


class ClockedBroker(Broker):
    """A broker, in memory unless a directory is named, with a clock that stands still until a test
    moves it. A wait of a receive is real time all the same.
    """

    @classmethod
    def open(
        cls,
        directory: str | os.PathLike[str] | None = None,
        *,
        clock: Clock | None = None,
        **settings: Unpack[BrokerOptions],
    ) -> Self:
        """Open as `Broker.open` does; a `ManualClock` may be given to keep it over two openings."""
        return super().open(directory, clock=clock or ManualClock(), **settings)

    def pass_time(self, ms: int) -> None:
        """Let so much time pass: delays end, leases lapse, old messages leave, dead ones move."""
        clock = self.driver.clock
        if not isinstance(clock, ManualClock):
            raise TypeError(
                "the time of this broker is not ours to move; open it with a ManualClock"
            )
        clock.advance(ms)
        self.driver.run_for(clock.now_ms())
