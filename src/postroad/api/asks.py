"""What an operation is: commands out, replies in.

It stands below all operations. The rule kept here: nothing but names for types.
"""

from collections.abc import Generator
from typing import TypeVar

from postroad.model.commands import Command
from postroad.model.replies import Reply

R = TypeVar("R")

Asks = Generator[Command, Reply, R]
"""An operation on its way: commands out, replies in, and its result at the end."""

Identity = tuple[int, int]
"""(queue number, offset) of a message's first place: the same as its `identity` when it is
received.
"""
