"""Connections in memory, with the back-pressure, half-close and reset of TCP, for the loop of `virtual_time`.

A direction keeps up to `Link.capacity` bytes under way, as the two socket buffers of a real connection do; what does
not fit stays with the sender, who is told to pause above its high-water mark. The receiver gets one piece per turn of
the loop, and each `write` arrives as a piece of its own while there is room. Where TCP leaves it to chance whether
bytes that were under way before a reset still arrive, here they never do.
"""

import asyncio
import errno
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

AnyProtocol: TypeAlias = asyncio.Protocol | asyncio.BufferedProtocol
P = TypeVar("P", bound=AnyProtocol)
Address = tuple[str, int]
# Where connections come from, unless they are to come from somewhere else.
SOURCE: Final = "192.0.2.1"


@dataclass(frozen=True)
class Link:
    """What a connection is like in each direction: seconds, bytes per second, bytes, bytes."""

    latency: float = 0.0
    bandwidth: float = float("inf")
    capacity: int = 64 * 1024
    piece: int = 64 * 1024


class _Direction:
    """Bytes on their way from a sender to a receiver; an empty piece is the end."""

    sender: "MemoryTransport"
    receiver: "MemoryTransport"

    def __init__(self, loop: asyncio.AbstractEventLoop, link: Link) -> None:
        self.loop = loop
        self.link = link
        self.unsent = bytearray()
        self.size_under_way = 0
        self.has_end = False
        self._under_way: deque[tuple[float, bytes]] = deque()
        self._line_is_free_at = 0.0
        self._is_end_sent = False
        self._arrival: asyncio.Handle | None = None

    def push(self) -> None:
        """Move what fits from the sender onto the line."""
        if self.unsent and self.receiver.is_lost:
            self.sender.lose_by_reset(self.link.latency)
            return
        while self.unsent and self.size_under_way < self.link.capacity:
            size = min(self.link.piece, self.link.capacity - self.size_under_way)
            piece = bytes(self.unsent[:size])
            del self.unsent[:size]
            self._launch(piece)
        if self.has_end and not self.unsent and not self._is_end_sent:
            self._is_end_sent = True
            self._launch(b"")

    def schedule(self) -> None:
        """Let the next piece arrive, if there is one and the receiver reads."""
        if self._arrival is None and self._under_way and self.receiver.is_reading():
            when, _ = self._under_way[0]
            is_due = when <= self.loop.time()
            self._arrival = self.loop.call_soon(self._arrive) if is_due else self.loop.call_at(when, self._arrive)

    def cut(self) -> None:
        """Lose all that is under way or unsent."""
        self.unsent.clear()
        self._under_way.clear()
        self.size_under_way = 0
        if self._arrival is not None:
            self._arrival.cancel()
            self._arrival = None

    def _launch(self, piece: bytes) -> None:
        self.size_under_way += len(piece)
        self._line_is_free_at = max(self.loop.time(), self._line_is_free_at) + len(piece) / self.link.bandwidth
        self._under_way.append((self._line_is_free_at + self.link.latency, piece))
        self.schedule()

    def _arrive(self) -> None:
        self._arrival = None
        if not self.receiver.is_reading():
            return
        _, piece = self._under_way.popleft()
        self.size_under_way -= len(piece)
        self.receiver.take(piece)
        self.schedule()
        self.push()
        self.sender.sent()


class MemoryTransport(asyncio.Transport):
    """One end of a connection. `is_lost` once its protocol was told `connection_lost`."""

    def __init__(self, protocol: AnyProtocol, outward: _Direction, inward: _Direction, **extra: Any) -> None:
        super().__init__(extra)
        self.is_lost = False
        self._protocol = protocol
        self._outward = outward
        self._inward = inward
        self._is_closing = False
        self._is_reading_paused = False
        self._is_writing_paused = False
        self._low, self._high = 16 * 1024, 64 * 1024
        outward.sender = inward.receiver = self

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol | asyncio.BufferedProtocol)
        self._protocol = protocol

    # Writing.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data must be bytes-like, not {type(data).__name__}")
        if self._is_closing:
            return
        if self._outward.has_end:
            raise RuntimeError("write() after write_eof()")
        self._outward.unsent += data
        self._outward.push()
        self._pause_writing_above_high_water()

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        if not self._is_closing:
            self._outward.has_end = True
            self._outward.push()

    def get_write_buffer_size(self) -> int:
        return len(self._outward.unsent)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if high is None:
            high = 64 * 1024 if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high}) must be >= low ({low}) must be >= 0")
        self._low, self._high = low, high
        self._pause_writing_above_high_water()

    def sent(self) -> None:
        """Some bytes left for the line."""
        if self._is_writing_paused and len(self._outward.unsent) <= self._low and not self.is_lost:
            self._is_writing_paused = False
            self._protocol.resume_writing()
        self._finish_closing()

    # Reading.

    def is_reading(self) -> bool:
        return not (self._is_reading_paused or self._is_closing)

    def pause_reading(self) -> None:
        self._is_reading_paused = True

    def resume_reading(self) -> None:
        self._is_reading_paused = False
        self._inward.schedule()

    def take(self, piece: bytes) -> None:
        """A piece arrived."""
        if piece:
            self._deliver(piece)
        elif not self._protocol.eof_received():
            self.close()

    def _deliver(self, piece: bytes) -> None:
        if isinstance(self._protocol, asyncio.Protocol):
            self._protocol.data_received(piece)
            return
        while piece and not self._is_closing:
            room = memoryview(self._protocol.get_buffer(-1))
            size = min(len(room), len(piece))
            room[:size] = piece[:size]
            self._protocol.buffer_updated(size)
            piece = piece[size:]

    # Closing.

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        """Send what is unsent, then close; with bytes unread that resets the connection, as it does on Linux."""
        if not self._is_closing:
            self.write_eof()
            self._is_closing = True
            self._finish_closing()

    def abort(self) -> None:
        """Reset the connection: the peer gets nothing more, and `connection_lost` with ConnectionResetError."""
        if not self.is_lost:
            self._is_closing = True
            self._outward.receiver.lose_by_reset(self._outward.link.latency)
            self._outward.loop.call_soon(self._lose, None)

    def lose_by_reset(self, latency: float) -> None:
        """The peer has reset the connection: what it sent is lost, and `latency` seconds later the connection is."""
        self._inward.cut()
        error = ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        self._inward.loop.call_later(latency, self._lose, error)

    def _finish_closing(self) -> None:
        if self._is_closing and not self._outward.unsent:
            self._outward.loop.call_soon(self._lose, None)

    def _lose(self, error: Exception | None) -> None:
        if self.is_lost:
            return
        if self._inward.size_under_way:
            self._outward.receiver.lose_by_reset(self._outward.link.latency)
        self.is_lost = self._is_closing = True
        self._inward.cut()
        self._outward.unsent.clear()
        self._protocol.connection_lost(error)

    def _pause_writing_above_high_water(self) -> None:
        if not self._is_writing_paused and len(self._outward.unsent) > self._high:
            self._is_writing_paused = True
            self._protocol.pause_writing()


class Network:
    """Who listens where, and what a connection between two protocols is like."""

    def __init__(self, link: Link | None = None) -> None:
        self._link = link or Link()
        self._listening: dict[Address, tuple[Callable[[], AnyProtocol], Link]] = {}
        self._silent: set[Address] = set()
        self._connections: list[tuple[MemoryTransport, MemoryTransport]] = []

    def listen(self, address: Address, accept: Callable[[], AnyProtocol], link: Link | None = None) -> None:
        """Give each connection to `address` a protocol made by `accept`; `link` instead of the network's."""
        self._listening[address] = accept, link or self._link
        self._silent.discard(address)

    def refuse(self, address: Address) -> None:
        """Let further connections to `address` be refused, as all are to which nobody listens."""
        self._listening.pop(address, None)

    def silence(self, address: Address) -> None:
        """Let further connections to `address` never be answered."""
        self._silent.add(address)

    @property
    def open_connections(self) -> int:
        """How many connections have an end that is not closed yet."""
        return sum(not (client.is_lost and server.is_lost) for client, server in self._connections)

    async def connect(
        self, factory: Callable[[], P], host: str, port: int, *, source: str = SOURCE
    ) -> tuple[MemoryTransport, P]:
        """Like `loop.create_connection`, from an address of one's own; takes a round trip.

        Raises ConnectionRefusedError.
        """
        loop = asyncio.get_running_loop()
        if (host, port) in self._silent:
            await loop.create_future()
        accept, link = self._listening.get((host, port), (None, self._link))
        await asyncio.sleep(2 * link.latency)
        if accept is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, f"Connect call failed ('{host}', {port})")
        protocol, accepted = factory(), accept()
        there, back = _Direction(loop, link), _Direction(loop, link)
        near, far = (source, 40_000 + len(self._connections)), (host, port)
        client = MemoryTransport(protocol, there, back, sockname=near, peername=far)
        server = MemoryTransport(accepted, back, there, sockname=far, peername=near)
        self._connections.append((client, server))
        loop.call_soon(accepted.connection_made, server)
        protocol.connection_made(client)
        return client, protocol
