"""A key that holds much stands back behind the others; nobody idles for it."""

from postroad.limits import NOISY_LEASES_MIN
from postroad.model import commands
from tests.unit.core.road import Road, bodies_of


def fill(r: Road, key: str, count: int, first: int = 0) -> None:
    texts = [b"%s%d" % (key.encode(), at) for at in range(first, first + count)]
    r.publish(*texts, keys=[key] * count)


def keys_of(r: Road, count: int) -> str:
    """The keys of what is received next."""
    return "".join(chr(body[0]) for body in bodies_of(r.receive(count=count)))


def test_quiet_keys_come_before_a_noisy_one_that_came_long_before_them() -> None:
    r = Road()
    r.declare()
    fill(r, "n", 10_000)
    r.receive(count=300)
    for key in "abc":
        fill(r, key, 2)
    assert keys_of(r, 8) == "aabbccnn"
    r.check()


def test_a_key_is_not_noisy_before_it_holds_thirty_leases() -> None:
    r = Road()
    r.declare()
    fill(r, "n", 1_000)
    r.receive(count=NOISY_LEASES_MIN - 1)
    fill(r, "a", 1)
    assert keys_of(r, 1) == "n"
    assert keys_of(r, 1) == "a"


def test_a_key_is_not_noisy_with_a_tenth_of_the_leases_or_less() -> None:
    r = Road()
    r.declare()
    fill(r, "n", 40)
    fill(r, "m", 200)
    r.publish(*[b"x"] * 200)
    assert len(r.receive(count=440)) == 440
    fill(r, "n", 1, 40)
    fill(r, "a", 1)
    # 40 leases of 440 are less than a tenth.
    assert keys_of(r, 1) == "n"
    assert keys_of(r, 1) == "a"
    fill(r, "n", 40, 41)
    fill(r, "a", 1, 1)
    assert keys_of(r, 10) == "n" * 10
    # 51 leases of 452 are more.
    assert keys_of(r, 1) == "a"


def test_a_noisy_key_is_quiet_again_once_its_leases_end() -> None:
    r = Road()
    r.declare()
    fill(r, "n", 1_000)
    held = r.receive(count=100)
    fill(r, "a", 1)
    r.settle(held[:80])
    assert keys_of(r, 2) == "nn"
    r.settle(held[80:], commands.RELEASE)
    assert r.receive()[0].body == b"n80"


def test_while_only_noisy_keys_have_messages_all_of_them_leave() -> None:
    r = Road()
    r.declare()
    fill(r, "n", 5_000)
    assert len(r.receive(count=1_000)) == 1_000
    assert len(r.receive(count=1_000)) == 1_000
    r.check()


def test_hundreds_of_quiet_keys_are_served_in_their_order_beside_a_flood() -> None:
    r = Road()
    r.declare()
    fill(r, "n", 20_000)
    r.receive(count=1_000)
    quiet = [f"{number:03}" for number in range(500)]
    for key in quiet:
        r.publish(key.encode(), keys=[key])
        fill(r, "n", 10)
    served = bodies_of(r.receive(count=500))
    assert [body.decode() for body in served] == quiet
    assert keys_of(r, 3) == "nnn"
    r.restart(2)
    fill(r, "z", 1)
    assert keys_of(r, 2) == "zn"
    r.check()
