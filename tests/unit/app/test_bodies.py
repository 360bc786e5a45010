"""Bodies of jobs: what `delay` takes is what the task gets."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroad import Context, Message
from postroad.app.bodies import BodyCodec
from postroad.app.outcomes import BadBody


class Line(msgspec.Struct):
    item: str
    count: int = 1


@dataclass
class Order:
    number: int
    lines: list[Line]


class Address(TypedDict):
    city: str


class Opaque:
    pass


def message(body: bytes) -> Message:
    return Message(1, 0, 1, 1, 0, 0, body)


def over(codec: BodyCodec, *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """What the task is called with after a call with these arguments."""
    return codec.decode(message(codec.encode(args, kwargs)[0]), None)


def whole(order: Order) -> None: ...
def raw(body: bytes) -> None: ...
def text(body: str) -> None: ...
def several(number: int, when: datetime, *, to: Address | None = None) -> None: ...
def untyped(one, two=2): ...  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
def nothing() -> None: ...
def defaulted(number: int = 7) -> None: ...


def test_one_parameter_is_the_whole_body() -> None:
    codec = BodyCodec(whole)
    order = Order(1, [Line("tea", 2)])
    assert codec.encode((order,), {}) == (b'{"number":1,"lines":[{"item":"tea","count":2}]}', {})
    assert over(codec, order) == ((order,), {})
    assert over(codec, order=order) == ((order,), {})


def test_bytes_and_text_are_as_they_are() -> None:
    assert BodyCodec(raw).encode((b"\xff{",), {})[0] == b"\xff{"
    assert over(BodyCodec(raw), bytearray(b"\xff")) == ((b"\xff",), {})
    assert BodyCodec(text).encode(("tea",), {})[0] == b"tea"
    assert over(BodyCodec(text), "käse") == (("käse",), {})


def test_several_parameters_are_an_object_by_name() -> None:
    codec = BodyCodec(several)
    when = datetime(2026, 1, 2, tzinfo=UTC)
    body = b'{"number":1,"when":"2026-01-02T00:00:00Z","to":{"city":"Ulm"}}'
    assert codec.encode((1, when), {"to": {"city": "Ulm"}})[0] == body
    assert over(codec, 1, when=when) == ((1, when), {"to": None})


def test_what_has_no_annotation_is_plain_json() -> None:
    assert over(BodyCodec(untyped), {"a": [1, None]}) == (({"a": [1, None]}, 2), {})


def test_a_task_without_parameters_takes_any_body() -> None:
    codec = BodyCodec(nothing)
    assert codec.encode((), {}) == (b"", {})
    assert codec.decode(message(b"\xff"), None) == ((), {})


def test_an_empty_body_is_the_default() -> None:
    codec = BodyCodec(defaulted)
    assert codec.encode((), {})[0] == b""
    assert over(codec) == ((7,), {})
    assert over(codec, 8) == ((8,), {})


def test_messages_and_contexts_come_from_the_worker() -> None:
    def task(context: Context, number: int, source: Message, *, unit: str = "kg") -> None: ...

    codec = BodyCodec(task)
    assert codec.needs_context
    body = codec.encode((3,), {"unit": "g"})[0]
    assert body == b'{"number":3,"unit":"g"}'
    context = object()
    args, kwargs = codec.decode(message(body), context)  # type: ignore[arg-type]
    assert args == (context, 3, message(body))
    assert kwargs == {"unit": "g"}


def test_models_of_pydantic_check_their_own() -> None:
    import pydantic

    class Mail(pydantic.BaseModel):
        to: str
        at: datetime

    def send(mails: list[Mail]) -> None: ...

    send.__annotations__["mails"] = list[Mail]
    codec = BodyCodec(send)
    mail = Mail(to="ada", at=datetime(2026, 1, 2, tzinfo=UTC))
    assert over(codec, [mail]) == (([mail],), {})
    with pytest.raises(BadBody, match="Input should be a valid string"):
        codec.decode(message(b'[{"to":1,"at":"2026-01-02T00:00:00Z"}]'), None)


@pytest.mark.parametrize(
    ("task", "args", "kwargs", "said"),
    [
        (whole, (), {}, "missing a required argument: 'order'"),
        (whole, (1, 2), {}, "too many positional arguments"),
        (whole, (Order("x", []),), {}, "Expected `int`, got `str` - at `$.number`"),  # type: ignore[arg-type]
        (whole, (Opaque(),), {}, "`Opaque` has no form in JSON"),
        (several, (1,), {"when": "noon"}, "Invalid RFC3339"),
        (several, (1,), {"wen": 1}, "unexpected keyword argument 'wen'|missing a required"),
        (raw, ("text",), {}, "takes bytes, not str"),
        (text, (b"bytes",), {}, "takes str, not bytes"),
    ],
)
def test_wrong_arguments_are_a_type_error_at_the_call(
    task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], said: str
) -> None:
    with pytest.raises(TypeError, match=said.replace("$", r"\$")):
        BodyCodec(task).encode(args, kwargs)


@pytest.mark.parametrize(
    ("task", "body", "said"),
    [
        (whole, b"", "truncated"),
        (whole, b"{", "truncated"),
        (whole, b'{"number":"x","lines":[]}', "Expected `int`"),
        (several, b'{"number":1}', "missing required field `when`"),
        (several, b'{"number":1,"when":"2026-01-02T00:00:00Z","x":1}', "unknown field `x`"),
        (text, b"\xff", "no UTF-8"),
    ],
)
def test_a_bad_body_says_what_is_wrong(task: Any, body: bytes, said: str) -> None:
    with pytest.raises(BadBody, match=said):
        BodyCodec(task).decode(message(body), None)


def test_a_type_that_raises_what_it_likes_makes_a_bad_body() -> None:
    @dataclass
    class Odd:
        number: int

        def __post_init__(self) -> None:
            raise LookupError("odd")

    def task(one: Odd) -> None: ...

    task.__annotations__["one"] = Odd
    with pytest.raises(BadBody, match="odd"):
        BodyCodec(task).decode(message(b'{"number":1}'), None)


def test_what_no_body_can_fill_is_refused_when_the_task_is_declared() -> None:
    def spread(*numbers: int) -> None: ...
    def opaque(one: list[Opaque]) -> None: ...
    def unknown(one: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    for task, said in (
        (spread, "name its parameters"),
        (opaque, "no form in JSON"),
        (unknown, "`Missing`|'Missing'"),
    ):
        with pytest.raises(TypeError, match=said):
            BodyCodec(task)


@given(st.binary(max_size=64))
def test_no_body_at_all_can_do_more_than_be_bad(body: bytes) -> None:
    for task in (whole, raw, text, several, untyped, nothing, defaulted):
        assert "\n" not in complaint(task, body)


def complaint(task: Any, body: bytes) -> str:
    try:
        BodyCodec(task).decode(message(body), None)
    except BadBody as error:
        return str(error)
    return ""


@given(st.integers(-(2**53), 2**53), st.lists(st.builds(Line, st.text(), st.integers(0, 9))))
def test_every_argument_arrives_as_it_was_given(number: int, lines: list[Line]) -> None:
    order = Order(number, lines)
    assert over(BodyCodec(whole), order) == ((order,), {})
