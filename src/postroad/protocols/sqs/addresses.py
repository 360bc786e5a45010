"""Queue names, addresses and ARNs: how SQS spells which queue is meant.

The rule kept here: of an address only its last two parts matter, of an ARN only its last; a name
SQS cannot spell is reached with its odd bytes as `%XX`.
"""

from base64 import b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import quote, unquote

from postroad.limits import NAME_BYTES_MAX, SQS_KNOWN_MAX, SQS_NAME_CHARS_MAX
from postroad.protocols.aws.faults import INVALID_PARAMETER, Fault, invalid
from postroad.protocols.sqs.config import SqsConfig
from postroad.protocols.sqs.errors import fault
from postroad.protocols.sqs.ordering import FIFO_SUFFIX, is_fifo

_SPELLABLE: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")


def is_word(text: str) -> bool:
    """Whether a text is what SQS allows for names and labels."""
    return 0 < len(text) <= SQS_NAME_CHARS_MAX and _SPELLABLE.issuperset(text)


def spellable(name: str) -> bool:
    """Whether SQS can name this queue."""
    return len(name) <= SQS_NAME_CHARS_MAX and is_word(name.removesuffix(FIFO_SUFFIX))


def bad_new_name(name: str, *, fifo: bool) -> Fault | None:
    """What is wrong with the name of a queue to be made."""
    if spellable(name) and is_fifo(name) == fifo:
        return None
    if fifo:
        return Fault(
            INVALID_PARAMETER,
            "The name of a FIFO queue can only include alphanumeric characters, hyphens, or"
            " underscores, must end with .fifo suffix and be 1 to 80 in length",
        )
    return Fault(
        INVALID_PARAMETER,
        "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length",
    )


def queue_of(config: SqsConfig, url: str) -> str | Fault:
    """The name of the queue at an address."""
    names = config.memory.names
    name = names.get(url)
    if name is not None:
        return name
    path, _, _ = url.partition("?")
    *_, account, last = ["", "", *path.rstrip("/").split("/")]
    name = _unescaped(last)
    if not account or not name or account.endswith(":"):
        return fault("InvalidAddress", f"The address {url[:256]} is not valid for this endpoint.")
    if len(url) <= NAME_BYTES_MAX:
        if len(names) >= SQS_KNOWN_MAX:
            names.clear()
        names[url] = name
    return name


def named_queue(text: str) -> str:
    """The queue that a QueueName of an existing queue means."""
    return _unescaped(text)


def url_of(config: SqsConfig, host: str, name: str) -> str:
    """The address of a queue."""
    base = config.external_url or f"http://{host or 'localhost'}"
    return f"{base.rstrip('/')}/{config.account}/{quote(name, safe='')}"


def arn_of(config: SqsConfig, region: str, name: str) -> str:
    """The ARN of a queue."""
    return f"arn:aws:sqs:{region}:{config.account}:{quote(name, safe='')}"


def queue_of_arn(text: str, parameter: str) -> str | Fault:
    """The name of the queue with an ARN; `parameter` is named in the error."""
    parts = text.split(":")
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sqs" or not parts[5]:
        return invalid(parameter, text, "Must be the ARN of a queue.")
    return _unescaped(parts[5])


def token_after(name: str) -> str:
    """The NextToken of a page of names that ends with `name`."""
    return urlsafe_b64encode(name.encode()).decode()


def after_token(token: str) -> str | Fault:
    """The name a page goes on after."""
    try:
        return b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        return Fault(INVALID_PARAMETER, "Invalid or expired next token.")


def _unescaped(text: str) -> str:
    if "%" not in text:
        return text
    return unquote(text, errors="replace")
