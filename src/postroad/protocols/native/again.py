"""Whether a command may be asked again when nobody knows what became of it.

It stands beside the table, whose column it reads. The rule kept here: what may be asked twice
leaves no more behind than what was asked once.
"""

from postroad.model.batch import Batch
from postroad.model.commands import Command
from postroad.protocols.native.spec import COMMANDS, Again

_AGAIN = {row.cls: row.again for row in COMMANDS}


def may_ask_again(command: Command) -> bool:
    """Whether a client asks this again by itself after a lost connection."""
    again = _AGAIN.get(command.__class__, Again.NEVER)
    if again is Again.IF_DEDUPED:
        dedup_ids = getattr(command, "dedup_ids", None)
        return dedup_ids is not None and len(dedup_ids) > 0 and None not in dedup_ids
    if again is Again.IF_LEASED:
        return bool(getattr(command, "leased", False))
    if again is Again.UNLESS_REMOVING:
        return not getattr(command, "remove", True)
    if again is Again.IF_ALL:
        assert isinstance(command, Batch), "the only one that has commands"
        return not command.unchanged and all(map(may_ask_again, command.commands))
    return again is Again.ALWAYS
