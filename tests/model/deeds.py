"""What may happen in the model of queues, and how often."""

from collections.abc import Callable
from typing import Any, TypeVar

from hypothesis import strategies as st

DEEDS: dict[str, st.SearchStrategy[dict[str, Any]]] = {}
WEIGHTED: list[str] = []
Deed = TypeVar("Deed", bound=Callable[..., None])


def deed(weight: int, **arguments: st.SearchStrategy[Any]) -> Callable[[Deed], Deed]:
    """Something that may happen, `weight` times as often as what weighs 1. One rule draws among
    all of them, for Hypothesis likes rules that draw little too well."""

    def note(method: Deed) -> Deed:
        DEEDS[method.__name__] = st.fixed_dictionaries(arguments)
        WEIGHTED.extend([method.__name__] * weight)
        return method

    return note
