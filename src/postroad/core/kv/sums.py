"""Numbers as the bytes of values: what a whole or a decimal addend makes of them.

One rule: whole numbers have 64 bits and one spelling; decimals see `decimals`. Compiled by mypyc
where possible.
"""

from postroad.core.decision import Decision, refuse
from postroad.core.kv.decimals import decimal_sum
from postroad.limits import KV_DECIMAL_CHARS_MAX
from postroad.model.kv_replies import KvDecimal, KvNumber
from postroad.model.replies import Why

NUMBER_MIN = -(2**63)
NUMBER_MAX = 2**63 - 1
NUMBER_CHARS = 20


def sum_of(text: bytes | None, by: int | bytes) -> bytes | None:
    """What a value (`None`: nothing is there yet) and an addend come to: a whole number adds to a
    whole number, text to a decimal one. `None` where there is no such sum."""
    if isinstance(by, bytes):
        return decimal_sum(text, by)
    number = 0 if text is None else _whole_number(text)
    if number is None:
        return None
    total = number + by
    return b"%d" % total if NUMBER_MIN <= total <= NUMBER_MAX else None


def summed(total: bytes, by: int | bytes, version: int) -> KvNumber | KvDecimal:
    """The answer to an addition."""
    return KvDecimal(total, version) if isinstance(by, bytes) else KvNumber(int(total), version)


def no_sum(by: int | bytes, group: int) -> Decision:
    """The refusal of an addition."""
    text = "what is there is no whole number of 64 bits, or would be none"
    if isinstance(by, bytes):
        text = f"what is there is no number, or the sum has more than {KV_DECIMAL_CHARS_MAX} digits"
    return refuse(Why.NOT_A_NUMBER, text, group)


def _whole_number(text: bytes) -> int | None:
    """The number that bytes spell, in the one way it is spelled."""
    if not 0 < len(text) <= NUMBER_CHARS:
        return None
    try:
        number = int(text)
    except ValueError:
        return None
    if b"%d" % number != text or not NUMBER_MIN <= number <= NUMBER_MAX:
        return None
    return number
