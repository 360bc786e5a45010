"""The MD5 sums that SDKs compare: of a body, and of message attributes.

The rule kept here: the layout of the attributes' sum is the service's, byte for byte: by name, each
part behind its 4-byte big-endian length, a 1 before a text and a 2 before bytes.
"""

import hashlib
from collections.abc import Mapping
from struct import Struct as Packer
from typing import Final

_length: Final = Packer(">I").pack


def body_md5(body: bytes) -> str:
    """Of a body's UTF-8 bytes."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def attributes_md5(attributes: Mapping[str, tuple[str, str | bytes]]) -> str:
    """Of attributes, each a type name and a text or bytes."""
    parts: list[bytes] = []
    for name in sorted(attributes):
        type_name, content = attributes[name]
        for text in (name, type_name):
            encoded = text.encode()
            parts += (_length(len(encoded)), encoded)
        if isinstance(content, bytes):
            parts += (b"\x02", _length(len(content)), content)
        else:
            encoded = content.encode()
            parts += (b"\x01", _length(len(encoded)), encoded)
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
