"""Groups whose members share out the partitions among themselves, in commands and replies.

One rule: what members say of themselves and what their leader gives them is opaque here; the broker
knows who is there, in which generation, and whose turn it is.
"""

from postroad.model.value import value

EMPTY = "Empty"
"""Nobody is there; what was committed stays."""
PREPARING = "PreparingRebalance"
"""Members enter; whoever was there must enter again."""
COMPLETING = "CompletingRebalance"
"""All have entered, and wait for what their leader gives them."""
STABLE = "Stable"
"""Each has what it was given."""
DEAD = "Dead"
"""There is no such group."""


@value
class EnterGroup:
    """Be a member of a group of mode offset whose members share out among themselves, or be it
    again when it rebalances; the group is made when it is not there.

    `member`: the name the broker gave, "" at first; `static_id`: a name of one's own that outlives
    restarts: whoever comes with it takes the place of who had it before. `strategies`: (name,
    metadata) in order of preference, one of which all members must have in common; `kind`: what the
    group is for, the same for all. A member that is silent for `session_ms` is out; one that does
    not enter again within `rebalance_ms` too. `gather_ms`: a group that was empty waits so long for
    others. `prefix`: how the broker's name for the member begins; `named_first`: be told the name,
    and enter with it (answer `MemberNamed`). Answer: `Entered`, once all have entered.
    """

    group: str
    strategies: tuple[tuple[str, bytes], ...]
    kind: str = "consumer"
    member: str = ""
    static_id: str = ""
    session_ms: int = 30_000
    rebalance_ms: int = 60_000
    gather_ms: int = 0
    prefix: str = "member"
    named_first: bool = False


@value
class ShareOut:
    """Have one's share; the leader gives everybody's: (member, share) each, who is left out gets
    nothing. Answer: `Shared`, once the leader has spoken, or `Refused(REBALANCING)`."""

    group: str
    member: str
    generation: int
    shares: tuple[tuple[str, bytes], ...] = ()
    static_id: str = ""


@value
class StayInGroup:
    """A member lives. Answer: `Done`, or `Refused(REBALANCING)`: enter again."""

    group: str
    member: str
    generation: int
    static_id: str = ""


@value
class ForgetOffsets:
    """Forget what a group committed for some (topic, partition); nobody of it may read them now.
    Answer: `Done`."""

    group: str
    places: tuple[tuple[str, int], ...]


@value
class ListGroupStates:
    """Groups of mode offset in order of their names, with their states; `states`: only these.
    Answer: `GroupStatesListed`."""

    prefix: str = ""
    after: str = ""
    count: int = 1_000
    states: tuple[str, ...] = ()


@value
class MemberNamed:
    """The name to enter with."""

    member: str


@value
class Entered:
    """One is a member. `members`: to the leader, (member, static id, metadata of the chosen
    strategy) of each."""

    generation: int
    strategy: str
    kind: str
    leader: str
    member: str
    members: tuple[tuple[str, str, bytes], ...] = ()


@value
class Shared:
    """What the leader gave one."""

    generation: int
    strategy: str
    kind: str
    share: bytes


@value
class GroupState:
    """A group, its state, and what it is for ("" while nobody is there)."""

    group: str
    state: str
    kind: str


@value
class GroupStatesListed:
    """In order of the names; `more`: whether others follow."""

    groups: list[GroupState]
    more: bool


RoundCommand = EnterGroup | ShareOut | StayInGroup | ForgetOffsets | ListGroupStates

RoundReply = MemberNamed | Entered | Shared | GroupStatesListed
