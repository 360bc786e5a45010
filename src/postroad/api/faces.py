"""How an operation becomes a method of a face.

It stands beside both faces. The rule kept here: a face adds no parameter and no behaviour, so its
methods show the operation's own name, words and signature.
"""

import inspect
from collections.abc import Callable
from functools import update_wrapper
from typing import Any, get_args


def dress(method: Callable[..., Any], operation: Callable[..., Any]) -> None:
    """Give a method the looks of its operation, with the result the operation ends with."""
    update_wrapper(method, operation)
    signature = inspect.signature(operation)
    result = get_args(signature.return_annotation)[2]
    method.__dict__["__signature__"] = signature.replace(return_annotation=result)
