"""The one decorator for commands, replies and settings: values, never things.

It stands at the bottom of the model; every other module there uses it.
"""

from dataclasses import dataclass
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def value(cls: type[T]) -> type[T]:
    """Make a class a value: frozen to the type checker, plain slots at run time.

    A frozen dataclass takes three times as long to build; the type checker keeps the promise.
    """
    return dataclass(slots=True, unsafe_hash=True)(cls)
