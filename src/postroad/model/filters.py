"""Filters on what a message says: JSON policies as Amazon SNS subscriptions have them.

It stands beside `exchanges`: a binding may have one. The rule kept here: a policy is read once, a
bad one is refused with one line, and looking at a message never raises, whatever is in it.
"""

from decimal import Decimal
from typing import Final

import msgspec

from postroad.limits import (
    FILTER_BODY_BYTES_MAX,
    FILTER_BYTES_MAX,
    FILTER_COMBINATIONS_MAX,
    FILTER_DEPTH_MAX,
    FILTER_KEYS_MAX,
)
from postroad.model.conditions import OPERATORS, AnyOf, BadFilter, Test, condition
from postroad.model.envelope import Typed, inside
from postroad.model.message import HeaderValue, headers_of, typed_headers_of

ATTRIBUTES = "attributes"
"""The filter looks at the headers."""
SOME_ATTRIBUTES = "some-attributes"
"""As `ATTRIBUTES`, but what has no headers passes no filter that asks for anything, not even for a
name that is not there: the rule of Amazon SNS."""
BODY = "body"
"""The filter looks at the body, which is JSON."""
SCOPES = (ATTRIBUTES, SOME_ATTRIBUTES, BODY)

OR = "$or"
"""The name under which alternatives stand."""
EXISTS = "exists"
OPERATOR_NAMES = frozenset((*OPERATORS, EXISTS))
"""Names of operators: what has one is no alternative of an `$or`."""
_NONE_TAKEN: frozenset[str] = frozenset()

_UNREADABLE = (msgspec.MsgspecError, ValueError, TypeError, ArithmeticError, RecursionError)

_policy = msgspec.json.Decoder(float_hook=Decimal).decode
_json = msgspec.json.Decoder().decode


class Missing:
    """What is said of a name that is not there."""


MISSING: Final = Missing()


class Content:
    """A message as filters look at it: decoded at the first look, however many look. An envelope
    is looked through."""

    __slots__ = ("_document", "_headers", "_inside", "_looked", "_plain", "body", "head")

    def __init__(self, head: bytes, body: bytes) -> None:
        self.head = head
        self.body = body
        self._inside: tuple[Typed, bytes] | None = None
        self._looked = False
        self._headers: dict[str, object] | None = None
        self._document: object = None
        self._plain: dict[str, HeaderValue] | None = None

    def plain(self) -> dict[str, HeaderValue]:
        """The headers in plain form, with numbers as such where types tell of them."""
        if self._plain is None:
            plain = headers_of(self.head)
            for name, one in self.headers().items():
                if isinstance(one, int | float) and isinstance(plain.get(name), str):
                    plain[name] = one
            self._plain = plain
        return self._plain

    def headers(self) -> dict[str, object]:
        """Names and values of the headers; those that no filter can look at are left out."""
        if self._headers is None:
            found: dict[str, object] = {}
            opened = self._opened()
            typed = typed_headers_of(self.head) if opened is None else opened[0]
            for name, (kind, text) in typed.items():
                one = _attribute(kind, text)
                if one is not MISSING and name[:1] != "\0":
                    found[name] = one
            self._headers = found
        return self._headers

    def document(self) -> object:
        """The body as JSON; `MISSING` where it is none, or too long to be looked at."""
        if self._document is None:
            self._document = MISSING
            opened = self._opened()
            body = self.body if opened is None else opened[1]
            if len(body) <= FILTER_BODY_BYTES_MAX:
                try:
                    self._document = _json(body)
                except _UNREADABLE:
                    return MISSING
        return self._document

    @property
    def in_envelope(self) -> bool:
        """Whether the attributes are in the body."""
        return self._opened() is not None

    def _opened(self) -> tuple[Typed, bytes] | None:
        """The attributes and the message in an envelope, if this is one."""
        if not self._looked:
            self._looked = True
            self._inside = inside(self.head, self.body) if self.head else None
        return self._inside


def _attribute(kind: str, text: str | bytes) -> object:
    base = kind.partition(".")[0]
    if not isinstance(text, str) or base == "Binary":
        return MISSING
    if base == "Number":
        try:
            return float(text) if any(char in ".eEnN" for char in text) else int(text)
        except ValueError:
            return MISSING
    if kind == "String.Array":
        try:
            return _json(text)
        except _UNREADABLE:
            return MISSING
    return text


class Leaf:
    """What one value must be like: one of some values, or as one of some conditions says."""

    __slots__ = ("absent", "present", "tests", "values")

    def __init__(self) -> None:
        self.values = AnyOf()
        self.tests: list[Test] = []
        self.present = False
        self.absent = False

    def holds(self, one: object, depth: int) -> bool:
        """Whether a value, or any value of a row of them, is so."""
        if isinstance(one, str):
            # Most are texts that are named outright or not: the short way for them.
            if one in self.values.texts or (self.present and one):
                return True
            return bool(self.tests) and any(test(one) for test in self.tests)
        if one is MISSING:
            return self.absent
        if isinstance(one, list):
            # A list of nothing is no value, and an object is none: there is nothing to look at.
            return self.absent if not one else self._among(one, depth)
        if isinstance(one, dict):
            return self.absent
        return self._fits(one)

    def _among(self, one: list[object], depth: int) -> bool:
        for each in one:
            if isinstance(each, list):
                if depth < FILTER_DEPTH_MAX and self._among(each, depth + 1):
                    return True
            elif not isinstance(each, dict) and self._fits(each):
                return True
        return False

    def _fits(self, one: object) -> bool:
        """Whether a single value is so; `exists` wants one that says something."""
        if self.present and one is not None and one != "":
            return True
        return self.values.has(one) or any(test(one) for test in self.tests)


class Branch:
    """What a set of names must be like, all of them, and one of each `$or`.

    A name with dots is a name, or, where a body has none of that name, a path of names (`dotted`).
    """

    __slots__ = ("choices", "dotted", "parts")

    def __init__(self) -> None:
        self.parts: list[tuple[str, Leaf | Branch]] = []
        self.dotted: list[tuple[str, Leaf | Branch, Branch]] = []
        self.choices: list[list[Branch]] = []

    def add(self, name: str, part: "Leaf | Branch", scope: str) -> None:
        """One more name and what its value must be like."""
        if scope != BODY or "." not in name or name.count(".") > FILTER_DEPTH_MAX:
            self.parts.append((name, part))
            return
        first, _, rest = name.partition(".")
        inner, path = Branch(), Branch()
        inner.add(rest, part, scope)
        path.parts.append((first, inner))
        self.dotted.append((name, part, path))

    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self.parts and not self.dotted and not self.choices

    def holds(self, one: object, depth: int) -> bool:
        """Whether an object, or any object of a row of them, is so."""
        if isinstance(one, list):
            return depth < FILTER_DEPTH_MAX and any(self.holds(each, depth + 1) for each in one)
        known = one if isinstance(one, dict) else {}
        for name, part in self.parts:
            if not part.holds(known.get(name, MISSING), depth + 1):
                return False
        for name, part, path in self.dotted:
            value = known.get(name, MISSING)
            if not (path.holds(known, depth) if value is MISSING else part.holds(value, depth + 1)):
                return False
        return all(any(each.holds(one, depth) for each in some) for some in self.choices)


class Filter:
    """A policy, ready to be asked. `text`: as it was given; `scope`: one of SCOPES."""

    __slots__ = ("_root", "scope", "text")

    def __init__(self, text: str, scope: str = ATTRIBUTES, stored: bool = False) -> None:
        """Raises `BadFilter`; never where it was `stored`, by this version or one before."""
        if scope not in SCOPES:
            raise BadFilter(f"the scope of a filter is one of {', '.join(SCOPES)}")
        self.text = text
        self.scope = scope
        self._root = _read_stored(text, scope) if stored else _read(text, scope, OPERATOR_NAMES)

    def passes(self, content: Content) -> bool:
        """Whether a message is wanted."""
        if self.scope != BODY:
            headers = content.headers()
            if not headers and self.scope == SOME_ATTRIBUTES and not self._root.empty():
                return False
            return self._root.holds(headers, 0)
        document = content.document()
        return isinstance(document, dict) and self._root.holds(document, 0)


def _read_stored(text: str, scope: str) -> Branch:
    """A policy that was fine when it was stored, whatever is thought of it now: read as today, or
    as before the names of operators were nobody's in an `$or`. What cannot be read any more keeps
    nothing from its target."""
    for taken in (OPERATOR_NAMES, _NONE_TAKEN):
        try:
            return _read(text, scope, taken)
        except BadFilter:
            continue
    return Branch()


def _read(text: str, scope: str, taken: frozenset[str]) -> Branch:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise BadFilter("a filter is text that UTF-8 can carry") from None
    if size > FILTER_BYTES_MAX:
        raise BadFilter(f"a filter has at most {FILTER_BYTES_MAX:,} bytes, this one has {size:,}")
    try:
        policy = _policy(text)
    except _UNREADABLE as error:
        raise BadFilter(f"a filter is JSON: {error}") from None
    if not isinstance(policy, dict):
        raise BadFilter("a filter is a JSON object")
    names = _top_names(policy, taken)
    if len(names) > FILTER_KEYS_MAX:
        raise BadFilter(f"a filter has at most {FILTER_KEYS_MAX} names, this one has {len(names)}")
    root, combinations = _branch(policy, 1, 1, scope, taken)
    if combinations > FILTER_COMBINATIONS_MAX:
        raise BadFilter(
            f"the values of a filter make at most {FILTER_COMBINATIONS_MAX} combinations,"
            f" these {combinations:,}"
        )
    return root


def _top_names(policy: dict[str, object], taken: frozenset[str]) -> set[str]:
    names = {name for name in policy if name != OR}
    some = alternatives(policy.get(OR), taken)
    if some is None:
        return set(policy)
    for each in some:
        names.update(name for name in each if name != OR)
    return names


def alternatives(
    part: object, taken: frozenset[str] = OPERATOR_NAMES
) -> list[dict[str, object]] | None:
    """The objects of an `$or`. It is one where it has a list of two or more objects none of which
    has a name that is `taken`, being an operator's; else it is a name like any other."""
    if not isinstance(part, list) or len(part) < 2:
        return None
    some: list[dict[str, object]] = []
    for each in part:
        if not isinstance(each, dict) or not each or not taken.isdisjoint(each):
            return None
        some.append(each)
    return some


def _branch(
    policy: dict[str, object], level: int, depth: int, scope: str, taken: frozenset[str]
) -> tuple[Branch, int]:
    """An object of a policy, and how many combinations of values it stands for. `level`: how many
    names lead to it; `depth`: how many objects."""
    if depth > FILTER_DEPTH_MAX:
        raise BadFilter(f"a filter has at most {FILTER_DEPTH_MAX} levels")
    branch = Branch()
    combinations = 1
    for name, part in policy.items():
        some = alternatives(part, taken) if name == OR else None
        if some is not None:
            choices, count = _choices(some, level, depth, scope, taken)
            branch.choices.append(choices)
        elif isinstance(part, list):
            branch.add(name, _leaf(name, part), scope)
            count = len(part) * level
        elif isinstance(part, dict):
            if scope != BODY:
                raise BadFilter(f"`{name}` has a list of values; only bodies have names in names")
            if not part:
                raise BadFilter(f"`{name}` has at least one name in it")
            inner, count = _branch(part, level + 1, depth + 1, scope, taken)
            branch.add(name, inner, scope)
        else:
            raise BadFilter(f"`{name}` has a list of values")
        combinations *= count
    return branch, combinations


def _choices(
    some: list[dict[str, object]], level: int, depth: int, scope: str, taken: frozenset[str]
) -> tuple[list[Branch], int]:
    choices: list[Branch] = []
    total = 0
    for each in some:
        branch, count = _branch(each, level, depth + 1, scope, taken)
        choices.append(branch)
        total += count
    return choices, total


def _leaf(name: str, values: list[object]) -> Leaf:
    if not values:
        raise BadFilter(f"`{name}` has at least one value")
    leaf = Leaf()
    try:
        for one in values:
            _add_value(leaf, one)
    except BadFilter as error:
        raise BadFilter(f"`{name}`: {error}") from None
    return leaf


def _add_value(leaf: Leaf, one: object) -> None:
    if isinstance(one, list):
        raise BadFilter("a value is a text, a number, true, false, null or an operator")
    if not isinstance(one, dict):
        leaf.values.add(one)
        return
    if len(one) != 1:
        raise BadFilter("an operator is an object with one name")
    ((operator, operand),) = one.items()
    if operator != EXISTS:
        leaf.tests.append(condition(operator, operand))
    elif operand is True:
        leaf.present = True
    elif operand is False:
        leaf.absent = True
    else:
        raise BadFilter("`exists` is true or false")
