"""The connections of one worker to one node."""

import asyncio
import errno
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from s3edge.config.model import Connections
from s3edge.errors import NodeError, Overloaded
from s3edge.routing.node import Node
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import TLS_SHUTDOWN, Surroundings
from s3edge.transport.wheel import HELD_UP
from s3edge.upstream.connection import NodeConnection

log = logging.getLogger(__name__)

# No node's fault: this process, or this machine, has no descriptor, port or memory left for one more connection. What
# the operator can do about it.
_OURS = {
    errno.EMFILE: "raise the limit of this process, see `ulimit -Hn`",
    errno.ENFILE: "raise that of the machine, fs.file-max",
    errno.EADDRNOTAVAIL: "no local port is left for this node, widen net.ipv4.ip_local_port_range",
    errno.ENOBUFS: "the machine is out of memory for sockets",
    errno.ENOMEM: "the machine is out of memory",
}

# Seconds between two lines of the log about that: each request would bring one.
_TELL_EVERY = 1.0


class Connect(Protocol):
    """Opens a connection to an address of a node: the seam where tests put their own network."""

    async def __call__(self, protocol: Callable[[], NodeConnection], node: Node, address: str) -> NodeConnection:
        """The connected protocol; raises OSError (`ssl.SSLError` included)."""


@dataclass(frozen=True, slots=True)
class SocketConnect:
    """Connects by TCP, and by TLS where `tls` is given."""

    loop: asyncio.AbstractEventLoop
    tls: ssl.SSLContext | None

    async def __call__(self, protocol: Callable[[], NodeConnection], node: Node, address: str) -> NodeConnection:
        """See `Connect`. A certificate must be valid for the host in the node's URL, whatever its address."""
        name = node.host if self.tls is not None else None
        _, connection = await self.loop.create_connection(
            protocol,
            address,
            node.port,
            ssl=self.tls,
            server_hostname=name,
            ssl_shutdown_timeout=None if self.tls is None else TLS_SHUTDOWN,
        )
        return connection


class Pool:
    """Keeps idle connections to a node and opens new ones; the last used goes first, so that spare ones expire."""

    def __init__(
        self, node: Node, limits: Connections, connect: Connect, surroundings: Surroundings, meter: Meter
    ) -> None:
        self.node = node
        self._limits = limits
        self._connect = connect
        self._surroundings = surroundings
        self._meter = meter
        self._idle: list[NodeConnection] = []
        self._turn = 0
        self._told_until = 0.0

    @property
    def idle(self) -> int:
        """How many connections wait for a request."""
        return len(self._idle)

    def take(self) -> NodeConnection | None:
        """An idle connection, if there is one."""
        while self._idle:
            connection = self._idle.pop()
            connection.left_pool = None
            if not connection.unread_size and not connection.transport.is_closing():
                return connection
            connection.abort()  # a node that speaks unasked, or one that said goodbye this very moment
        return None

    async def open(self) -> NodeConnection:
        """A new connection, to the first of the node's addresses that takes it.

        Each address has the connect timeout. Raises `NodeError` when none takes it, `Overloaded` when we ourselves
        cannot open any.
        """
        node, limit = self.node, self._limits.connect_timeout
        addresses = node.addresses or (node.host,)
        self._turn += 1
        first = self._turn % len(addresses)
        reason = "it has no address"
        for address in addresses[first:] + addresses[:first]:
            try:
                connection = await self._opened(address, limit)
            except TimeoutError:
                reason = f"no connection within {limit:g} s"
            except OSError as error:
                if error.errno in _OURS:
                    raise self._exhausted(error, _OURS[error.errno]) from error
                reason = error.strerror or str(error)
            else:
                self._meter.connection(node.name, "opened")
                return connection
        self._meter.connection(node.name, "failed")
        raise NodeError("ServiceUnavailable", f"Node {node.name}: {reason}.", status=503)

    def give_back(self, connection: NodeConnection) -> None:
        """Keep a connection whose last answer is complete, or close it if there are enough."""
        if (
            len(self._idle) >= self._limits.idle
            or connection.unread_size
            or connection.is_lost
            or connection.transport.is_closing()
        ):
            connection.close()
            return
        connection.left_pool = self._idle.remove
        connection.timer.set(self._limits.idle_timeout)
        self._idle.append(connection)

    def close(self) -> None:
        """Close the idle connections."""
        for connection in list(self._idle):
            connection.close()

    async def _opened(self, address: str, limit: float) -> NodeConnection:
        """A connection to `address` within `limit` seconds. Raises TimeoutError, OSError."""
        loop = self._surroundings.loop
        due = loop.time() + limit
        try:
            async with asyncio.timeout_at(due):
                return await self._connect(self._protocol, self.node, address)
        except TimeoutError:
            if loop.time() - due <= HELD_UP:
                raise
        # The connection may have been there, and was not seen in time.
        async with asyncio.timeout(limit):
            return await self._connect(self._protocol, self.node, address)

    def _protocol(self) -> NodeConnection:
        return NodeConnection(self._surroundings, self.node.name, self._limits.answer_timeout)

    def _exhausted(self, error: OSError, advice: str) -> Overloaded:
        now = self._surroundings.loop.time()
        if now >= self._told_until:
            self._told_until = now + _TELL_EVERY
            log.error("no connection to a node can be opened: %s; %s", error.strerror, advice)
        return Overloaded(f"s3edge cannot open a connection: {error.strerror}.")
