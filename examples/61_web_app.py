"""A web application that enqueues in its request handlers; served by `uvicorn 61_web_app:web`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import BaseModel

from postroad import App

jobs = App("web-data")  # or the address of a server


class Signup(BaseModel):
    """What the form sends."""

    name: str
    mail: str


@jobs.worker("welcome", concurrency=20, lease_s=5)
async def welcome(signup: Signup) -> str:
    """Slow work that no request waits for; of a worker that dies it is another's after 5 s."""
    return f"{signup.name} was welcomed at {signup.mail}"


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Work in the same process; with a server, `postroad work 61_web_app:jobs` does elsewhere."""
    workers = asyncio.create_task(jobs.serve())
    yield
    workers.cancel()
    await asyncio.gather(workers, return_exceptions=True)
    await jobs.aclose()


web = FastAPI(lifespan=lifespan)


@web.post("/signups", status_code=202)
async def sign_up(signup: Signup) -> dict[str, str]:
    """Accepted: the job is durable when this answers."""
    return {"job": (await welcome.adelay(signup, result=True)).id}


@web.get("/jobs/{job}")
async def outcome(job: str) -> dict[str, str]:
    """What came of it."""
    return {"result": await jobs.job(job).aresult(timeout_s=10)}


if __name__ == "__main__":
    with TestClient(web) as client:
        answer = client.post("/signups", json={"name": "Ann", "mail": "ann@example.org"})
        print(answer.status_code, client.get(f"/jobs/{answer.json()['job']}").json())
        print(client.post("/signups", json={"name": "Ben"}).status_code, "without an address")
