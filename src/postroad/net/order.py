"""When a message may be sent: at a rate, and behind those of its ordering key.

It stands inside a push, between leases and requests. The rule kept here: no I/O, and time is an
argument.
"""

from collections import deque

from postroad.model.message import Delivery


class Pace:
    """Turns that come evenly, `per_second` of them, or as they are wanted where it is `None`."""

    def __init__(self, per_second: int | None) -> None:
        self.per_second = per_second
        self._next_s = 0.0
        self._held_until_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """How long to wait and then ask again; 0: it is one's turn, and the next comes later."""
        if now_s < self._held_until_s:
            return self._held_until_s - now_s
        if self.per_second is None:
            return 0.0
        if now_s < self._next_s:
            return self._next_s - now_s
        # Lost turns are not made up for: that would be a burst.
        late = now_s - self._next_s > 1 / self.per_second
        self._next_s = (now_s if late else self._next_s) + 1 / self.per_second
        return 0.0

    def hold(self, now_s: float, seconds: float) -> None:
        """There are no turns for so long."""
        self._held_until_s = max(self._held_until_s, now_s + seconds)


class Lines:
    """Messages in hand by ordering key: of each key the first alone is on its way."""

    def __init__(self) -> None:
        self._behind: dict[str, deque[Delivery]] = {}

    def enter(self, message: Delivery) -> bool:
        """Whether a message may be sent now; otherwise it waits for those before it."""
        key = message.key
        if key is None:
            return True
        line = self._behind.get(key)
        if line is None:
            self._behind[key] = deque()
            return True
        line.append(message)
        return False

    def leave(self, message: Delivery, *, taken: bool) -> tuple[Delivery | None, list[Delivery]]:
        """A message is settled. Where it was `taken` the next of its line may be sent; otherwise
        all those behind it are to be given back, for they must not overtake it."""
        key = message.key
        line = None if key is None else self._behind.get(key)
        if key is None or line is None:
            return None, []
        if taken and line:
            return line.popleft(), []
        del self._behind[key]
        return None, list(line)
