"""One of each kind of fact about topics and groups, for the golden bytes."""

from postroad.core.records import Record
from postroad.core.topics import records as facts
from postroad.model.policy import QueueSettings
from postroad.model.topics import TopicSettings

NOW = 1_700_000_000_123
SETTINGS = TopicSettings(1, 2, True, 3, 4, 5)

EXAMPLES: list[Record] = [
    facts.TopicDeclared(7, "news", SETTINGS, {"a.b": "c"}, {"team": "a"}, [8, 9], NOW),
    facts.TopicChanged(7, TopicSettings(), {}, {}),
    facts.PartitionsAdded(7, [10, 11], [[12, 13], [14, 15]], NOW),
    facts.TopicDeleted(7),
    facts.LogCut(8, 4_097),
    facts.Superseded(8, 4_096, 4, bytes([0b1011])),
    facts.Cleaned(8, 10_000, NOW, NOW - 5),
    facts.GroupMade(20, "readers", NOW),
    facts.GroupTurned(20, 3, "sticky"),
    facts.OffsetsCommitted(20, [(8, 100, "söme"), (9, 0, "")], NOW),
    facts.GroupDeleted(20),
    facts.ShareDeclared(21, 7, "workers", QueueSettings(), [(22, 0), (23, 4_097)], NOW),
    facts.ShareSought(21, 1, 24, 9, NOW),
    facts.ShareFed(22, 262_144, NOW),
    facts.ShareDeleted(21),
    facts.ConsumerMade(21, 25, "wörker", NOW),
    facts.ConsumerDeleted(21, 25),
    facts.Claimed(22, 2 << 40, 4_096, 4, bytes([0b1011]), 7, NOW, 1 << 63 | 25, NOW, True, 3),
    facts.ShareMoved(22, 4_097),
    facts.OffsetsNoted(20, [(8, 100, "söme", 7), (9, 0, "", -1)], NOW),
    facts.OffsetsForgotten(20, [8, 9]),
]
