"""Accepting clients, and letting them go."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Collection

from s3edge.config.model import Listen
from s3edge.proxy.admission import Admission
from s3edge.proxy.client import ClientConnection
from s3edge.proxy.connections import leave
from s3edge.proxy.exchange import Exchanges
from s3edge.proxy.session import Sessions
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import TLS_SHUTDOWN, Surroundings

log = logging.getLogger(__name__)

# Connections that wait to be accepted. A training job opens thousands in one instant, and one that finds no room waits
# a second for its next SYN; the kernel lowers this to net.core.somaxconn (4096 by default).
BACKLOG = 4096


class Listener:
    """The clients of one worker and the socket that they come through."""

    def __init__(
        self,
        listen: Listen,
        admission: Admission,
        exchanges: Exchanges,
        sessions: Sessions,
        surroundings: Surroundings,
        meter: Meter,
    ) -> None:
        self._listen = listen
        self._admission = admission
        self._exchanges = exchanges
        self._sessions = sessions
        self._surroundings = surroundings
        self._meter = meter
        self._clients: set[_ListenedClient] = set()
        self._server: asyncio.Server | None = None
        self._empty = asyncio.Event()

    async def open(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept on `sock`, which listens already. A TLS handshake has as long as a request's head."""
        self._server = await self._surroundings.loop.create_server(
            self.accept,
            sock=sock,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=None if tls is None else self._listen.head_timeout,
            ssl_shutdown_timeout=None if tls is None else TLS_SHUTDOWN,
        )

    @property
    def clients(self) -> Collection[ClientConnection]:
        """The clients that are connected."""
        return self._clients

    def accept(self) -> ClientConnection:
        """The protocol for one more client."""
        return _ListenedClient(self, self._surroundings, self._listen)

    async def drain(self, seconds: float) -> None:
        """Accept no more, let exchanges end for at most `seconds`, then cut the rest."""
        if self._server is not None:
            self._server.close()
        self._exchanges.drain()
        for client in list(self._clients):
            if not client.is_busy and not client.has_begun:
                client.close()
        try:
            async with asyncio.timeout(seconds):
                while self._clients:
                    self._empty.clear()
                    await self._empty.wait()
        except TimeoutError:
            pass
        if self._clients:
            log.warning("the time to drain is over: cutting %d connections", len(self._clients))
        tasks = [client.task for client in self._clients if client.task is not None]
        for client in list(self._clients):
            client.abort()
        await asyncio.gather(*tasks, return_exceptions=True)

    def came(self, client: "_ListenedClient") -> None:
        """A client has connected."""
        self._clients.add(client)
        self._meter.connections_accepted += 1
        self._meter.connections_open += 1
        client.is_welcome = self._admission.connect(client)
        client.task = self._surroundings.loop.create_task(self._sessions.run(client), name="session")

    def left(self, client: "_ListenedClient") -> None:
        """A client's connection is gone."""
        self._clients.discard(client)
        if client.counted_by:
            leave(client)
        self._meter.connections_open -= 1
        if not self._clients:
            self._empty.set()


class _ListenedClient(ClientConnection):
    """A client that its listener knows of."""

    __slots__ = ("_listener",)

    def __init__(self, listener: Listener, surroundings: Surroundings, listen: Listen) -> None:
        super().__init__(surroundings, listen.head_limit, listen.head_timeout)
        self._listener = listener

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._listener.came(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._listener.left(self)
