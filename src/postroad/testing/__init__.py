"""What programs get for their own tests: real brokers whose clock the test moves.

Rule kept here: nothing is simulated but the time; and a name is imported when it is first used, for
pytest loads this package in every run.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from postroad.testing.broker import ClockedBroker
    from postroad.testing.clock import ManualClock
    from postroad.testing.local import LocalServer

__all__ = ["ClockedBroker", "LocalServer", "ManualClock"]

_HOMES: Final = {
    "ClockedBroker": "postroad.testing.broker",
    "LocalServer": "postroad.testing.local",
    "ManualClock": "postroad.testing.clock",
}


if not TYPE_CHECKING:  # a checker sees the imports above, and so a name that is none

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module `postroad.testing` has no name `{name}`")
        found: object = getattr(import_module(_HOMES[name]), name)
        globals()[name] = found
        return found
