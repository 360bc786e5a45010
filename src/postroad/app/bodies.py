"""Bodies of jobs: arguments to bytes and back, as the signature of a task says.

It stands between `delay` and the worker's call of the task. The rule kept here: decoders are made
once, when the task is declared, and what `delay` takes is what the worker can read.
"""

import inspect
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar, get_origin, get_type_hints

import msgspec
from msgspec.inspect import CustomType, multi_type_info

from postroad.app.context import Context
from postroad.app.outcomes import BadBody
from postroad.model.message import Delivery
from postroad.model.value import value

T = TypeVar("T")

Headers = dict[str, str]
"""What a body says about itself in the headers of its message: nothing so far."""

_SPREAD: Final = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_BY_NAME: Final = inspect.Parameter.KEYWORD_ONLY
_NOT_GIVEN: Final = inspect.Parameter.empty


@value
class Parameter:
    """One parameter of a task: what it is annotated with, what stands for it when it is not given
    (`inspect.Parameter.empty`: nothing does), and whether it is given by name only.
    """

    name: str
    annotation: Any
    default: Any
    by_name: bool

    @property
    def is_message(self) -> bool:
        """Whether the worker gives the message itself."""
        return self.annotation is Delivery

    @property
    def is_context(self) -> bool:
        """Whether the worker gives the context of the run."""
        return (get_origin(self.annotation) or self.annotation) is Context

    @property
    def is_sent(self) -> bool:
        """Whether it comes out of the body."""
        return not (self.is_message or self.is_context)


class BodyCodec:
    """The bodies of one task.

    One parameter: the whole body is that value; `bytes` as they are, `str` as UTF-8, anything else
    as JSON. Several: a JSON object by their names. None: any body will do. Parameters annotated
    `Message` or `Context` are given by the worker and are no part of it. Raises `TypeError` where
    a signature cannot be filled from a body.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.name = getattr(function, "__qualname__", repr(function))
        hints = hints_of(function, self.name)
        self._all = _parameters(function, hints, self.name)
        self._sent = [one for one in self._all if one.is_sent]
        self.needs_context: Final = any(one.is_context for one in self._all)
        """Whether `decode` wants a context."""
        self._is_plain = len(self._sent) == len(self._all) and not any(
            one.by_name for one in self._all
        )
        self._signature = inspect.signature(function).replace(
            parameters=[
                one
                for one in inspect.signature(function).parameters.values()
                if one.name in {sent.name for sent in self._sent}
            ]
        )
        self.returned: Final = hints.get("return", Any)
        """What the task returns, as far as it says."""
        self._whole = self._sent[0] if len(self._sent) == 1 else None
        self.is_whole: Final = self._whole is not None
        """Whether the whole body is one argument."""
        self.names: Final = frozenset(one.name for one in self._sent)
        """Of the parameters that come out of the body."""
        self._read = self._reader()

    @property
    def sent(self) -> list[Parameter]:
        """The parameters that come out of the body, in their order."""
        return list(self._sent)

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[bytes, Headers]:
        """The body for these arguments, and what headers say about it.

        Raises `TypeError` where they are not what the task takes.
        """
        given = self._given(args, kwargs)
        if not self._sent:
            return b"", {}
        if self._whole is not None:
            if self._whole.name not in given:
                return self._default_body(self._whole), {}
            body = self._whole_body(given[self._whole.name])
        else:
            body = self._json(given)
        try:
            self._read(body)
        except BadBody as error:
            raise TypeError(f"`{self.name}` does not take this: {error}") from None
        return body, {}

    def decode(
        self, message: Delivery, context: Context | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments to call the task with. Raises `BadBody`."""
        sent = self._read(message.body)
        if self._is_plain:
            return sent, {}
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        at = 0
        for one in self._all:
            if one.is_sent:
                found = sent[at]
                at += 1
            else:
                found = message if one.is_message else context
            if one.by_name:
                kwargs[one.name] = found
            else:
                args.append(found)
        return tuple(args), kwargs

    @property
    def content_type(self) -> str:
        """What its bodies are, in the words of MIME."""
        wanted = None if self._whole is None else self._whole.annotation
        if wanted is str:
            return "text/plain"
        return "application/octet-stream" if wanted is bytes else "application/json"

    def named(self, body: bytes) -> dict[str, Any]:
        """The arguments that a body has, by their names. Raises `BadBody`."""
        return {one.name: found for one, found in zip(self._sent, self._read(body), strict=True)}

    def call(self, function: Callable[..., T], body: bytes) -> T:
        """What a function makes of the arguments of a body, given as the task is. Raises
        `BadBody`."""
        given = self.named(body)
        kwargs = {one.name: given.pop(one.name) for one in self._sent if one.by_name}
        return function(*given.values(), **kwargs)

    def decode_result(self, text: bytes) -> Any:
        """What a task returned, as its annotation says. Raises `BadBody`."""
        return _decoded(self._result, text)

    @cached_property
    def _result(self) -> "msgspec.json.Decoder[Any]":
        """Made when a result is first read: what nobody reads may be anything."""
        return _decoder(self.returned, f"the result of `{self.name}`")

    def _given(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Mapping[str, Any]:
        """Arguments by name, as far as they were given."""
        if not kwargs and self._is_plain and len(args) == len(self._sent):
            return {one.name: arg for one, arg in zip(self._sent, args, strict=True)}
        try:
            return self._signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"`{self.name}` does not take this: {error}") from None

    def _default_body(self, one: Parameter) -> bytes:
        """The body where nothing was given: for JSON none at all, and the worker's default."""
        return self._whole_body(one.default) if one.annotation in (bytes, str) else b""

    def _whole_body(self, given: object) -> bytes:
        assert self._whole is not None
        wanted = self._whole.annotation
        if wanted is bytes:
            if not isinstance(given, bytes | bytearray | memoryview):
                raise self._wrong("bytes", given)
            return bytes(given)
        if wanted is str:
            if not isinstance(given, str):
                raise self._wrong("str", given)
            return given.encode()
        return self._json(given)

    def _wrong(self, wanted: str, given: object) -> TypeError:
        return TypeError(f"`{self.name}` takes {wanted}, not {type(given).__name__}")

    def _json(self, given: object) -> bytes:
        return encoded(given, f"an argument of `{self.name}`")

    def _reader(self) -> Callable[[bytes], tuple[Any, ...]]:
        """Body -> what was sent, in the order of the parameters."""
        if not self._sent:
            return lambda _: ()
        if self._whole is None:
            return _object_reader(self._sent, self.name)
        return _whole_reader(self._whole, self.name)


def hints_of(function: Callable[..., Any], name: str) -> dict[str, Any]:
    """The annotations of a task. Raises `TypeError` where a name in them means nothing."""
    try:
        return get_type_hints(function, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"the annotations of `{name}` cannot be read: {error}; import it where the task is"
        ) from None


def _parameters(
    function: Callable[..., Any], hints: Mapping[str, Any], name: str
) -> list[Parameter]:
    found: list[Parameter] = []
    for one in inspect.signature(function).parameters.values():
        if one.kind in _SPREAD:
            raise TypeError(f"`{name}` takes `{one}`, which no body fills; name its parameters")
        hint = hints.get(one.name, Any)
        found.append(Parameter(one.name, hint, one.default, one.kind is _BY_NAME))
    return found


def value_reader(annotation: Any, what: str) -> Callable[[bytes], Any]:
    """What reads a body as one value: `bytes` as they are, `str` as UTF-8, anything else as JSON;
    it raises `BadBody`. Raises `TypeError` about `what` where JSON says nothing about the type.
    """
    if annotation is bytes:
        return bytes
    if annotation is str:
        return lambda body: _text(body)[0]
    decoder = _decoder(annotation, what)
    return lambda body: _decoded(decoder, body)


def _whole_reader(one: Parameter, name: str) -> Callable[[bytes], tuple[Any, ...]]:
    if one.annotation is bytes:
        return lambda body: (body,)
    if one.annotation is str:
        return _text
    decoder = _decoder(one.annotation, f"`{one.name}` of `{name}`")
    if one.default is _NOT_GIVEN:
        return lambda body: (_decoded(decoder, body),)
    default = (one.default,)
    return lambda body: (_decoded(decoder, body),) if body else default


def _text(body: bytes) -> tuple[str]:
    try:
        return (body.decode(),)
    except UnicodeDecodeError as error:
        raise BadBody(f"the body is no UTF-8: {error}") from None


def _object_reader(sent: list[Parameter], name: str) -> Callable[[bytes], tuple[Any, ...]]:
    for one in sent:
        _check_has_form(one.annotation, f"`{one.name}` of `{name}`")
    # A mandatory field may not follow one with a default, so they go by name.
    fields = [
        (one.name, one.annotation)
        if one.default is _NOT_GIVEN
        else (one.name, one.annotation, _kept_default(one.default))
        for one in sent
    ]
    shape = msgspec.defstruct("Arguments", fields, kw_only=True, forbid_unknown_fields=True)
    decoder = msgspec.json.Decoder(shape, dec_hook=_from_json)
    return lambda body: msgspec.structs.astuple(_decoded(decoder, body))


def _kept_default(default: object) -> Any:
    """The very object that the signature has, as a call by hand would get it."""
    return msgspec.field(default_factory=lambda: default)


def _decoder(annotation: Any, what: str) -> "msgspec.json.Decoder[Any]":
    _check_has_form(annotation, what)
    return msgspec.json.Decoder(annotation, dec_hook=_from_json)


def _check_has_form(annotation: Any, what: str) -> None:
    """Raise `TypeError` where JSON says nothing about a type."""
    try:
        todo: list[object] = list(multi_type_info([annotation]))
    except TypeError as error:
        raise TypeError(f"{what}: {error}") from None
    seen: dict[int, object] = {}
    while todo:
        one = todo.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, CustomType) and not hasattr(one.cls, "model_validate_json"):
            raise TypeError(
                f"{what} is `{one.cls.__name__}`, which has no form in JSON; take a dataclass, "
                "a msgspec Struct, a pydantic model, or plain types"
            )
        if isinstance(one, tuple | list):
            todo.extend(one)
        elif isinstance(one, msgspec.Struct):
            todo.extend(getattr(one, name) for name in one.__struct_fields__)


def _from_json(kind: type, found: object) -> object:
    """What msgspec does not know itself: models of pydantic, which check their own."""
    validate: Callable[[bytes], object] = kind.model_validate_json  # type: ignore[attr-defined]
    return validate(msgspec.json.encode(found))


def _to_json(given: object) -> object:
    dump = getattr(given, "model_dump", None)
    if dump is None:
        raise NotImplementedError(f"`{type(given).__name__}` has no form in JSON")
    return dump(mode="json")


_encoder: Final = msgspec.json.Encoder(enc_hook=_to_json)


def encoded(given: object, what: str) -> bytes:
    """A value as JSON. Raises `TypeError` about `what`."""
    try:
        return _encoder.encode(given)
    except (TypeError, ValueError, NotImplementedError, RecursionError) as error:
        raise TypeError(f"{what}: {_one_line(error)}") from None


def _decoded(decoder: "msgspec.json.Decoder[Any]", body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except Exception as error:  # noqa: BLE001  (the validators of the program's own types run in it)
        raise BadBody(_one_line(error)) from None


def _one_line(error: BaseException) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines())
