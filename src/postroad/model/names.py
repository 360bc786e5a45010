"""Names of things, and the one validator for them.

One rule: a name is 1 to 512 bytes of UTF-8 without control characters; what a protocol cannot spell
it escapes itself. A name `@space/name` is in a namespace; in none, a leading `@` stands twice.
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


def namespace_of(name: str) -> str:
    """What the names of the things around this one begin with: `@space/`, or nothing."""
    if name[:1] != "@" or name[:2] == "@@":
        return ""
    return name[: name.find("/") + 1]


def named_in(namespace: str, local: str) -> str:
    """The name of what is called `local` in a namespace (as `namespace_of` tells it)."""
    if namespace:
        return namespace + local
    return "@" + local if local[:1] == "@" else local


def local_name(name: str) -> str:
    """What a thing is called in its namespace."""
    if name[:2] == "@@":
        return name[1:]
    return name[len(namespace_of(name)) :]
