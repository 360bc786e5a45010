"""The native protocol as data: kinds of frames, and a number for every command and every reply.

It is what both ends, the tests and the manual read. The rule kept here: a number once given stays
for ever; what is new gets a new one, and a class that gets a new field gets it at its end, with a
default.
"""

from enum import IntEnum
from typing import Final

from postroad.model import (
    batch,
    claims,
    commands,
    exchanges,
    groups,
    history,
    kv,
    kv_replies,
    lists,
    replies,
    rounds,
    schedules,
    schemas,
    topics,
)
from postroad.model.commands import Command
from postroad.model.replies import Reply
from postroad.model.value import value

MAGIC: Final = b"POSTROAD"
"""What a client sends before its first frame."""
VERSION: Final = 1
"""The highest version of the protocol that is spoken here."""
VERSION_MIN: Final = 1
"""The lowest one."""
SOCKET_NAME: Final = "postroad.sock"
"""The unix socket of a server, in its data directory."""


class Kind(IntEnum):
    """What a frame is; those of a client are below 128."""

    HELLO = 1
    REQUEST = 2
    CANCEL = 3
    PING = 4
    GOODBYE = 5
    WELCOME = 128
    REPLY = 129
    PONG = 130
    FAULT = 131


class Again(IntEnum):
    """Whether a client may ask the same again where the connection was lost before the reply."""

    ALWAYS = 1
    NEVER = 2
    IF_DEDUPED = 3
    IF_LEASED = 4
    UNLESS_REMOVING = 5
    IF_ALL = 6


AGAIN: Final[dict[Again, str]] = {
    Again.ALWAYS: "yes",
    Again.NEVER: "no",
    Again.IF_DEDUPED: "if every message has a deduplication id, with `repeated_ms`",
    Again.IF_LEASED: "if `leased`",
    Again.UNLESS_REMOVING: "unless `remove`",
    Again.IF_ALL: "if each of its commands may, and `unchanged` is empty",
}


@value
class CommandRow:
    """A command: its number on the wire, and whether it may be asked again."""

    number: int
    cls: type[Command]
    again: Again = Again.NEVER


@value
class ReplyRow:
    """A reply and its number on the wire."""

    number: int
    cls: type[Reply]


COMMANDS: Final = (
    CommandRow(1, commands.DeclareQueue, Again.ALWAYS),
    CommandRow(2, commands.ChangeQueue),
    CommandRow(3, commands.DeleteQueue),
    CommandRow(4, commands.PurgeQueue),
    CommandRow(5, commands.DescribeQueue, Again.ALWAYS),
    CommandRow(6, commands.ListQueues, Again.ALWAYS),
    CommandRow(7, commands.Publish, Again.IF_DEDUPED),
    CommandRow(8, commands.Receive, Again.ALWAYS),
    CommandRow(9, commands.Pop),
    CommandRow(10, commands.Attach, Again.ALWAYS),
    CommandRow(11, commands.GrantCredit),
    CommandRow(12, commands.SetPool),
    CommandRow(13, commands.Detach),
    CommandRow(14, commands.Settle, Again.ALWAYS),
    CommandRow(15, commands.Extend, Again.ALWAYS),
    CommandRow(16, commands.Peek, Again.ALWAYS),
    CommandRow(17, commands.Move),
    CommandRow(18, commands.StartMoveTask),
    CommandRow(19, commands.CancelMoveTask),
    CommandRow(20, commands.ListMoveTasks, Again.ALWAYS),
    CommandRow(21, commands.CountArrived),
    CommandRow(30, batch.Batch, Again.IF_ALL),
    CommandRow(40, history.PutBack),
    CommandRow(41, history.Cancel),
    CommandRow(42, history.Reschedule),
    CommandRow(43, history.DescribeMessage, Again.ALWAYS),
    CommandRow(50, schemas.GetSchemas, Again.ALWAYS),
    CommandRow(51, schemas.SetSchema),
    CommandRow(52, schedules.DeclareSchedule, Again.ALWAYS),
    CommandRow(53, schedules.PauseSchedule, Again.ALWAYS),
    CommandRow(54, schedules.DeleteSchedule),
    CommandRow(55, schedules.FireSchedule),
    CommandRow(56, schedules.ListSchedules, Again.ALWAYS),
    CommandRow(60, exchanges.DeclareExchange, Again.ALWAYS),
    CommandRow(61, exchanges.ChangeExchange),
    CommandRow(62, exchanges.DeleteExchange),
    CommandRow(63, exchanges.DescribeExchange, Again.ALWAYS),
    CommandRow(64, exchanges.ListExchanges, Again.ALWAYS),
    CommandRow(65, exchanges.Bind, Again.ALWAYS),
    CommandRow(66, exchanges.Unbind),
    CommandRow(67, exchanges.RemoveBinding),
    CommandRow(68, exchanges.ChangeBinding),
    CommandRow(69, exchanges.ListBindings, Again.ALWAYS),
    CommandRow(70, exchanges.PublishTo, Again.IF_DEDUPED),
    CommandRow(80, lists.ListPush),
    CommandRow(81, lists.ListPop),
    CommandRow(82, lists.ListMove),
    CommandRow(83, lists.DescribeList, Again.ALWAYS),
    CommandRow(84, lists.ListRange, Again.ALWAYS),
    CommandRow(85, lists.ListSet),
    CommandRow(86, lists.ListInsert),
    CommandRow(87, lists.ListRemove),
    CommandRow(88, lists.ListTrim),
    CommandRow(89, lists.ListPosition, Again.ALWAYS),
    CommandRow(100, topics.DeclareTopic, Again.ALWAYS),
    CommandRow(101, topics.ChangeTopic),
    CommandRow(102, topics.DeleteTopic),
    CommandRow(103, topics.DescribeTopic, Again.ALWAYS),
    CommandRow(104, topics.ListTopics, Again.ALWAYS),
    CommandRow(105, topics.Append),
    CommandRow(106, topics.Fetch, Again.ALWAYS),
    CommandRow(107, topics.FindOffset, Again.ALWAYS),
    CommandRow(108, topics.CutTopic),
    CommandRow(120, groups.JoinGroup, Again.ALWAYS),
    CommandRow(121, groups.Heartbeat, Again.ALWAYS),
    CommandRow(122, groups.LeaveGroup),
    CommandRow(123, groups.CommitOffsets, Again.ALWAYS),
    CommandRow(124, groups.DescribeGroup, Again.ALWAYS),
    CommandRow(125, groups.ListGroups, Again.ALWAYS),
    CommandRow(126, groups.DeleteGroup),
    CommandRow(127, groups.DeclareGroup, Again.ALWAYS),
    CommandRow(128, groups.SeekGroup),
    CommandRow(129, groups.ReceiveShare, Again.IF_LEASED),
    CommandRow(140, claims.ClaimLeases),
    CommandRow(141, claims.ClaimIdle),
    CommandRow(142, claims.ListLeases, Again.ALWAYS),
    CommandRow(143, claims.CountLeases, Again.ALWAYS),
    CommandRow(144, claims.DeclareConsumer, Again.ALWAYS),
    CommandRow(145, claims.DeleteConsumer),
    CommandRow(146, claims.ListConsumers, Again.ALWAYS),
    CommandRow(160, rounds.EnterGroup),
    CommandRow(161, rounds.ShareOut, Again.ALWAYS),
    CommandRow(162, rounds.StayInGroup, Again.ALWAYS),
    CommandRow(163, rounds.ForgetOffsets),
    CommandRow(164, rounds.ListGroupStates, Again.ALWAYS),
    CommandRow(200, kv.KvSet),
    CommandRow(201, kv.KvGet, Again.ALWAYS),
    CommandRow(202, kv.KvLook, Again.ALWAYS),
    CommandRow(203, kv.KvDelete),
    CommandRow(204, kv.KvIncrement),
    CommandRow(205, kv.KvExpire),
    CommandRow(206, kv.KvRename),
    CommandRow(207, kv.KvScan, Again.ALWAYS),
    CommandRow(208, kv.KvRandom, Again.ALWAYS),
    CommandRow(209, kv.KvCount, Again.ALWAYS),
    CommandRow(210, kv.KvFlush),
    CommandRow(211, kv.KvSpaces, Again.ALWAYS),
    CommandRow(212, kv.KvMapSet),
    CommandRow(213, kv.KvMapIncrement),
    CommandRow(214, kv.KvAdd),
    CommandRow(215, kv.KvMapAdd),
    CommandRow(216, kv.KvFieldExpire),
    CommandRow(217, kv.KvFieldEnds, Again.ALWAYS),
    CommandRow(218, kv.KvSetAdd),
    CommandRow(219, kv.KvSortedSet),
    CommandRow(220, kv.KvMembers, Again.ALWAYS),
    CommandRow(221, kv.KvMembersRemove),
    CommandRow(222, kv.KvMembersScan, Again.ALWAYS),
    CommandRow(223, kv.KvMembersRandom, Again.UNLESS_REMOVING),
    CommandRow(224, kv.KvSortedRange, Again.UNLESS_REMOVING),
    CommandRow(225, kv.KvSortedCount, Again.ALWAYS),
    CommandRow(226, kv.KvSortedRank, Again.ALWAYS),
)
"""Every command but `Run`, whose program is in the memory of who asks."""

REPLIES: Final = (
    ReplyRow(1, replies.Refused),
    ReplyRow(2, replies.Done),
    ReplyRow(3, replies.Declared),
    ReplyRow(4, replies.Published),
    ReplyRow(5, replies.Received),
    ReplyRow(6, replies.Detached),
    ReplyRow(7, replies.Settled),
    ReplyRow(8, replies.Purged),
    ReplyRow(9, replies.Peeked),
    ReplyRow(10, replies.Described),
    ReplyRow(11, replies.Listed),
    ReplyRow(12, replies.Moved),
    ReplyRow(13, replies.TaskStarted),
    ReplyRow(14, replies.TaskStopped),
    ReplyRow(15, replies.TasksListed),
    ReplyRow(30, batch.BatchDone),
    ReplyRow(40, history.Cancelled),
    ReplyRow(41, history.MessageDescribed),
    ReplyRow(50, schemas.SchemaStored),
    ReplyRow(51, schemas.SchemasListed),
    ReplyRow(52, schedules.ScheduleDeclared),
    ReplyRow(53, schedules.ScheduleFired),
    ReplyRow(54, schedules.SchedulesListed),
    ReplyRow(60, exchanges.ExchangeDescribed),
    ReplyRow(61, exchanges.Bound),
    ReplyRow(62, exchanges.BindingsListed),
    ReplyRow(63, exchanges.Routed),
    ReplyRow(80, lists.ListLength),
    ReplyRow(81, lists.ListItems),
    ReplyRow(82, lists.ListDescribed),
    ReplyRow(83, lists.ListRemoved),
    ReplyRow(84, lists.ListPositions),
    ReplyRow(100, topics.TopicDeclared),
    ReplyRow(101, topics.Appended),
    ReplyRow(102, topics.Fetched),
    ReplyRow(103, topics.OffsetFound),
    ReplyRow(104, topics.TopicDescribed),
    ReplyRow(120, groups.Membership),
    ReplyRow(121, groups.GroupDescribed),
    ReplyRow(122, groups.GroupDeclared),
    ReplyRow(140, claims.Claimed),
    ReplyRow(141, claims.LeasesListed),
    ReplyRow(142, claims.LeasesCounted),
    ReplyRow(143, claims.ConsumerDeclared),
    ReplyRow(144, claims.ConsumerDeleted),
    ReplyRow(145, claims.ConsumersListed),
    ReplyRow(160, rounds.MemberNamed),
    ReplyRow(161, rounds.Entered),
    ReplyRow(162, rounds.Shared),
    ReplyRow(163, rounds.GroupStatesListed),
    ReplyRow(200, kv_replies.KvStored),
    ReplyRow(201, kv_replies.KvGot),
    ReplyRow(202, kv_replies.KvSeen),
    ReplyRow(203, kv_replies.KvCounted),
    ReplyRow(204, kv_replies.KvNumber),
    ReplyRow(205, kv_replies.KvDecimal),
    ReplyRow(206, kv_replies.KvEndsSet),
    ReplyRow(207, kv_replies.KvEndsSeen),
    ReplyRow(208, kv_replies.KvScanned),
    ReplyRow(209, kv_replies.KvMembersScanned),
    ReplyRow(210, kv_replies.KvScores),
    ReplyRow(211, kv_replies.KvScoresSet),
    ReplyRow(212, kv_replies.KvScored),
    ReplyRow(213, kv_replies.KvSpacesListed),
)
"""Every reply but `RunDone`."""
