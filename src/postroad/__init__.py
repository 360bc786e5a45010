"""Postroad: a durable message broker. The public names, and nothing else.

Rule kept here: importing this package is cheap; what needs a protocol or a socket imports it late.
"""

from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

__all__ = ["COMPILED", "__version__"]

__version__: Final = "0.1.0"

_beside = Path(__file__).parent.parent

# The compiled hot modules share one library that lies beside the package; where it is, Python
# prefers them to the plain files.
COMPILED: Final[bool] = any(
    (_beside / f"postroad__mypyc{suffix}").exists() for suffix in EXTENSION_SUFFIXES
)
"""Whether the hot modules of this installation are compiled."""
