"""Whether a command is made of what its fields say: kinds and shapes, never meaning.

It stands beside the commands. The rule kept here: what is not sound is refused before anything
looks into it, since what the core takes for a fact must be read back from the journal one day.
"""

from collections.abc import Callable
from types import NoneType

import msgspec

from postroad.model import (
    commands,
    exchanges,
    history,
    kv_shapes,
    list_shapes,
    lists,
    schedules,
    schemas,
    topic_sound,
    topics,
)
from postroad.model.batch import Batch, Run
from postroad.model.choices import unsound_choice
from postroad.model.kinds import (
    BYTES,
    FLAG,
    MAYBE_DICT,
    MAYBE_NUMBER,
    MAYBE_TEXT,
    NUMBER,
    TEXT,
    TUPLE,
    Kinds,
    Shapes,
)
from postroad.model.policy import QueueSettings

ROWS = (list, tuple)

FIELDS: Shapes = {
    commands.DeclareQueue: (("name", TEXT),),
    commands.ChangeQueue: (("name", TEXT),),
    commands.DeleteQueue: (("name", TEXT), ("if_unused", FLAG), ("if_empty", FLAG)),
    commands.PurgeQueue: (("name", TEXT), ("ready_only", FLAG)),
    commands.DescribeQueue: (("name", TEXT),),
    commands.ListQueues: (("prefix", TEXT), ("after", TEXT), ("count", NUMBER)),
    commands.Publish: (("queues", (tuple,)), ("repeated_ms", MAYBE_NUMBER)),
    commands.Receive: (
        ("queue", TEXT),
        ("count", NUMBER),
        ("lease_ms", MAYBE_NUMBER),
        ("wait_ms", MAYBE_NUMBER),
    ),
    commands.Pop: (("queue", TEXT), ("count", NUMBER), ("wait_ms", MAYBE_NUMBER)),
    commands.Attach: (
        ("queue", TEXT),
        ("consumer", NUMBER),
        ("credit", NUMBER),
        ("lease_ms", MAYBE_NUMBER),
        ("leased", FLAG),
        ("priority", NUMBER),
        ("exclusive", FLAG),
        ("pool", NUMBER),
        ("window_bytes", NUMBER),
    ),
    commands.CountArrived: (("pushed_bytes", NUMBER),),
    commands.GrantCredit: (("consumer", NUMBER), ("credit", NUMBER), ("absolute", FLAG)),
    commands.SetPool: (("pool", NUMBER), ("limit", MAYBE_NUMBER)),
    commands.Detach: (("consumer", NUMBER),),
    commands.Settle: (
        ("queue", TEXT),
        ("outcome", NUMBER),
        ("after_ms", MAYBE_NUMBER),
        ("strict", FLAG),
        ("queue_id", MAYBE_NUMBER),
        ("failure", TEXT),
    ),
    commands.Extend: (("queue", TEXT), ("lease_ms", NUMBER), ("queue_id", MAYBE_NUMBER)),
    commands.Peek: (("queue", TEXT), ("start", NUMBER), ("count", NUMBER)),
    commands.Move: (
        ("source", TEXT),
        ("target", MAYBE_TEXT),
        ("count", NUMBER),
        ("start", NUMBER),
        ("dry_run", FLAG),
    ),
    history.PutBack: (("queue", TEXT), ("count", NUMBER), ("start", NUMBER), ("dry_run", FLAG)),
    history.Cancel: (("queue", TEXT), ("offsets", TUPLE)),
    history.Reschedule: (("queue", TEXT), ("offsets", TUPLE), ("after_ms", NUMBER)),
    history.DescribeMessage: (("queue", TEXT), ("offset", NUMBER)),
    commands.StartMoveTask: (
        ("source", TEXT),
        ("target", MAYBE_TEXT),
        ("per_second", MAYBE_NUMBER),
        ("settled", FLAG),
    ),
    commands.CancelMoveTask: (("task", NUMBER),),
    commands.ListMoveTasks: (("source", TEXT), ("count", NUMBER)),
    Batch: (("all_or_nothing", FLAG),),
    Run: (),
    exchanges.DeclareExchange: (("name", TEXT),),
    exchanges.ChangeExchange: (("name", TEXT),),
    exchanges.DeleteExchange: (("name", TEXT), ("if_unused", FLAG)),
    exchanges.DescribeExchange: (("name", TEXT),),
    exchanges.ListExchanges: (
        ("prefix", TEXT),
        ("after", TEXT),
        ("count", NUMBER),
        ("kind", TEXT),
    ),
    exchanges.Bind: (
        ("source", TEXT),
        ("target", TEXT),
        ("key", TEXT),
        ("arguments", MAYBE_DICT),
        ("target_kind", TEXT),
        ("source_kind", TEXT),
        ("filter", MAYBE_TEXT),
        ("filter_scope", TEXT),
    ),
    exchanges.Unbind: (
        ("source", TEXT),
        ("target", TEXT),
        ("key", TEXT),
        ("arguments", MAYBE_DICT),
        ("target_kind", TEXT),
        ("source_kind", TEXT),
    ),
    exchanges.RemoveBinding: (("binding", NUMBER),),
    exchanges.ChangeBinding: (
        ("binding", NUMBER),
        ("filter", MAYBE_TEXT),
        ("filter_scope", TEXT),
        ("key", MAYBE_TEXT),
    ),
    exchanges.ListBindings: (
        ("source", MAYBE_TEXT),
        ("target", MAYBE_TEXT),
        ("target_kind", TEXT),
        ("source_kind", TEXT),
        ("after", NUMBER),
        ("count", NUMBER),
    ),
    exchanges.PublishTo: (
        ("exchange", TEXT),
        ("mandatory", FLAG),
        ("skip_full", FLAG),
        ("skip_refusing", FLAG),
        ("repeated_ms", MAYBE_NUMBER),
        ("line", NUMBER),
        ("era", NUMBER),
    ),
    schemas.SetSchema: (
        ("destination", TEXT),
        ("schema", MAYBE_TEXT),
        ("version", MAYBE_NUMBER),
    ),
    schemas.GetSchemas: (("destination", TEXT),),
    **kv_shapes.FIELDS,
    **list_shapes.FIELDS,
    **schedules.FIELDS,
    **topic_sound.FIELDS,
}
"""Fields that hold one thing, and what each may be. A truth value is no number."""

COLUMNS: Shapes = {
    commands.DeclareQueue: (("compare", TEXT),),
    commands.ChangeQueue: (("only", TEXT),),
    commands.Publish: (
        ("queues", TEXT),
        ("bodies", BYTES),
        ("heads", BYTES),
        ("delays_ms", MAYBE_NUMBER),
        ("ttls_ms", MAYBE_NUMBER),
        ("keys", MAYBE_TEXT),
        ("priorities", NUMBER),
        ("dedup_ids", MAYBE_TEXT),
    ),
    exchanges.DeclareExchange: (("compare", TEXT),),
    exchanges.PublishTo: (
        ("routing_keys", TEXT),
        ("bodies", BYTES),
        ("heads", BYTES),
        ("delays_ms", MAYBE_NUMBER),
        ("ttls_ms", MAYBE_NUMBER),
        ("keys", MAYBE_TEXT),
        ("priorities", NUMBER),
        ("dedup_ids", MAYBE_TEXT),
        ("more_keys", TUPLE),
    ),
    commands.Settle: (("offsets", NUMBER), ("leases", NUMBER), ("counts", NUMBER)),
    commands.Extend: (("offsets", NUMBER), ("leases", NUMBER)),
    commands.Peek: (("states", TEXT),),
    commands.Move: (("offsets", NUMBER), ("states", TEXT)),
    history.PutBack: (("offsets", NUMBER),),
    history.Cancel: (("offsets", NUMBER),),
    history.Reschedule: (("offsets", NUMBER),),
    **kv_shapes.COLUMNS,
    **list_shapes.COLUMNS,
    **topic_sound.COLUMNS,
}
"""Fields that hold a row of things, or `None` where the field says so, and what each thing is."""

OPTIONAL = kv_shapes.OPTIONAL | {
    *("heads", "delays_ms", "ttls_ms", "keys", "priorities", "dedup_ids", "only", "more_keys"),
    "tombstones",
}
"""Columns that may be `None`; of what chooses messages its offsets too."""

_UNREADABLE = (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError, RecursionError)

_encode = msgspec.msgpack.Encoder().encode
_settings = msgspec.msgpack.Decoder(QueueSettings).decode
_names = msgspec.msgpack.Decoder(dict[str, str]).decode


def unsound(command: object) -> str | None:
    """What is wrong with a command, in one line, or `None`; columns of numbers are not looked
    at, see `unsound_columns`."""
    fields = FIELDS.get(type(command))
    if fields is None:
        return f"`{type(command).__name__}` is no command"
    for name, kinds in fields:
        one = getattr(command, name)
        if type(one) in kinds:
            continue
        if not isinstance(one, kinds) or (one.__class__ is bool and kinds is not FLAG):
            return f"`{name}` is {_words(kinds)}, not {type(one).__name__}"
    deeper = _DEEPER.get(type(command))
    return None if deeper is None else deeper(command)


def unsound_columns(command: object) -> str | None:
    """The same for the columns of a command, every entry of them."""
    for name, kinds in COLUMNS.get(type(command), ()):
        column = getattr(command, name)
        if column is None and (name in OPTIONAL or (name == "offsets" and _chooses(command))):
            continue
        if not isinstance(column, ROWS):
            return f"`{name}` is a list or tuple, not {type(column).__name__}"
        if len(column) == 1 and type(column[0]) in kinds:
            continue
        if not set(map(type, column)) <= set(kinds):
            for one in column:
                if not isinstance(one, kinds) or isinstance(one, bool):
                    return f"each of `{name}` is {_words(kinds)}, not {type(one).__name__}"
    return None


def _chooses(command: object) -> bool:
    return isinstance(command, commands.Move | history.PutBack)


def _choice(command: object) -> str | None:
    assert isinstance(command, commands.Move | commands.StartMoveTask | history.PutBack)
    return unsound_columns(command) or unsound_choice(command.which, command.edit)


def unsound_settings(settings: object) -> str | None:
    """What is wrong with the kinds in settings: a row of them must be read back as it was."""
    if not isinstance(settings, QueueSettings):
        return f"settings are QueueSettings, not {type(settings).__name__}"
    try:
        _settings(_encode(settings))
    except _UNREADABLE as error:
        return f"settings: {error}"
    return None


def _unsound_texts(name: str, texts: object) -> str | None:
    """Names and texts, as queues keep them."""
    if texts is None:
        return None
    if not isinstance(texts, dict):
        return f"`{name}` is a dict, not {type(texts).__name__}"
    try:
        _names(_encode(texts))
    except _UNREADABLE as error:
        return f"`{name}` has names and texts that UTF-8 can carry: {error}"
    return None


def _declare(command: object) -> str | None:
    return unsound_columns(command) or _unsound_maps(command, False)


def _publish_to(command: object) -> str | None:
    assert isinstance(command, exchanges.PublishTo)
    wrong = unsound_columns(command)
    if wrong is not None:
        return wrong
    # By type, for compiled code takes no other for a text, not even to look at it.
    if all(set(map(type, keys)) <= {str} for keys in command.more_keys or ()):
        return None
    return "each of `more_keys` is a tuple of texts"


def _change(command: object) -> str | None:
    return _unsound_maps(command, True)


def _unsound_maps(command: object, may_remove: bool) -> str | None:
    """What is wrong with extras and labels; where names may be removed their texts may be
    `None`."""
    for name in ("extras", "labels"):
        texts = getattr(command, name, None)
        if may_remove and isinstance(texts, dict):
            texts = {key: "" if one is None else one for key, one in texts.items()}
        wrong = _unsound_texts(name, texts)
        if wrong is not None:
            return wrong
    return unsound_columns(command)


def _topic(command: object) -> str | None:
    wrong = unsound_columns(command) or topic_sound.unsound_values(command)
    if wrong is None and isinstance(command, topics.DeclareTopic):
        texts = (("extras", command.extras), ("labels", command.labels))
        wrong = next((one for one in map(_unsound_texts, *zip(*texts, strict=True)) if one), None)
    if wrong is None and isinstance(command, topics.ChangeTopic):
        wrong = _change(command)
    return wrong


_DEEPER: dict[type, Callable[[object], str | None]] = {
    commands.DeclareQueue: _declare,
    commands.ChangeQueue: _change,
    exchanges.DeclareExchange: _declare,
    exchanges.ChangeExchange: _change,
    exchanges.Bind: _declare,
    exchanges.ChangeBinding: _change,
    exchanges.PublishTo: _publish_to,
    commands.Publish: unsound_columns,
    commands.Peek: unsound_columns,
    commands.Move: _choice,
    commands.StartMoveTask: _choice,
    history.PutBack: _choice,
    history.Cancel: unsound_columns,
    history.Reschedule: unsound_columns,
    lists.ListPush: unsound_columns,
    lists.ListPop: unsound_columns,
    schedules.DeclareSchedule: schedules.unsound_schedule,
    **dict.fromkeys(topic_sound.FIELDS, _topic),
}
"""Commands of which all is looked at. Columns of settles are not: they are long, nothing comes of a
wrong one but an exception before anything is changed, and only then are they looked at."""


def _words(kinds: Kinds) -> str:
    names = {str: "text", int: "a whole number", bool: "a truth value", NoneType: "nothing"}
    names |= {bytes: "bytes", tuple: "a tuple", dict: "a dict", float: "a number"}
    return " or ".join(names[kind] for kind in kinds if kind in names)
