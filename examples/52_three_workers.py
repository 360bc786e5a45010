"""A thousand images for three workers: one takes 50 minutes, three take 17, each image once."""

import heapq

from postroad.testing import ClockedBroker

IMAGES, IMAGE_MS = 1_000, 3_000


def minutes_of(workers: int) -> float:
    """How long so many workers take, by a clock that is moved to whoever is done next."""
    with ClockedBroker.open() as broker:
        broker.declare("images", lease_ms=60_000)
        broker.publish_many("images", [f"image {at}" for at in range(IMAGES)])
        now_ms, done = 0, dict.fromkeys(range(workers), 0)
        free = [(0, number) for number in done]
        while free:
            at_ms, number = heapq.heappop(free)
            broker.pass_time(at_ms - now_ms)
            now_ms = at_ms
            for image in broker.receive("images", wait_ms=0):
                broker.ack(image)
                done[number] += 1
                heapq.heappush(free, (now_ms + IMAGE_MS, number))
        print("workers:", workers, "- images each:", *done.values())
        return now_ms / 60_000


for workers in (1, 3):
    print(f"minutes: {minutes_of(workers):.0f}")
