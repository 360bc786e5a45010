"""Patterns of words: which of many fit a routing key.

One rule: a key is read once, word by word, with all patterns that still fit walked at the same
time; so no pattern makes it slow, however many `#` it has. Compiled by mypyc where possible.
"""


def words_of(key: str) -> list[str]:
    """The words of a key or pattern; an empty one has none."""
    return key.split(".") if key else []


class TrieNode:
    """What the patterns that begin alike go on with. `bindings`: those that end here; `loops`: it
    stands behind a `#` and fits any number of words."""

    def __init__(self, loops: bool) -> None:
        self.words: dict[str, TrieNode] = {}
        self.bindings: dict[int, None] = {}
        self.loops = loops


class Trie:
    """Binding numbers by pattern."""

    def __init__(self) -> None:
        self._root = TrieNode(False)

    def add(self, pattern: str, binding: int) -> None:
        """A binding with a pattern."""
        node = self._root
        for word in words_of(pattern):
            known = node.words.get(word)
            if known is None:
                known = TrieNode(word == "#")
                node.words[word] = known
            node = known
        node.bindings[binding] = None

    def remove(self, pattern: str, binding: int) -> None:
        """A binding goes, and with it what only its pattern needed."""
        node = self._root
        path: list[tuple[TrieNode, str]] = []
        for word in words_of(pattern):
            path.append((node, word))
            node = node.words[word]
        del node.bindings[binding]
        while path and not node.bindings and not node.words:
            node, word = path.pop()
            del node.words[word]

    def find(self, key: str) -> list[int]:
        """The bindings whose pattern fits a key, in order of their numbers."""
        active = self._closed([self._root])
        for word in words_of(key):
            after: list[TrieNode] = []
            for node in active:
                if node.loops:
                    after.append(node)
                # A word of the key that looks like a wildcard is a word like any other.
                if word not in ("*", "#") and (known := node.words.get(word)) is not None:
                    after.append(known)
                if (known := node.words.get("*")) is not None:
                    after.append(known)
            if not after:
                return []
            active = self._closed(after)
        found: dict[int, None] = {}
        for node in active:
            found.update(node.bindings)
        return sorted(found)

    def _closed(self, nodes: list[TrieNode]) -> list[TrieNode]:
        """These nodes and those behind a `#` that stands for no word, each once."""
        seen: set[int] = set()
        closed: list[TrieNode] = []
        for node in nodes:
            here: TrieNode | None = node
            while here is not None and id(here) not in seen:
                seen.add(id(here))
                closed.append(here)
                here = here.words.get("#")
        return closed
