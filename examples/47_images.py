"""An upload returns at once; three sizes and a preview are made of it by workers of two queues."""

import asyncio
import tempfile
from pathlib import Path

from postroad import App

SIZES = (100, 500, 1_000)


async def main(folder: Path) -> None:
    """Take twenty uploads, and work beside it."""
    app = App(folder / "broker")
    made: list[str] = []
    all_made = asyncio.Event()

    def keep(name: str, content: bytes) -> None:
        (folder / name).write_bytes(content)
        made.append(name)
        if len(made) == 20 * (len(SIZES) + 1):
            all_made.set()

    @app.worker("resize", concurrency=8)
    async def resize(image: str, pixels: int) -> None:
        keep(f"{image}-{pixels}", (folder / image).read_bytes()[:pixels])

    @app.worker("thumbnails", concurrency=2)
    async def thumbnail(image: str) -> None:
        keep(f"{image}-preview", (folder / image).read_bytes()[:10])

    async def upload(image: str, content: bytes) -> str:
        (folder / image).write_bytes(content)
        # The image stays where it is: messages say where.
        await resize.adelay_many([(image, pixels) for pixels in SIZES])
        await thumbnail.adelay(image)
        return f"/images/{image}"

    urls = [await upload(f"cat{at}", bytes(2_000)) for at in range(20)]
    print("uploaded:", len(urls), "first:", urls[0], "- made so far:", len(made))
    workers = asyncio.create_task(app.serve())
    await all_made.wait()
    print("made:", len(made), "each once:", len(set(made)) == len(made))
    print("of cat0:", sorted(one for one in made if one.startswith("cat0-")))
    workers.cancel()
    await asyncio.gather(workers, return_exceptions=True)
    await app.aclose()


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(Path(directory)))
