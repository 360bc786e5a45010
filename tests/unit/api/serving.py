"""Brokers connected to a server on a thread of this process, opened as embedded ones are."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any

from postroad import AsyncBroker, Broker
from postroad.api.drivers import Opening
from postroad.api.options import engine_settings
from postroad.engine.aio import AsyncDriver
from postroad.engine.settings import EngineSettings
from postroad.errors import AlreadyOpen, DirectoryLocked
from postroad.server.build import Server
from postroad.server.config import Settings, load

OPTIONS = {"sqs": "off", "amqp": "off", "native": "127.0.0.1:0", "native_socket": "off"}


class ServerHere:
    """A server of the native protocol, up once this is made. Raises what its start raises."""

    def __init__(self, directory: Path | None, engine: EngineSettings) -> None:
        self.url = ""
        self._directory = directory
        self._engine = engine
        self._errors: list[BaseException] = []
        self._up = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop: asyncio.Future[None] = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="server-here", daemon=True)
        self._thread.start()
        self._up.wait()
        if self._errors:
            self._thread.join()
            raise self._errors[0]

    def stop(self) -> None:
        """Stop as a server does, and wait for it; again does nothing."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.cancel)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except asyncio.CancelledError:
            pass
        except BaseException as error:  # noqa: BLE001  (raised where the server is wanted)
            self._errors.append(error)
        finally:
            self._up.set()
            self._loop.close()

    async def _serve(self) -> None:
        async def open_driver(_settings: Settings) -> Any:
            return await AsyncDriver.open(self._directory, self._engine)

        server = await Server.open(load(OPTIONS, {}), open_driver)
        try:
            address = server.addresses["native"]
            self.url = f"postroad://{address.host}:{address.port}"
            self._up.set()
            await self._stop
        finally:
            await server.close()


class ServedBroker(Broker):
    """A connected broker whose server goes with it."""

    server: ServerHere

    def close(self) -> None:
        super().close()
        if os.getpid() == self._pid:
            self.server.stop()


class ServedAsyncBroker(AsyncBroker):
    """The same for tasks."""

    server: ServerHere

    async def close(self) -> None:
        await super().close()
        self.server.stop()


def open_served(directory: Any, settings: dict[str, Any]) -> Broker:
    """What `Broker.open` would open, over a connection."""
    server = serve(directory, settings)
    broker = ServedBroker.connect(server.url)
    broker.server = server
    return broker


def open_served_later(directory: Any, settings: dict[str, Any]) -> Opening:
    """What `AsyncBroker.open` would open, over a connection."""

    async def begin() -> AsyncBroker:
        server = serve(directory, settings)
        broker = await ServedAsyncBroker.connect(server.url)
        assert isinstance(broker, ServedAsyncBroker)
        broker.server = server
        return broker

    return Opening(begin)


def serve(directory: Any, settings: dict[str, Any]) -> ServerHere:
    """A server with the settings of a broker."""
    engine = engine_settings(settings)  # type: ignore[arg-type]
    try:
        return ServerHere(None if directory is None else Path(directory), engine)
    except DirectoryLocked as error:
        if error.pid == os.getpid():
            raise AlreadyOpen(error.pid, error.directory) from None
        raise
