"""Request and reply: a client asks for a report and waits; workers make it, thirty at a time."""

import asyncio
import logging
import tempfile
import time

from postroad import App, Reject
from postroad.errors import RequestFailed, RequestTimeout


async def main(directory: str) -> None:
    """Ask as a web server would, and work beside it."""
    app = App(directory)

    @app.worker("reports", concurrency=30)
    def generate(month: str, pages: int = 1) -> str:
        if month == "smarch":
            raise Reject("there is no such month")
        time.sleep(0.2 if pages < 100 else 2)
        return f"PDF ready at /files/{month}-{pages}.pdf"

    workers = asyncio.create_task(app.serve(stop_s=0))
    print(await generate.request("march"))
    print(await app.request("reports", {"month": "may", "pages": 2}))

    since_s = time.monotonic()
    answers = await asyncio.gather(*(generate.request("june", at) for at in range(30)))
    print("replies:", len(set(answers)), "at once:", time.monotonic() - since_s < 30 * 0.2)

    try:
        await generate.request("smarch")
    except RequestFailed as failure:
        print("failed:", failure.error, failure.text)
    try:
        await generate.request("all", pages=1_000, timeout_s=0.3)
    except RequestTimeout:
        print("too late: the client is told so, and the reply is dropped")

    workers.cancel()
    await asyncio.gather(workers, return_exceptions=True)
    await app.aclose()


logging.getLogger("postroad.app").setLevel(logging.CRITICAL)  # it would tell of each failure
with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(directory))
