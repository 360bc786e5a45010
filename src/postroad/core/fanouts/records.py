"""The facts about fan-outs; tags 120 to 129.

One rule: as in `postroad.core.records`: what was released keeps its tag and its fields for good.
"""

from postroad.core.records import Record


class FanoutBegan(Record, tag=120):
    """The next `count` messages on the shelf of a route set, from index `first` on, reach its
    queues in slices. `source`: number of the exchange or topic they came by, 0 for none."""

    fanout: int
    shelf: int
    first: int
    count: int
    source: int


class FanoutAdvanced(Record, tag=121):
    """The next so many queues of a fan-out got its messages, at `now_ms`; those that are there no
    more were passed over."""

    fanout: int
    queues: int
    now_ms: int


FanoutRecord = FanoutBegan | FanoutAdvanced
