"""Whether the bodies of a publish fit the schema of where they go.

One rule: one that does not fit refuses all of its publish; the refusal names the message, the place
in it and the reason.
"""

from collections.abc import Sequence

from postroad.core.decision import Decision, World, refuse
from postroad.model.replies import Why


def misfit_of(
    world: World,
    where: tuple[int, str],
    bodies: Sequence[bytes],
    group: int,
    exempt: Sequence[bool] | None = None,
) -> Decision | None:
    """The refusal of a publish to the queue or topic of this number and name, or `None`. `exempt`:
    which messages are held to nothing, as those that only say that a key is gone."""
    destination, name = where
    schema = world.state.schemas.active.get(destination)
    if schema is None:
        return None
    for at, body in enumerate(bodies):
        if exempt is not None and exempt[at]:
            continue
        misfit = world.checker.misfit(schema, body)
        if misfit is not None:
            which = "the message" if len(bodies) == 1 else f"message {at}"
            text = f"{which} does not fit the schema of `{name}`: {misfit}"
            return refuse(Why.DOES_NOT_FIT, text, group)
    return None
