"""Which bindings of one exchange fit a message: a matcher per kind.

One rule: a matcher says whether the routing key alone decides (`by_key`); only where it does not is
a message looked at. Filters are the walk's. Compiled by mypyc where possible.
"""

from hashlib import blake2b
from math import log

from mypy_extensions import mypyc_attr

from postroad.core.exchanges.binding import Binding
from postroad.core.exchanges.trie import Trie
from postroad.model.exchanges import (
    CONSISTENT_HASH,
    FANOUT,
    FORM_CLOSED,
    FORM_MARK,
    HEADERS,
    MATCH_ARGUMENT,
    TOPIC,
    ExchangeSettings,
    fits_form,
)
from postroad.model.filters import Content
from postroad.model.message import HeaderValue


@mypyc_attr(allow_interpreted_subclasses=True)
class Matcher:
    """The bindings of an exchange, such that those that fit are found fast."""

    by_key: bool = True

    def __init__(self) -> None:
        self.bindings: dict[int, Binding] = {}

    def add(self, binding: Binding) -> None:
        """A binding is made."""
        self.bindings[binding.id] = binding

    def remove(self, binding: Binding) -> None:
        """A binding goes."""
        del self.bindings[binding.id]

    def find(self, key: str, content: Content | None) -> list[Binding]:  # noqa: ARG002
        """The bindings that fit, in any order. `content` is there unless `by_key`."""
        return list(self.bindings.values())


class FanoutMatcher(Matcher):
    """All of them; but a publish of one form goes to those that want this form."""

    def __init__(self) -> None:
        super().__init__()
        self._formed = 0

    def add(self, binding: Binding) -> None:
        """A binding is made."""
        super().add(binding)
        self._formed += binding.pattern[:1] == FORM_MARK

    def remove(self, binding: Binding) -> None:
        """A binding goes."""
        super().remove(binding)
        self._formed -= binding.pattern[:1] == FORM_MARK

    def find(self, key: str, content: Content | None) -> list[Binding]:  # noqa: ARG002
        """Every binding, or those that want the form that the key is."""
        every = list(self.bindings.values())
        if key[:1] != FORM_MARK:
            if not self._formed:
                return every
            return [one for one in every if one.pattern != FORM_CLOSED]
        return [one for one in every if fits_form(one.pattern, key)]


class DirectMatcher(Matcher):
    """By equal keys."""

    def __init__(self) -> None:
        super().__init__()
        self._by_key: dict[str, dict[int, Binding]] = {}

    def add(self, binding: Binding) -> None:
        """A binding is made."""
        super().add(binding)
        known = self._by_key.get(binding.pattern)
        if known is None:
            self._by_key[binding.pattern] = {binding.id: binding}
        else:
            known[binding.id] = binding

    def remove(self, binding: Binding) -> None:
        """A binding goes."""
        super().remove(binding)
        known = self._by_key[binding.pattern]
        del known[binding.id]
        if not known:
            del self._by_key[binding.pattern]

    def find(self, key: str, content: Content | None) -> list[Binding]:  # noqa: ARG002
        """The bindings with this very key."""
        known = self._by_key.get(key)
        return [] if known is None else list(known.values())


class TopicMatcher(Matcher):
    """By patterns of words."""

    def __init__(self) -> None:
        super().__init__()
        self._trie = Trie()

    def add(self, binding: Binding) -> None:
        """A binding is made."""
        super().add(binding)
        self._trie.add(binding.pattern, binding.id)

    def remove(self, binding: Binding) -> None:
        """A binding goes."""
        super().remove(binding)
        self._trie.remove(binding.pattern, binding.id)

    def find(self, key: str, content: Content | None) -> list[Binding]:  # noqa: ARG002
        """The bindings whose pattern fits the key."""
        return [self.bindings[id] for id in self._trie.find(key)]


class HeadersMatcher(Matcher):
    """By headers."""

    by_key = False

    def find(self, key: str, content: Content | None) -> list[Binding]:  # noqa: ARG002
        """The bindings whose arguments agree with the headers."""
        assert content is not None, "headers decide"
        headers = content.plain()
        return [one for one in self.bindings.values() if agree(one.arguments, headers)]


class HashMatcher(Matcher):
    """By a hash, one binding each, in proportion to their weights; a binding that comes or goes
    moves only what it wins or loses."""

    def __init__(self, header: str | None) -> None:
        super().__init__()
        self._header = header
        self.by_key = header is None

    def find(self, key: str, content: Content | None) -> list[Binding]:
        """The one binding that wins."""
        text = key
        if self._header is not None:
            assert content is not None, "a header decides"
            text = str(content.plain().get(self._header, ""))
        spoken = text.encode("utf-8", "surrogatepass")
        best: Binding | None = None
        best_score = 0.0
        for binding in self.bindings.values():
            score = _score(spoken, binding)
            if best is None or score > best_score:
                best, best_score = binding, score
        return [] if best is None else [best]


def _score(spoken: bytes, binding: Binding) -> float:
    seed = binding.target.to_bytes(8, "big")
    number = int.from_bytes(blake2b(spoken, digest_size=8, key=seed).digest(), "big")
    # Weighted rendezvous: the highest of -weight / ln(u), u evenly in (0, 1).
    return -int(binding.pattern) / log((number + 1) / 18446744073709551618)


def matcher_of(settings: ExchangeSettings) -> Matcher:
    """An empty matcher for an exchange with these settings."""
    if settings.kind == FANOUT:
        return FanoutMatcher()
    if settings.kind == TOPIC:
        return TopicMatcher()
    if settings.kind == HEADERS:
        return HeadersMatcher()
    if settings.kind == CONSISTENT_HASH:
        return HashMatcher(settings.hash_header)
    return DirectMatcher()


def agree(arguments: dict[str, HeaderValue], headers: dict[str, HeaderValue]) -> bool:
    """Whether headers are as the arguments of a binding want them; an argument that is nothing
    wants the header to be there."""
    how = str(arguments.get(MATCH_ARGUMENT, "all"))
    with_x = how.endswith("-with-x")
    every = how.startswith("all")
    for name, wanted in arguments.items():
        if name == MATCH_ARGUMENT or (name[:2] == "x-" and not with_x):
            continue
        fits = name in headers and (wanted is None or _same(wanted, headers[name]))
        if fits != every:
            return fits
    return every


def _same(one: HeaderValue, other: HeaderValue) -> bool:
    """Equal and of one kind: a truth value is no number, a whole number no fraction."""
    if isinstance(one, bytes) and isinstance(other, str):
        other = other.encode("utf-8", "surrogatepass")
    elif isinstance(one, str) and isinstance(other, bytes):
        one = one.encode("utf-8", "surrogatepass")
    return type(one) is type(other) and one == other
