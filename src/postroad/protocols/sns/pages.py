"""Pages of listings: where the next one begins.

The rule kept here: a token says after what the next page begins, and nothing is remembered.
"""

from base64 import b64decode, urlsafe_b64encode

from postroad.protocols.aws.faults import Fault
from postroad.protocols.sns.errors import bad


def token_after(last: str) -> str:
    """The NextToken of a page that ends so."""
    return urlsafe_b64encode(last.encode()).decode()


def after_token(token: str | None) -> str | Fault:
    """What a page goes on after; nothing for the first."""
    try:
        return b64decode(token or "", altchars=b"-_", validate=True).decode()
    except ValueError:
        return bad("NextToken")


def number_after(token: str | None) -> int | Fault:
    """The number a page goes on after."""
    after = after_token(token)
    if isinstance(after, Fault):
        return after
    if after and not (after.isascii() and after.isdigit() and len(after) < 19):
        return bad("NextToken")
    return int(after or 0)
