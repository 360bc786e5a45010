"""Postroad: a durable message broker. The public names, and nothing else.

Rule kept here: importing this package is cheap; a name is imported when it is first used.
"""

from importlib import import_module
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from postroad.api.aio import AsyncBroker
    from postroad.api.back_pressure import BackPressure
    from postroad.api.broker import Broker
    from postroad.api.messages import Outgoing
    from postroad.api.topics import TopicMessage
    from postroad.app.app import App
    from postroad.app.batches import BatchContext
    from postroad.app.context import Context
    from postroad.app.flows.canvas import chain, chord, group
    from postroad.app.flows.flow import Flow
    from postroad.app.flows.plan import Rejected, Rejection
    from postroad.app.flows.workflow import Workflow
    from postroad.app.jobs import Job
    from postroad.app.outcomes import Reject, RetryAfter, RetryNow
    from postroad.app.retry import Retry
    from postroad.errors import PostroadError, Refusal
    from postroad.model.message import Delivery as Message
    from postroad.model.policy import QueueSettings, RetryPolicy

__all__ = [
    "COMPILED",
    "App",
    "AsyncBroker",
    "BackPressure",
    "BatchContext",
    "Broker",
    "Context",
    "Flow",
    "Job",
    "Message",
    "Outgoing",
    "PostroadError",
    "QueueSettings",
    "Refusal",
    "Reject",
    "Rejected",
    "Rejection",
    "Retry",
    "RetryAfter",
    "RetryNow",
    "RetryPolicy",
    "TopicMessage",
    "Workflow",
    "__version__",
    "chain",
    "chord",
    "group",
]

_HOMES: Final = {
    "App": ("postroad.app.app", "App"),
    "AsyncBroker": ("postroad.api.aio", "AsyncBroker"),
    "BatchContext": ("postroad.app.batches", "BatchContext"),
    "BackPressure": ("postroad.api.back_pressure", "BackPressure"),
    "Broker": ("postroad.api.broker", "Broker"),
    "Context": ("postroad.app.context", "Context"),
    "Flow": ("postroad.app.flows.flow", "Flow"),
    "Job": ("postroad.app.jobs", "Job"),
    "Message": ("postroad.model.message", "Delivery"),
    "Outgoing": ("postroad.api.messages", "Outgoing"),
    "PostroadError": ("postroad.errors", "PostroadError"),
    "QueueSettings": ("postroad.model.policy", "QueueSettings"),
    "Refusal": ("postroad.errors", "Refusal"),
    "Reject": ("postroad.app.outcomes", "Reject"),
    "Rejected": ("postroad.app.flows.plan", "Rejected"),
    "Rejection": ("postroad.app.flows.plan", "Rejection"),
    "Retry": ("postroad.app.retry", "Retry"),
    "RetryAfter": ("postroad.app.outcomes", "RetryAfter"),
    "RetryNow": ("postroad.app.outcomes", "RetryNow"),
    "RetryPolicy": ("postroad.model.policy", "RetryPolicy"),
    "TopicMessage": ("postroad.api.topics", "TopicMessage"),
    "Workflow": ("postroad.app.flows.workflow", "Workflow"),
    "chain": ("postroad.app.flows.canvas", "chain"),
    "chord": ("postroad.app.flows.canvas", "chord"),
    "group": ("postroad.app.flows.canvas", "group"),
}

__version__: Final = "0.1.0"

_beside = Path(__file__).parent.parent

# The compiled hot modules share one library that lies beside the package; where it is, Python
# prefers them to the plain files.
COMPILED: Final[bool] = any(
    (_beside / f"postroad__mypyc{suffix}").exists() for suffix in EXTENSION_SUFFIXES
)
"""Whether the hot modules of this installation are compiled."""


if not TYPE_CHECKING:  # a checker sees the imports above, and so a name that is none

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module `postroad` has no name `{name}`")
        module, its_name = _HOMES[name]
        found: object = getattr(import_module(module), its_name)
        globals()[name] = found
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
