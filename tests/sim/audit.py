"""The moments of truth: all there is looked at at once, and the end of a story."""

from typing import TYPE_CHECKING, Any

from postroad.model import commands as asks
from postroad.model import replies
from tests.sim.checkers.accounts import Snapshot
from tests.sim.checkers.keys import highest
from tests.sim.copies import Violation
from tests.sim.process import compare, reread
from tests.sim.workload import KEYED, Session
from tests.sim.workloads.limits import EACH
from tests.sim.workloads.lists import PREFIX

if TYPE_CHECKING:
    from tests.sim.world import World

STEPS_MAX = 40_000
STORE_LEFT_BYTES_MAX = 128 * 1024  # the file being written, and one that a large block filled


def audit(world: "World") -> None:
    """Look at all there is, in one moment, and at what a start would find."""
    process = world.quiesce()
    world.say("audit")
    world.frozen = True
    session = world.session()
    _audit_kinds(world, session)
    snapshot = _snapshot(world, session)
    world.checker.audit(snapshot, world.now_ms())
    for name in ("levels", "ranked"):
        _audit_order(world, session, snapshot, name)
    process = world.quiesce()
    live = process.engine.core.state
    live.check()
    compare(live, reread(world), "the state that a start would find")
    world.forget(session)
    world.let_be()
    world.frozen = False
    world.faults.rise()


def _audit_kinds(world: "World", session: Session) -> None:
    """Each kind of thing, by its own rules."""

    def read(command: Any) -> Any:
        return world.hear(session, command)

    checker = world.checker
    for expert in (*checker.all_experts(), *checker.watchers):
        expert.audit(read, world.now_ms(), checker.event)


def _audit_order(world: "World", session: Session, snapshot: Snapshot, name: str) -> None:
    """Nothing arrives and nobody else receives: the highest priorities come first."""
    seen = snapshot.seen.get(name, [])
    copies = [world.checker.recognise(name, one.message) for one in seen]
    expected = highest(seen, copies, 4)
    if not expected:
        return
    received = world.hear(session, asks.Receive(name, 4, 60_000, 0))
    offsets = [one.offset for one in received.messages]
    if offsets != expected:
        raise Violation(f"of the highest priority are {expected}, and {offsets} came")
    leases = [one.lease for one in received.messages]
    counts = [one.delivery_count for one in received.messages]
    world.hear(session, asks.Settle(name, offsets, leases, counts, asks.RELEASE))


def finish(world: "World") -> None:
    """Faults are over: everything can be received and acked, and the queues end empty."""
    audit(world)
    world.faults.end()
    for session in world.sessions:
        world.forget(session)
    session = world.session()
    for name in ("dead", "nowhere"):
        world.hear(session, asks.DeclareQueue(name))
    for watcher in world.checker.watchers:
        watcher.end(lambda command: world.hear(session, command))
    _drain(world, session)
    audit(world)
    world.checker.topics.bury(lambda command: world.hear(session, command))
    process = world.quiesce()
    compare(process.engine.core.state, world.tap.replayed(), "the state that all records make")
    used = process.engine.store.bytes_used()
    if used > STORE_LEFT_BYTES_MAX:
        raise Violation(f"the store keeps {used:,} bytes though nothing is wanted any more")
    # Twice, as the second life ends before it wrote anything.
    for _ in range(2):
        stop(world)
        world.start()
        if world.process is None or not world.process.was_sealed:
            raise Violation("a clean stop was not found as one")
        audit(world)


def _drain(world: "World", session: Session) -> None:
    for _ in range(80):
        world.run_for(0)
        world.time.true_ms += world.rng.choice((2_000, 3_600_000))
        world.turn()
        world.quiesce()
        left = 0
        for name in world.hear(session, asks.ListQueues()).names:
            # Where few may be leased at once, popping takes the rest.
            world.hear(session, asks.Pop("few", 2_000, 0))
            # Of a key there may be a few at a time only.
            for _ in range(40 if name in KEYED or name == EACH else 1):
                if not _receive_and_ack(world, session, name):
                    break
            described = world.hear(session, asks.DescribeQueue(name))
            left += described.ready + described.delayed + described.leased + described.dead
        if not left:
            return
    raise Violation(f"{left} messages cannot be received though all faults are over")


def _receive_and_ack(world: "World", session: Session, name: str) -> bool:
    """Take what can be had at once; whether it was anything."""
    received = world.hear(session, asks.Receive(name, 500, 60_000, 0))
    if not isinstance(received, replies.Received) or not received.messages:
        return False
    offsets = [one.offset for one in received.messages]
    leases = [one.lease for one in received.messages]
    counts = [one.delivery_count for one in received.messages]
    world.hear(session, asks.Settle(name, offsets, leases, counts))
    return True


def stop(world: "World") -> None:
    """A clean stop."""
    process = world.quiesce()
    engine = process.engine
    world.checker.stopping = True
    engine.stop_waiting()
    engine.keeper.close()
    for _ in range(STEPS_MAX):
        if not process.alive:
            return
        if engine.keeper.saved() and engine.idle() and not process.busy():
            break
        world.turn()
        if world.has_events():
            world.step()
    else:
        raise Violation("a clean stop does not end")
    engine.journal.close()
    world.die("a clean stop", power=False)
    if not any(world.tap.history) or world.checkpoints.load()[0] is None:
        raise Violation("a clean stop left no checkpoint")


def _owner(world: "World") -> Session:
    """Who alone may look at what is exclusive."""
    owner = world.checker.owners.owner
    return next(one for one in world.sessions if one.caller.number == owner)


def _snapshot(world: "World", session: Session) -> Snapshot:
    snapshot = Snapshot()
    names = world.hear(session, asks.ListQueues()).names
    for name in [name for name in names if not name.startswith(PREFIX)]:
        snapshot.described[name] = world.hear(session, asks.DescribeQueue(name))
        seen = snapshot.seen[name] = []
        at = 0
        while True:
            mine = snapshot.described[name].settings.exclusive
            peeked = world.hear(_owner(world) if mine else session, asks.Peek(name, at, 400))
            if not peeked.messages:
                break
            seen.extend(peeked.messages)
            at = peeked.next_offset
        for task in world.hear(session, asks.ListMoveTasks(name)).tasks:
            if task.status == "running":
                targets = set(names) if task.target is None else {task.target}
                snapshot.moving[name] = targets
    return snapshot
