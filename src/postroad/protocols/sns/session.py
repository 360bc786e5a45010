"""Amazon SNS in a session of the port: a request to the action that serves it.

It stands between the connection and the actions. The rule kept here: an action is begun only for a
request that is signed as the server's keys demand; a token that was sent to an endpoint is as good
as a signature where it confirms that endpoint's subscription.
"""

from typing import Final

from postroad.model.batch import Run
from postroad.protocols.aws.faults import INVALID_ACTION, MISSING_ACTION, Fault
from postroad.protocols.aws.session import Action, Form, Script
from postroad.protocols.http.wire import Request
from postroad.protocols.sns.actions.call import Call
from postroad.protocols.sns.actions.table import ACTIONS
from postroad.protocols.sns.config import SnsConfig
from postroad.protocols.sns.spec import VERSION
from postroad.protocols.sns.wire import Answering, read_query

_CONFIRM: Final = "ConfirmSubscription"
_OWN_PARAMETERS: Final = ("TopicArn", "SubscriptionArn")


class SnsService:
    """What all sessions of a server share of SNS."""

    def __init__(self, config: SnsConfig) -> None:
        self._config = config
        # An action is one program, or steps that each look anew: none relies on what another left.
        self.side_by_side: tuple[type, ...] = (Run,)

    def wants(self, request: Request, form: Form) -> bool:
        """Whether a request says that it is for SNS, by its version or by who it is signed for;
        what people open in a browser says neither and is known by what it names."""
        version = form.get("Version")
        if version is not None:
            return version == VERSION
        if b"/sns/aws4_request" in request.headers.get(b"authorization", b""):
            return True
        return any(name in form for name in _OWN_PARAMETERS)

    def begin(self, request: Request, form: Form | Fault | None, now_ms: int) -> Action:
        """The action of a request."""
        assert isinstance(form, dict), "only what has a form was wanted"
        action = form.get("Action", "")
        answering = Answering(
            action, keep_alive=request.keep_alive, request_id=self._config.names.fresh_id(now_ms)
        )
        call = Call(self._config, request, now_ms)
        return Action(call, answering, self._script(call, action, form))

    def _script(self, call: Call, action: str, form: Form) -> Script | Fault:
        config = self._config
        if config.keyring and action != _CONFIRM:
            refused = config.keyring.check(call.request, call.now_ms)
            if refused is not None:
                return refused
        if not action:
            return Fault(MISSING_ACTION, "The request must contain the parameter Action.")
        serve = ACTIONS.get(action)
        if serve is None:
            text = f"The action {action[:80]} is not valid for this endpoint."
            return Fault(INVALID_ACTION, text)
        given = read_query(action, form)
        return given if isinstance(given, Fault) else serve(call, given)
