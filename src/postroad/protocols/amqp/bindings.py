"""What binding a queue and binding an exchange have in common: checks, arguments, refusals.

It stands under both. The rule kept here: the default exchange has its bindings by itself, and
nobody adds to them.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from postroad.model.exchanges import MATCH_ARGUMENT, MATCHES
from postroad.model.message import HeaderValue
from postroad.model.replies import Refused, Why
from postroad.protocols.amqp.arguments import type_of
from postroad.protocols.amqp.channel import Channel
from postroad.protocols.amqp.errors import (
    ACCESS_REFUSED,
    NOT_FOUND,
    PRECONDITION_FAILED,
    ChannelFault,
    Fault,
    refusal,
)

# Times and long numbers are ints of their own types, which the encoder asks about.
_pack = msgspec.json.Encoder(order="sorted", enc_hook=int).encode


def check_not_default(*exchanges: str) -> None:
    """Raise `ChannelFault` where one of the names is the default exchange's."""
    if "" in exchanges:
        raise ChannelFault(ACCESS_REFUSED, "operation not permitted on the default exchange")


def plain_arguments(given: Mapping[str, Any]) -> dict[str, HeaderValue]:
    """Return a binding's arguments in plain form: tables and arrays as JSON text."""
    plain: dict[str, HeaderValue] = {}
    for name, one in given.items():
        if isinstance(one, dict | list):
            plain[name] = _pack(one).decode()
        elif isinstance(one, bool | str | bytes | float) or one is None:
            plain[name] = one
        elif isinstance(one, int):
            plain[name] = int(one)
        else:
            plain[name] = float(one)
    return plain


def refuse_binding(channel: Channel, refused: Refused, args: dict[str, Any], target: str) -> Fault:
    """Return what to say of a binding that was refused; `target`: its kind and name in words."""
    vhost = f" in vhost '{channel.link.vhost}'"
    if refused.why is Why.NO_SUCH_EXCHANGE:
        missing = args.get("exchange", args.get("source"))
        if missing and f"`{channel.link.core(missing)}`" not in refused.text:
            missing = args.get("destination", missing)
        return ChannelFault(NOT_FOUND, f"no exchange '{missing}'{vhost}")
    if refused.why is Why.NO_SUCH_TOPIC:
        return ChannelFault(NOT_FOUND, f"no {target}{vhost}")
    match = args["arguments"].get(MATCH_ARGUMENT, "all")
    if refused.why is Why.BAD_COMMAND and match not in MATCHES:
        if not isinstance(match, str):
            text = (
                f"Invalid x-match field type {type_of(match)} (value {str(match)[:80]}); expected"
                " longstr"
            )
        else:
            text = (
                f'Invalid x-match field value <<"{match[:80]}">>; expected all, any, all-with-x, or'
                " any-with-x"
            )
        return ChannelFault(PRECONDITION_FAILED, text)
    return refusal(refused, target + vhost)
