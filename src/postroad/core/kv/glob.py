"""Patterns as file names have them, over bytes.

One rule: a match costs at most pattern times text, whatever the pattern: it never tries twice what
it knows.
"""

ONE = -1
"""Any byte; tokens that are not negative are the byte itself."""
MANY = -2
"""Any number of any bytes. Tokens below are sets: -3 the first of them, and so on."""


class Pattern:
    """`*` any bytes, `?` one, `[a-c]` one of some, `[^a-c]` none of them; `\\` takes the next as it
    is."""

    def __init__(self, text: bytes) -> None:
        self.tokens: list[int] = []
        self.sets: list[bytes] = []
        at = 0
        while at < len(text):
            at = self._read(text, at)

    def matches(self, text: bytes) -> bool:
        """Whether all of the text is as the pattern says."""
        tokens = self.tokens
        at = token = 0
        star = -1
        mark = 0
        while at < len(text):
            if token < len(tokens) and tokens[token] == MANY:
                star = token
                mark = at
                token += 1
            elif token < len(tokens) and self._fits(tokens[token], text[at]):
                token += 1
                at += 1
            elif star >= 0:
                mark += 1
                at = mark
                token = star + 1
            else:
                return False
        while token < len(tokens) and tokens[token] == MANY:
            token += 1
        return token == len(tokens)

    def _fits(self, token: int, byte: int) -> bool:
        if token >= 0:
            return token == byte
        return token == ONE or byte in self.sets[MANY - 1 - token]

    def _read(self, text: bytes, at: int) -> int:
        """Take the token at a place; where the next begins."""
        byte = text[at]
        if byte == ord("*"):
            if not self.tokens or self.tokens[-1] != MANY:
                self.tokens.append(MANY)
        elif byte == ord("?"):
            self.tokens.append(ONE)
        elif byte == ord("["):
            return self._read_set(text, at + 1)
        elif byte == ord("\\") and at + 1 < len(text):
            self.tokens.append(text[at + 1])
            return at + 2
        else:
            self.tokens.append(byte)
        return at + 1

    def _read_set(self, text: bytes, at: int) -> int:
        """A set without its end goes to the end of the pattern."""
        negated = text[at : at + 1] == b"^"
        if negated:
            at += 1
        members: set[int] = set()
        while at < len(text) and text[at] != ord("]"):
            if text[at] == ord("\\") and at + 1 < len(text):
                at += 1
            low = high = text[at]
            if text[at + 1 : at + 2] == b"-" and at + 2 < len(text) and text[at + 2] != ord("]"):
                high = text[at + 2]
                at += 2
            members.update(range(min(low, high), max(low, high) + 1))
            at += 1
        chosen = set(range(256)) - members if negated else members
        self.tokens.append(MANY - 1 - len(self.sets))
        self.sets.append(bytes(sorted(chosen)))
        return at + 1
