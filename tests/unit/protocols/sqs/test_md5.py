"""The sums SDKs compare."""

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from postroad.protocols.sqs.md5 import attributes_md5, body_md5


def by_the_documentation(attributes: dict[str, tuple[str, str | bytes]]) -> str:
    """The documented steps one by one, written apart from the code under test."""
    buffer = bytearray()

    def sized(content: bytes) -> None:
        buffer.extend(len(content).to_bytes(4, "big"))
        buffer.extend(content)

    for name, (kind, content) in sorted(attributes.items()):
        sized(name.encode())
        sized(kind.encode())
        buffer.append(2 if isinstance(content, bytes) else 1)
        sized(content if isinstance(content, bytes) else content.encode())
    return hashlib.md5(buffer).hexdigest()


def test_the_sum_of_a_body_is_that_of_its_bytes() -> None:
    # RFC 1321's own suite.
    assert body_md5(b"abc") == "900150983cd24fb0d6963f7d28e17f72"
    assert body_md5(b"") == "d41d8cd98f00b204e9800998ecf8427e"


def test_known_attributes_have_the_known_sum() -> None:
    typed: dict[str, tuple[str, str | bytes]] = {
        "b": ("Binary.jpeg", b"\x00\xff"),
        "a": ("String", "one"),
    }
    layout = (
        b"\0\0\0\x01a" b"\0\0\0\x06String" b"\x01" b"\0\0\0\x03one"
        b"\0\0\0\x01b" b"\0\0\0\x0bBinary.jpeg" b"\x02" b"\0\0\0\x02\x00\xff"
    )  # fmt: skip
    assert attributes_md5(typed) == hashlib.md5(layout).hexdigest()


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=8),
        st.tuples(st.sampled_from(["String", "Number.int", "Binary"]), st.text() | st.binary()),
    )
)
def test_the_sum_follows_the_documented_layout(
    attributes: dict[str, tuple[str, str | bytes]],
) -> None:
    assert attributes_md5(attributes) == by_the_documentation(attributes)
