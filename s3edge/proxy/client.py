"""One connection of a client."""

import asyncio
from typing import TYPE_CHECKING, Final

from s3edge.config.qos import DEFAULT_TENANT
from s3edge.errors import ClientError
from s3edge.http1.head import RequestHead, parse_request
from s3edge.qos.limiter import Limiter
from s3edge.transport.connection import Connection, ConnectionGoneError, Surroundings

if TYPE_CHECKING:
    from s3edge.proxy.introduction import Introduction
    from s3edge.proxy.progress import Progress

# How long a body may stand still, in either direction, in seconds: what botocore allows between two reads.
STALL_LIMIT: Final = 60.0
# Closing a socket with unread bytes in it resets the connection, and a reset can overtake the answer. So the edge says
# goodbye, reads on and throws away for this long (seconds; nginx's lingering_timeout is 5).
LINGER: Final = 2.0


class ClientConnection(Connection[RequestHead]):
    """A client's connection; `task` runs its session.

    While an exchange is under way (`is_busy`), a client that leaves cancels it: the node must not work for nobody.
    `progress` is that of the exchange, if there is one. `address` is the client's, `forwarded_for` the field that
    tells it to nodes, and the empty line that ends a head. `known_by` and `tenant` are what `Identity` remembers of
    it, `introduction` is what the access log does. `counted_by` are the limits of open connections that it counts in;
    one too many is not `is_welcome`: it is told so, and closed. `is_reported` says that the runaway guard knows of the
    connection.
    """

    __slots__ = (
        "_drained",
        "_has_begun",
        "address",
        "counted_by",
        "forwarded_for",
        "head_timeout",
        "introduction",
        "is_busy",
        "is_reported",
        "is_welcome",
        "known_by",
        "progress",
        "task",
        "tenant",
    )

    def __init__(self, surroundings: Surroundings, head_limit: int, head_timeout: float) -> None:
        super().__init__(surroundings, head_limit)
        self.task: asyncio.Task[None] | None = None
        self.is_busy = False
        self.progress: Progress | None = None
        self.is_reported = False
        self.is_welcome = True
        self.address = ""
        self.forwarded_for = b""
        self.known_by: object = None
        self.introduction: Introduction | None = None
        self.tenant = DEFAULT_TENANT
        self.counted_by: tuple[Limiter, ...] = ()
        self.head_timeout = head_timeout
        self._has_begun = False
        self._drained: asyncio.Future[None] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of a head has arrived."""
        return self._has_begun

    def parse(self, raw: bytes) -> RequestHead:
        self._has_begun = False
        return parse_request(raw)

    def too_slow(self) -> Exception:
        if not self._has_begun:
            return ConnectionGoneError()  # an idle connection: nothing to answer
        return ClientError(408, "RequestTimeout", "The head of the request took longer than allowed.")

    def too_large(self) -> Exception:
        return ClientError(431, "RequestHeaderSectionTooLarge", "The head of the request is larger than allowed.")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = _plain(peer[0]) if peer else "unknown"
        self.forwarded_for = f"X-Forwarded-For: {self.address}\r\n\r\n".encode()

    def head_began(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self.timer.set(self.head_timeout)

    async def writable(self, limit: float) -> None:
        """Wait until the client has taken most of what was written to it.

        Raises `ConnectionGoneError` when it left or took longer than `limit` seconds.
        """
        if not self.is_write_paused:
            return
        self._drained = self.loop.create_future()
        self.timer.set(limit)
        try:
            await self._drained
        finally:
            self._drained = None
            self.timer.clear()

    def linger(self) -> None:
        """Close, but let the client read all that was written, even if it is still sending."""
        if self.is_lost or self.transport.is_closing():
            return
        if not self.transport.can_write_eof():
            self.close()  # TLS reads on by itself until both sides have said goodbye
            return
        self.inflow = _Discard(self)
        self.unread = b""
        self.transport.write_eof()
        self.timer.set(LINGER)
        self.go_on()

    def close(self) -> None:
        """Close once the client has read all that was written; one that reads nothing is cut in the end."""
        super().close()
        if not self.is_lost:
            self.timer.set(STALL_LIMIT)

    def timed_out(self) -> None:
        if self.transport.is_closing():
            self.transport.abort()
            return
        if self.is_busy and self.inflow is None:
            return  # an exchange has its own limits; the timer of the head that began it was left to run out
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionGoneError())
        else:
            super().timed_out()

    def eof_received(self) -> bool | None:
        if self.is_busy and self.inflow is None:
            self.transport.abort()
            return None
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionGoneError())
        if self.is_busy and self.task is not None:
            self.task.cancel()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)


def _plain(address: str) -> str:
    """IPv4 mapped into IPv6, as a socket for both shows it, as what it is."""
    return address.removeprefix("::ffff:") if "." in address else address


class _Discard:
    """Reads on for a client that was told goodbye."""

    def __init__(self, client: ClientConnection) -> None:
        self._client = client

    def feed(self, data: memoryview) -> None:
        """Throw the bytes away."""

    def source_ended(self, error: Exception | None) -> None:
        """The client has closed, too."""
        self._client.inflow = None
        self._client.close()

    def timed_out(self) -> None:
        """The client had its time to say more; what it has not read yet, it may still read."""
        self._client.inflow = None
        self._client.close()
