"""Answers and errors of the Query protocol as XML.

It is the counterpart of `query`: plain shapes out, spelled by the service's own table. The rule
kept here: nothing leaves unescaped, and a character that XML cannot carry leaves as U+FFFD, so that
no text that somebody set can spoil the whole answer.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from postroad.model.value import value
from postroad.protocols.aws.faults import Fault

_DECLARATION: Final = '<?xml version="1.0"?>\n'
_NOT_CARRIED: Final = (
    *(code for code in range(0x20) if chr(code) not in "\t\n\r"),
    *range(0xD800, 0xE000),
    0xFFFE,
    0xFFFF,
)
_ESCAPES: Final = str.maketrans(
    {
        **{chr(code): "\ufffd" for code in _NOT_CARRIED},
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\r": "&#13;",
    }
)


@value
class Spelling:
    """How a list or map among an answer's members is spelled: the element of each entry and, for a
    map, the elements of its halves. `wrapped`: the entries stand in an element of their name."""

    element: str
    key: str = ""
    content: str = ""
    wrapped: bool = False


def encode_answer(
    action: str,
    shape: Mapping[str, object],
    *,
    spellings: Mapping[str, Spelling],
    namespace: str,
    request_id: str,
    resultless: bool = False,
) -> bytes:
    """An action's answer. `resultless`: the action never answers anything, so that even an empty
    result element would be wrong; with all others SDKs look for it."""
    out = [_DECLARATION, f'<{action}Response xmlns="{namespace}">']
    if not resultless:
        out.append(f"<{action}Result>")
        _struct(out, shape, spellings)
        out.append(f"</{action}Result>")
    out.append(f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>")
    out.append(f"</{action}Response>")
    return "".join(out).encode()


def encode_error(fault: Fault, *, namespace: str, request_id: str) -> bytes:
    """An error, in the form that SDKs of the Query protocol read."""
    kind = "Sender" if fault.kind.sender else "Receiver"
    text = fault.text.encode("utf-8", "replace").decode()
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return (
        f'{_DECLARATION}<ErrorResponse xmlns="{namespace}"><Error><Type>{kind}</Type>'
        f"<Code>{fault.kind.code}</Code><Message>{clean.translate(_ESCAPES)}</Message><Detail/>"
        f"</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    ).encode()


def _struct(out: list[str], shape: Mapping[str, object], spellings: Mapping[str, Spelling]) -> None:
    for name, content in shape.items():
        spelling = spellings.get(name)
        if spelling is None:
            _element(out, name, content, spellings)
            continue
        if spelling.wrapped:
            out.append(f"<{name}>")
        _entries(out, spelling, content, spellings)
        if spelling.wrapped:
            out.append(f"</{name}>")


def _entries(
    out: list[str], spelling: Spelling, content: object, spellings: Mapping[str, Spelling]
) -> None:
    if isinstance(content, dict):
        for key, one in content.items():
            out.append(f"<{spelling.element}>")
            _element(out, spelling.key, key, spellings)
            _element(out, spelling.content, one, spellings)
            out.append(f"</{spelling.element}>")
    else:
        assert isinstance(content, list)
        for one in content:
            _element(out, spelling.element, one, spellings)


def _element(out: list[str], name: str, content: object, spellings: Mapping[str, Spelling]) -> None:
    out.append(f"<{name}>")
    if isinstance(content, dict):
        _struct(out, content, spellings)
    elif isinstance(content, bool):
        out.append("true" if content else "false")
    elif isinstance(content, bytes):
        out.append(b64encode(content).decode())
    else:
        out.append(str(content).translate(_ESCAPES))
    out.append(f"</{name}>")
