"""Names of things, and the one validator for them.

One rule: a name is 1 to 512 bytes of UTF-8 without control characters; what a protocol cannot spell
it escapes itself.
"""

from postroad.limits import NAME_BYTES_MAX


def bad_name(name: str) -> str | None:
    """What is wrong with a name, in one line, or `None`."""
    if not name:
        return "a name has at least one character"
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "a name is text that UTF-8 can carry"
    if size > NAME_BYTES_MAX:
        return f"a name has at most {NAME_BYTES_MAX} bytes, this one has {size}"
    if any(char < " " or char == "\x7f" for char in name):
        return "a name has no control characters"
    return None
