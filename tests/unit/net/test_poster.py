"""A call ends in time and as a number, whatever the far end does."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from postroad.net import poster as module
from postroad.net.poster import NO_ANSWER, Answer, Poster, PrivateAddress, check_host

WITHIN_S = 20.0
LARGE = bytes(range(256)) * 16 * 1_024
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Story = Callable[[Poster, str], Awaitable[None]]


def run(serve: Serve, story: Story) -> None:
    """A far end that does this with each connection, and a client."""

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client has gone
        finally:
            writer.close()

    async def body() -> None:
        poster = Poster()
        server = await asyncio.start_server(served, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        try:
            await asyncio.wait_for(story(poster, f"http://127.0.0.1:{port}/hook"), WITHIN_S)
        finally:
            await poster.close()
            server.close()

    asyncio.run(body())


async def request(reader: asyncio.StreamReader) -> bytes:
    """The body of the next request."""
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return await reader.readexactly(size)


def test_a_large_body_arrives_whole() -> None:
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await request(reader))
        writer.write(OK)
        await writer.drain()

    async def story(poster: Poster, url: str) -> None:
        assert await poster.send(url, {}, LARGE) == Answer(200)

    run(serve, story)
    assert came == [LARGE]


def test_an_answer_that_comes_before_the_body_was_read_is_the_answer() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        await reader.read(1)
        await asyncio.get_running_loop().create_future()

    async def story(poster: Poster, url: str) -> None:
        assert (await poster.send(url, {}, LARGE * 4, 10_000)).status == 413

    run(serve, story)


def test_a_far_end_that_reads_nothing_costs_its_time_and_no_more() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.get_running_loop().create_future()

    async def story(poster: Poster, url: str) -> None:
        answer = await poster.send(url, {}, LARGE * 4, 100)
        assert answer == Answer(NO_ANSWER, "it took longer than 0.1 s")

    run(serve, story)


def test_answers_that_are_none_without_end_cost_their_time_and_no_more() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        while True:
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 10)
            await writer.drain()

    async def story(poster: Poster, url: str) -> None:
        assert (await poster.send(url, {}, b"x", 200)).status == NO_ANSWER

    run(serve, story)


@pytest.mark.parametrize("ends", [True, False], ids=["that breaks off", "that goes on"])
def test_a_status_counts_though_the_rest_of_the_answer_does_not_come(
    ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PUSH_ANSWER_READ_MS", 50)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 201 Made\r\nContent-Length: 100\r\n\r\nten bytes.")
        await writer.drain()
        if not ends:
            await asyncio.get_running_loop().create_future()

    async def story(poster: Poster, url: str) -> None:
        assert (await poster.send(url, {}, b"x", 10_000)).status == 201

    run(serve, story)


def test_a_status_counts_though_the_time_of_the_call_ends_before_the_rest_is_given_up() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(b"HTTP/1.1 201 Made\r\nContent-Length: 100\r\n\r\nten bytes.")
        await writer.drain()
        await reader.read(1)

    async def story(poster: Poster, url: str) -> None:
        assert (await poster.send(url, {}, b"x", 300)).status == 201

    run(serve, story)


def test_a_kept_connection_that_was_closed_meanwhile_is_no_answer() -> None:
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await request(reader))
        writer.write(OK)
        await writer.drain()
        # It ends the moment that the next request is on its way.
        await reader.read(1)
        writer.transport.abort()

    async def story(poster: Poster, url: str) -> None:
        assert (await poster.send(url, {}, b"one")).status == 200
        assert (await poster.send(url, {}, b"two")).status == 200

    run(serve, story)
    assert came == [b"one", b"two"]


def test_a_new_connection_that_is_closed_is_a_call_that_failed_and_is_made_once() -> None:
    came: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await request(reader))

    async def story(poster: Poster, url: str) -> None:
        assert (await poster.send(url, {}, b"one")).status == NO_ANSWER

    run(serve, story)
    assert came == [b"one"]


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "::1", "fe80::1%eth0"),
        *("::ffff:127.0.0.1", "127.1", "2130706433", "127.0.0.1.", "0177.0.0.1", "127%2E0.0.1"),
    ],
)
def test_a_host_that_is_no_public_address_is_refused_in_every_spelling(host: str) -> None:
    with pytest.raises(PrivateAddress, match="no public address"):
        check_host(host)


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "2001:4860:4860::8888", "example.org", "1password.com"]
)
def test_names_and_public_addresses_are_not(host: str) -> None:
    check_host(host)


def test_a_url_that_spells_a_private_address_otherwise_is_not_called() -> None:
    async def story() -> None:
        poster = Poster(private=False)
        for host in ("127.1", "2130706433", "127.0.0.1", "[::1]", "0x7f000001", "localhost"):
            answer = await poster.send(f"http://{host}:1/", {}, b"", 5_000)
            assert answer.status == NO_ANSWER
            assert "public address" in answer.reason, (host, answer)
        await poster.close()

    asyncio.run(asyncio.wait_for(story(), WITHIN_S))
