"""The checker accuses nobody of what two sessions may hear in any order, and of what is due."""

import pytest

from postroad.model import groups
from postroad.model.replies import Done
from tests.sim.checkers.topics import TopicRules
from tests.sim.copies import Asked, Violation
from tests.sim.workloads.topics import READERS


class Story:
    """Members join a group, and somebody ends it."""

    def __init__(self) -> None:
        self.rules = TopicRules()
        self.event = 0

    def join(self) -> Asked:
        return self._ask(groups.JoinGroup(READERS, "m1", ("log",), "sticky", 1_500))

    def delete(self) -> Asked:
        return self._ask(groups.DeleteGroup(READERS))

    def hears(self, ask: Asked, generation: int) -> None:
        self._answer(ask, groups.Membership(generation, (), 1, complete=True))

    def done(self, ask: Asked) -> None:
        self._answer(ask, Done())

    def _ask(self, command: object) -> Asked:
        self.event += 1
        ask = Asked(1, self.event, command, 0, self.event)
        self.rules.asked(ask)
        return ask

    def _answer(self, ask: Asked, reply: object) -> None:
        self.event += 1
        self.rules.answered(ask, reply, 0, self.event)


def test_two_that_join_at_once_hear_of_their_generations_in_any_order() -> None:
    story = Story()
    one, other = story.join(), story.join()
    story.hears(other, 6)
    story.hears(one, 5)


def test_a_generation_that_was_heard_of_does_not_come_again() -> None:
    story = Story()
    one, other = story.join(), story.join()
    story.hears(other, 6)
    story.hears(one, 5)
    with pytest.raises(Violation, match="generation 6 came after 6"):
        story.hears(story.join(), 6)


def test_a_group_begins_anew_after_its_end_whoever_was_on_the_way_then() -> None:
    story = Story()
    story.hears(story.join(), 6)
    before, end = story.join(), story.delete()
    beside = story.join()
    story.hears(beside, 1)
    story.done(end)
    story.hears(before, 7)
    story.hears(story.join(), 2)
