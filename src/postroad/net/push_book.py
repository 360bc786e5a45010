"""What is kept of pushes, as it was read last: which queues are to be pushed, and how.

It stands between the keys that hold the pushes and the pusher. The rule kept here: what has not
changed is not read anew, for thousands of pushes are looked at each second; and what is no push, or
one too many, is told once and stops nobody else's.
"""

import logging

from postroad.model.pushes import BadPush, PushSettings, read

_log = logging.getLogger("postroad.net")


class PushBook:
    """The pushes as they were read last. `wanted`: by queue, those that are pushes."""

    def __init__(self, most: int) -> None:
        """`most`: so many queues are pushed, of more the first by name."""
        self.wanted: dict[str, PushSettings] = {}
        self._texts: dict[str, bytes] = {}
        self._most = most
        self._told_too_many = False

    def update(self, found: dict[str, bytes]) -> set[str]:
        """Take in what is kept now; the queues for which that is not as it was."""
        found = self._bounded(found)
        changed = {queue for queue, text in found.items() if self._texts.get(queue) != text}
        changed |= self._texts.keys() - found.keys()
        for queue in changed:
            text = found.get(queue)
            push = None if text is None else self._read(queue, text)
            if push is None:
                self.wanted.pop(queue, None)
            else:
                self.wanted[queue] = push
        self._texts = found
        return changed

    def _bounded(self, found: dict[str, bytes]) -> dict[str, bytes]:
        """As many as may be: keys can be written by anybody, and the setting may be lower now."""
        left_out = len(found) - self._most
        if left_out <= 0:
            self._told_too_many = False
            return found
        if not self._told_too_many:
            self._told_too_many = True
            words = (left_out, self._most)
            _log.warning("%d queues are not pushed: %d are at most (`push.queues_max`)", *words)
        return {queue: found[queue] for queue in sorted(found)[: self._most]}

    def _read(self, queue: str, text: bytes) -> PushSettings | None:
        try:
            return read(text)
        except BadPush as error:
            _log.warning("`%s` is not pushed, what is kept for it is no push: %s", queue, error)
            return None
