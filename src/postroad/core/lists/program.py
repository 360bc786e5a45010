"""Lists in the hands of a program, which gets messages with their bodies at once.

One rule: what would have to be read from the disk first is refused before anything is changed.
"""

from postroad.core.decision import World
from postroad.core.handout import Handout, fill_piece
from postroad.core.lists.look import is_back, lane_of, pieces_in
from postroad.model.lists import ENDS, ListItems, ListPop
from postroad.model.message import Delivery
from postroad.model.replies import Refused, Why

COLD = Refused(Why.BAD_COMMAND, "the messages must be read from the disk first: it stands alone")


def filled(world: World, handout: Handout) -> ListItems | Refused:
    """The messages of a list, as a program gets them."""
    messages: list[Delivery] = []
    for piece in handout.pieces:
        bodies = world.library.fetch(piece)
        if bodies is None:
            return COLD
        fill_piece(handout, piece, bodies, messages)
    return ListItems(handout.name, messages)


def is_at_hand(world: World, command: ListPop) -> bool:
    """Whether what a pop would take is in memory."""
    if command.end not in ENDS or command.count < 1:
        return True
    for name in command.lists:
        queue = world.state.by_name.get(name)
        if queue is not None and queue.pages.ready:
            back = queue.list_end != 0 and is_back(queue, command.end)
            stretches = lane_of(queue).take(command.count, back)
            pieces = pieces_in(queue, stretches)
            return all(world.library.fetch(piece) is not None for piece in pieces)
    return True
