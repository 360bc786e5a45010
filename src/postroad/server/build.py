"""The one place where the parts of a server are joined: engine, sessions, ports, pages.

It stands at the top of the road. The rule kept here: what was opened is closed in an
order that loses no answer, also when the start fails half-way.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from postroad import __version__
from postroad.limits import PUSHES_DOUBTED_MAX, PUSHES_MAX, WEBHOOKS_DOUBTED_MAX, WEBHOOKS_MAX
from postroad.model.value import value
from postroad.net.hub import Hub
from postroad.net.listener import Address, Listener, open_listener
from postroad.net.poster import Poster
from postroad.net.push import Pusher
from postroad.net.queue_pushes import QueuePusher
from postroad.net.signatures import CERTIFICATE_PATH, Signatures, can_sign
from postroad.net.socket_file import SocketFile, open_socket_file
from postroad.net.webhooks import site_of
from postroad.protocols.interface import Session
from postroad.protocols.native.config import Counts
from postroad.protocols.native.spec import SOCKET_NAME
from postroad.server.config import PUSH_ANYWHERE, PUSH_OFF, SOCKET_ON, Settings
from postroad.server.driver import Driver, OpenDriver
from postroad.server.pages import Pages, certificate_page, pages

if TYPE_CHECKING:
    from postroad.engine.settings import EngineSettings


def wall_ms() -> int:
    """Read the wall clock in ms: for the times on the wire; the engine has a clock of its own."""
    return time.time_ns() // 1_000_000  # noqa: TID251  (sessions take the time as an argument)


def engine_settings(settings: Settings) -> "EngineSettings":
    """What of a server's settings is the engine's."""
    from postroad.engine.settings import EngineSettings

    return EngineSettings(
        sync=settings.sync,
        sync_interval_ms=settings.sync_interval_ms,
        cache_bytes=settings.cache_bytes,
        kv_bytes=settings.kv_bytes,
        pushes_max=settings.push_queues_max,
        journal_bytes=settings.journal_bytes,
        segment_bytes=settings.segment_bytes,
        reserve_bytes=settings.reserve_bytes,
        loop_write_us=settings.loop_write_us,
    )


async def open_engine(settings: Settings) -> Driver:
    """Open the data directory with the real engine. Raises `PostroadError`."""
    from postroad.engine.aio import AsyncDriver

    return await AsyncDriver.open(settings.data, engine_settings(settings))


Figures = Callable[[], dict[str, float]]


@value
class Parts:
    """What the sessions of a protocol are made from. `figures`: where a protocol adds what tells
    its own; `native_counts`: of the native protocol, whose clients come by two ways."""

    settings: Settings
    driver: Driver
    pages: Pages
    figures: list[Figures]
    native_counts: Counts


def sqs_sessions(parts: Parts) -> Callable[[], Session]:
    """Return what makes the session of one connection of Amazon SQS and SNS."""
    from postroad.protocols.aws.session import AwsSession, Service
    from postroad.protocols.sns.config import SnsConfig
    from postroad.protocols.sns.session import SnsService
    from postroad.protocols.sqs.config import SqsConfig
    from postroad.protocols.sqs.session import SqsService

    settings = parts.settings
    config = SqsConfig(
        region=settings.sqs_region,
        account=settings.sqs_account,
        keys=settings.sqs_keys,
        secret_key=parts.driver.secret,
        external_url=settings.sqs_url,
        leased_max=settings.sqs_leased_max,
        purge_interval_ms=settings.sqs_purge_interval_ms,
        deleted_recently_ms=settings.sqs_deleted_recently_ms,
    )
    sns = SnsConfig(
        region=settings.sqs_region,
        account=settings.sqs_account,
        keys=settings.sqs_keys,
        secret_key=parts.driver.secret,
        external_url=settings.sqs_url,
    )
    services: list[Service] = [SqsService(config), SnsService(sns)]
    return lambda: AwsSession(services, parts.pages, config.body_bytes_max)


def amqp_sessions(parts: Parts) -> Callable[[], Session]:
    """Return what makes the session of one AMQP 0-9-1 connection."""
    from postroad.protocols.amqp.config import AmqpConfig
    from postroad.protocols.amqp.session import AmqpSession

    settings, driver = parts.settings, parts.driver
    config = AmqpConfig(
        users=settings.amqp_users,
        vhosts=settings.amqp_vhosts,
        secret_key=driver.secret,
        heartbeat_s=settings.amqp_heartbeat_s,
        channels_max=settings.amqp_channels_max,
        frame_bytes_max=settings.amqp_frame_bytes_max,
        unread_bytes_max=settings.amqp_unread_bytes_max,
        platform=f"Postroad {__version__}",
        short_of_space=lambda: driver.short_of_space,
    )
    parts.figures.append(config.counts.figures)
    return lambda: AmqpSession(config)


def native_sessions(parts: Parts, trusted: bool = False) -> Callable[[], Session]:
    """Return what makes the session of one connection of Postroad's own clients; `trusted`: they
    came by what the owner of the data directory alone can open."""
    from postroad.protocols.native.config import NativeConfig
    from postroad.protocols.native.greeting import Report
    from postroad.protocols.native.session import NativeSession

    settings, driver = parts.settings, parts.driver
    found = {name: getattr(driver.report, name) for name in Report.__struct_fields__}
    config = NativeConfig(
        users={} if trusted else settings.native_users,
        requests_max=settings.native_requests_max,
        frame_bytes_max=settings.native_frame_bytes_max,
        server=__version__,
        durability=driver.durability,
        compiled=driver.compiled,
        report=Report(**found),
        counts=parts.native_counts,
    )
    return lambda: NativeSession(config)


PROTOCOLS: Final[dict[str, Callable[[Parts], Callable[[], Session]]]] = {
    "sqs": sqs_sessions,
    "amqp": amqp_sessions,
    "native": native_sessions,
}
"""Name of a protocol, which is also the setting that says where it listens -> its sessions."""


class Server:
    """A running broker.

    `addresses`: protocol name -> where it listens. `opened_s`: how long recovery took. `remarks`:
    what could not be had and is not needed, in lines.
    """

    def __init__(self, settings: Settings, driver: Driver) -> None:
        """Made by `Server.open`."""
        self.settings = settings
        self.driver = driver
        self.hub = Hub(driver, wall_ms, settings.connections_max)
        self.addresses: dict[str, Address] = {}
        self.opened_s = 0.0
        self.remarks: list[str] = []
        self._listeners: list[Listener | SocketFile] = []
        self._figures: list[Figures] = []
        self._pushers: list[Pusher | QueuePusher] = []
        self._state = "starting"

    @classmethod
    async def open(cls, settings: Settings, open_driver: OpenDriver = open_engine) -> "Server":
        """Open the directory and every port. Raises `PostroadError`."""
        begun = time.perf_counter()
        driver = await open_driver(settings)
        server = cls(settings, driver)
        server.opened_s = time.perf_counter() - begun
        try:
            await server._listen()
        except BaseException:
            await server.close()
            raise
        server._state = ""
        return server

    def not_ready(self) -> str:
        """Say why no work can be taken: `starting`, `stopping`, `failed`; nothing when it can."""
        return "failed" if self.driver.failed.done() else self._state

    def figures(self) -> dict[str, float]:
        """Return all gauges and counters by the names of `postroad.metrics`."""
        figures = self.driver.figures() | self.hub.figures()
        for more in self._figures:
            figures |= more()
        return figures

    async def close(self) -> None:
        """Accept no more, answer whoever waits, seal the journal, then close the connections.

        The connections come last because they carry the answers that the engine still gives.
        """
        self._state = "stopping"
        for listener in self._listeners:
            listener.close()
        self.hub.hold()
        # While the engine still takes what their answers say.
        await asyncio.gather(*(one.close(self.settings.drain_ms) for one in self._pushers))
        try:
            await self.driver.close()
        finally:
            await self.hub.close(self.settings.drain_ms)

    async def _listen(self) -> None:
        facts = {
            "durability": self.driver.durability,
            "variant": "compiled" if self.driver.compiled else "pure",
        }
        shown = pages(self.not_ready, self.figures, facts)
        counts = Counts()
        self._figures.append(counts.figures)
        parts = Parts(self.settings, self.driver, shown, self._figures, counts)
        self.hub.start()
        for name, sessions in PROTOCOLS.items():
            address: Address | None = getattr(self.settings, name)
            if address is not None:
                listener = await open_listener(self.hub, name, address, sessions(parts))
                self._listeners.append(listener)
                self.addresses[name] = listener.address
        if self.settings.native_socket == SOCKET_ON:
            await self._listen_in_directory(parts)
        if self.settings.sqs is not None and self.settings.sns_push != PUSH_OFF:
            self._push(shown)
        if self.settings.push != PUSH_OFF:
            self._push_queues()

    async def _listen_in_directory(self, parts: Parts) -> None:
        """Serve whoever opens the data directory while it is in use here."""
        file = self.settings.data / SOCKET_NAME
        try:
            listener = await open_socket_file(self.hub, file, native_sessions(parts, trusted=True))
        except OSError as error:
            self.remarks.append(
                f"no socket `{file}`: {error.strerror or error}; `Broker.open` on this directory"
                " fails while it is served, and clients connect by the port"
            )
            return
        self._listeners.append(listener)

    def _push(self, shown: Pages) -> None:
        """Serve HTTP subscriptions, signed where the library for it is there."""
        sign = None
        if can_sign():
            signatures = Signatures(self.settings.data)
            shown[CERTIFICATE_PATH] = lambda: certificate_page(signatures.certificate)
            sign = signatures.sign
        places = PUSHES_MAX + PUSHES_DOUBTED_MAX
        poster = Poster(self.settings.sns_push == PUSH_ANYWHERE, places=places)
        pusher = Pusher(self.driver, poster, wall_ms, sign)
        self._pushers.append(pusher)
        self._figures.append(pusher.figures)
        pusher.start()

    def _push_queues(self) -> None:
        """Deliver queues to the web addresses that were set for them."""
        places = WEBHOOKS_MAX + WEBHOOKS_DOUBTED_MAX
        poster = Poster(self.settings.push == PUSH_ANYWHERE, places=places)
        site, most = site_of(self.driver.secret), self.settings.push_queues_max
        pusher = QueuePusher(self.driver, poster, wall_ms, site, queues_max=most)
        self._pushers.append(pusher)
        self._figures.append(pusher.figures)
        pusher.start()


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Make the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
