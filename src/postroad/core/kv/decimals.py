"""Decimal numbers as the bytes of values: added exactly, spelled plainly.

One rule: a sum is what one would write down by hand, so that a tenth ten times is one; digits after
the seventeenth place are rounded away.
"""

from decimal import Context, Decimal, InvalidOperation, Overflow

from postroad.limits import KV_DECIMAL_CHARS_MAX, KV_DECIMAL_PLACES

_LEAST = Decimal(1).scaleb(-KV_DECIMAL_PLACES)
_EXACT = Context(prec=2 * KV_DECIMAL_CHARS_MAX, Emax=KV_DECIMAL_CHARS_MAX, Emin=-10_000)
_PLAIN = frozenset(b"0123456789+-.eE")


def decimal_sum(text: bytes | None, by: bytes) -> bytes | None:
    """What a value and an addend come to (`None`: nothing is there yet); `None` where either is no
    number, or the sum is too long."""
    first = Decimal(0) if text is None else _number(text)
    second = _number(by)
    if first is None or second is None:
        return None
    try:
        total = _EXACT.add(first, second)
        total = _EXACT.quantize(total, _LEAST)
    except (InvalidOperation, Overflow):
        return None
    spelled = f"{total:f}".rstrip("0").rstrip(".")
    if len(spelled) > KV_DECIMAL_CHARS_MAX:
        return None
    return b"0" if spelled in ("", "-0", "-") else spelled.encode()


def _number(text: bytes) -> Decimal | None:
    if not 0 < len(text) <= KV_DECIMAL_CHARS_MAX or not _PLAIN.issuperset(text):
        return None
    try:
        number = Decimal(text.decode())
        return number if abs(number.adjusted()) <= KV_DECIMAL_CHARS_MAX else None
    except InvalidOperation:
        return None
