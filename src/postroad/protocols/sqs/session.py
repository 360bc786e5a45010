"""Amazon SQS in a session of the port: a request to the action that serves it.

It stands between the connection and the actions. The rule kept here: an action is begun only for a
request that is signed as the server's keys demand, and with an input that keeps every rule.
"""

from typing import Final

from postroad.protocols.aws.faults import INVALID_ACTION, MISSING_ACTION, Fault
from postroad.protocols.aws.session import Action, Form, Script
from postroad.protocols.http.wire import Request
from postroad.protocols.sqs.actions.call import Call
from postroad.protocols.sqs.actions.table import ACTIONS
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.spec import MESSAGE_COMMANDS, TARGET_PREFIX
from postroad.protocols.sqs.validation import check
from postroad.protocols.sqs.wire import Answering, read_json, read_query

_TARGETS: Final = {(TARGET_PREFIX + action).encode(): action for action in ACTIONS}


class SqsService:
    """What all sessions of a server share of SQS."""

    def __init__(self, config: SqsConfig) -> None:
        self._config = config
        self.side_by_side: tuple[type, ...] = MESSAGE_COMMANDS

    def wants(self, _request: Request, _form: Form) -> bool:
        """Every request that is for no other service."""
        return True

    def begin(self, request: Request, form: Form | Fault | None, now_ms: int) -> Action:
        """The action of a request, in JSON or in the Query form."""
        answering = Answering(
            "",
            xml=form is not None,
            keep_alive=request.keep_alive,
            request_id=self._config.names.request_id(now_ms),
        )
        call = Call(self._config, request, now_ms)
        return Action(call, answering, self._script(call, form, answering))

    def _script(
        self, call: Call, form: Form | Fault | None, answering: Answering
    ) -> Script | Fault:
        config = self._config
        request = call.request
        if config.keyring:
            refused = config.keyring.check(request, call.now_ms)
            if refused is not None:
                return refused
        if form is None:
            target = request.headers[b"x-amz-target"]
            action = _TARGETS.get(target)
            if action is None:
                return _unknown_action(target.decode("latin-1").removeprefix(TARGET_PREFIX))
            given = read_json(action, request.body)
        else:
            if isinstance(form, Fault):
                return form
            action = form.get("Action", "")
            if action not in ACTIONS:
                return _unknown_action(action)
            if "QueueUrl" not in form and request.path.count("/") == 2:
                form["QueueUrl"] = request.path
            given = read_query(action, form)
        answering.action = action
        wrong = given if isinstance(given, Fault) else check(given)
        return ACTIONS[action](call, given) if wrong is None else wrong


def _unknown_action(name: str) -> Fault:
    if not name:
        return Fault(MISSING_ACTION, "The request must contain the parameter Action.")
    return Fault(INVALID_ACTION, f"The action {name[:80]} is not valid for this endpoint.")
