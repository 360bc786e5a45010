"""Three things are done to each video at once; it goes on when all are, or is rejected."""

import asyncio
from collections import Counter

from postroad import App, Rejected, Rejection

app = App()
video = app.workflow("video")
outcomes, over = Counter[str](), asyncio.Event()


def _declare() -> None:
    @video.step(concurrency=10)
    async def thumbnail(path: str) -> list[str]:
        return [f"{path}/thumb_{at}.jpg" for at in range(5)]

    @video.step(concurrency=5)
    async def metadata(path: str) -> dict[str, int]:
        return {"seconds": 60 + len(path)}

    @video.step(concurrency=20)
    async def content_scan(path: str) -> bool:
        return not path.endswith("13")

    @video.step(concurrency=15, after=[video.input, thumbnail, metadata, content_scan])
    async def transcode(path: str, thumbs: list[str], about: dict[str, int], safe: bool) -> object:
        sizes = [f"{path}-{height}p.mp4" for height in (360, 720, 1080, 2160)]
        return (len(thumbs), about["seconds"], sizes) if safe else Rejection("unsafe content")

    @video.step(concurrency=5, after=transcode)
    async def publish(found: tuple[int, int, list[str]]) -> str:
        count("live")
        return f"live in {len(found[2])} sizes with {found[0]} thumbnails"

    @video.rejected
    async def notify_uploader(rejected: Rejected) -> None:
        count(f"{rejected.reason}, found once {', '.join(sorted(rejected.has))} were there")

    def count(outcome: str) -> None:
        outcomes[outcome] += 1
        if outcomes.total() == 500:
            over.set()


async def _main() -> None:
    working = asyncio.create_task(app.serve())
    flows = [await video.astart(f"v{at}", f"s3://raw/{at}", result=True) for at in range(500)]
    await asyncio.wait_for(over.wait(), 60)
    print(f"first: {await flows[0].aresult(5)}")
    print(*[f"{times} {outcome}" for outcome, times in sorted(outcomes.items())], sep="\n")
    again = await video.astart("v7", "s3://raw/7")
    print(f"started twice: {again.is_new}, still waiting: {len(await video.awaiting())}")
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


_declare()
asyncio.run(_main())
