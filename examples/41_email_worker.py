"""E-mails that a web application does not wait for: retried, given up with a reason, counted."""

import asyncio
import logging
import tempfile
from dataclasses import dataclass

from postroad import App, Context, Reject, Retry


@dataclass
class Mail:
    """What is to be sent."""

    to: str
    subject: str


box: list[str] = []


async def main(directory: str) -> None:
    """Enqueue as a request handler would, and work beside it."""
    app = App(directory)

    @app.worker("mails", concurrency=50, retry=Retry(attempts=3, base_s=0.01), timeout_s=30)
    async def send(context: Context, mail: Mail) -> str:
        if "@" not in mail.to:
            raise Reject(f"`{mail.to}` is no address")
        if mail.to.startswith("busy") and context.attempt < 3:
            raise ConnectionError("the mail server is busy")
        box.append(mail.to)
        return f"sent at attempt {context.attempt}"

    await send.adelay_many([Mail(f"reader{at}@example.org", "news") for at in range(1_000)])
    await send.adelay(Mail("nobody", "hello"))
    busy = await send.adelay(Mail("busy@example.org", "hello"), result=True)

    workers = asyncio.create_task(app.serve())
    print("busy:", await busy.aresult(timeout_s=30))
    workers.cancel()
    await asyncio.gather(workers, return_exceptions=True)

    broker = await app.link.serve()
    (dead,) = await broker.receive("mails.dead", wait_ms=5_000)
    print("dead letter:", dead.body.decode())
    print("mails sent:", len(box), "each once:", len(set(box)) == len(box))
    await app.aclose()


logging.getLogger("postroad.app").setLevel(logging.CRITICAL)  # it would tell of each failure
with tempfile.TemporaryDirectory() as directory:
    asyncio.run(main(directory))
