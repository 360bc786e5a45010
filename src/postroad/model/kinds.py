"""The kinds of things that fields of commands hold.

It stands beside the tables of shapes. The rule kept here: a truth value is no number.
"""

from types import NoneType

Kinds = tuple[type, ...]

TEXT: Kinds = (str,)
MAYBE_TEXT: Kinds = (str, NoneType)
NUMBER: Kinds = (int,)
MAYBE_NUMBER: Kinds = (int, NoneType)
FLAG: Kinds = (bool,)
BYTES: Kinds = (bytes,)
MAYBE_BYTES: Kinds = (bytes, NoneType)
TUPLE: Kinds = (tuple,)
MAYBE_DICT: Kinds = (dict, NoneType)
SCORE: Kinds = (float, int)
BOUND: Kinds = (float, int, bytes, NoneType)

Shapes = dict[type, tuple[tuple[str, Kinds], ...]]
"""Command -> its fields, or columns, and what each may hold."""
