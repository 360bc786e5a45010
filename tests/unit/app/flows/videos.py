"""The video pipeline, as tests run it."""

from typing import Any

from postroad import App, Rejected, Rejection, Workflow
from postroad.app.flows.working import joined_here
from postroad.app.retry import Retry
from postroad.testing import ClockedBroker

ONCE = Retry(attempts=1)


def pipeline(app: App, **options: Any) -> tuple[Workflow, list[Any]]:
    """The video pipeline, and what came of it."""
    video = app.workflow("video", **options)
    heard: list[Any] = []

    @video.step()
    def thumbnails(path: str) -> list[str]:
        return [f"{path}.{at}" for at in range(2)]

    @video.step(retry=ONCE)
    def scan(path: str) -> dict[str, bool]:
        if "broken" in path:
            raise ValueError("no frames")
        return {"safe": "unsafe" not in path}

    @video.step(after=[video.input, thumbnails, scan], wait_s=60)
    def moderate(path: str, thumbs: list[str], scan: dict[str, bool]) -> str | Rejection:
        return f"{path} {len(thumbs)}" if scan["safe"] else Rejection("shows what it must not")

    @video.step(after=moderate)
    def publish(found: str) -> str:
        heard.append(found)
        return f"live: {found}"

    @video.rejected
    def notify(rejected: Rejected) -> None:
        heard.append(rejected)

    return video, heard


def run_one(app: App, broker: ClockedBroker, queue: str) -> None:
    """Run one job of a queue by hand, as a worker would, and join what comes of it."""
    (message,) = broker.receive(queue)
    worker = app.workers[queue]
    args, kwargs = worker.codec.decode(message, None)
    company = app.arrivals.succeeded(message, worker.function(*args, **kwargs))
    broker.batch([broker.later.ack(message), *company.with_ack])
    broker.do(joined_here(broker.later, "video"))
