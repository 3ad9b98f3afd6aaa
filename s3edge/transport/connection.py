"""One HTTP/1 connection, a client's or a node's: it finds heads and holds what follows until told where that goes.

The holding is what makes large bodies cheap. A coroutine wakes one turn of the loop after its head was parsed, and a
fast peer fills megabytes of memory in that time; so a connection stops reading when a head announces a body that is
not all there, and whoever takes the body lets it go on, in the socket's own buffer or past Python altogether.
"""

import asyncio
import os
import socket
import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar, cast

from s3edge.errors import EdgeError
from s3edge.transport.inbox import Inbox
from s3edge.transport.wheel import Wheel

# What a connection keeps of bytes nobody asked for yet, such as pipelined requests, before it stops reading.
MAX_UNREAD: Final = 64 * 1024
# Above this many bytes waiting to be written, a sink asks for a pause: enough for a turn of the loop at 1 GiB/s.
# Together with one read (256 KiB) and the room that the first of them keeps, a flow stays below 1 MiB of memory.
WRITE_BUFFER: Final = 256 * 1024
# Seconds to wait for the peer's close_notify (uvloop's default is 30). No truncation can hide there, since HTTP tells
# each body's end; and clients that keep connections alive often answer only when they use them again.
TLS_SHUTDOWN: Final = 1.0
# What the peer may send ahead of a body that is paced, in bytes. Linux lets a socket's buffer grow to what its peer
# could send (tcp_rmem, 6 MiB and more): for hundreds of paced bodies nodes would read much that nobody takes. This is
# enough for 500 MB/s in a data centre, where a round trip takes less than a millisecond.
PACED_BUFFER: Final = 512 * 1024
_NO_FD: Final = -1
_UNKNOWN_FD: Final = -2


class ConnectionGoneError(Exception):
    """The peer closed or lost the connection."""


class Inflow(Protocol):
    """Takes what arrives on a connection while a body is moved."""

    def feed(self, data: memoryview) -> None:
        """These bytes arrived; the memory is reused after the call."""

    def source_ended(self, error: Exception | None) -> None:
        """Nothing more will arrive; `error` is None after an orderly end."""

    def timed_out(self) -> None:
        """The source's time limit is over."""


class Outflow(Protocol):
    """Writes to a connection while a body is moved, and must keep its pace; `moved` counts the body's bytes so far."""

    moved: int

    def sink_paused(self) -> None:
        """The connection cannot take more now."""

    def sink_resumed(self) -> None:
        """Most of what was written has left for the socket."""

    def sink_ended(self) -> None:
        """The connection is gone."""


class Head(Protocol):
    """What a connection needs to know of a head: the length of the body behind it, negative when not known."""

    length: int


HeadT = TypeVar("HeadT", bound=Head)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all connections of a worker share; `fine` is the wheel for what is late by moments."""

    loop: asyncio.AbstractEventLoop
    wheel: Wheel
    fine: Wheel
    inbox: Inbox


class Connection(asyncio.BufferedProtocol, ABC, Generic[HeadT]):
    """What a client's and a node's connection have in common.

    `inflow` and `outflow` are the transfers that this connection is the source and the sink of, at most one each.
    `loss` is what the connection was lost by, None while it is not and after an orderly end. `flow_timer` is the timer
    that a transfer from this connection uses.
    """

    # Ten thousand idle connections are the rule: slots halve what each takes, and what a request touches.
    __slots__ = (
        "_data",
        "_error",
        "_fd",
        "_head",
        "_head_limit",
        "_is_bounded",
        "_is_held",
        "_searched",
        "_taken",
        "_waiter",
        "flow_timer",
        "inbox",
        "inflow",
        "is_lost",
        "is_write_paused",
        "loop",
        "loss",
        "outflow",
        "timer",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, surroundings: Surroundings, head_limit: int) -> None:
        self.loop = surroundings.loop
        self.timer = surroundings.wheel.timer(self.timed_out)
        self.flow_timer = self.timer
        self.inbox = surroundings.inbox
        self._data = b""  # what arrived
        self._taken = 0  # how much of it was taken
        self.inflow: Inflow | None = None
        self.outflow: Outflow | None = None
        self.is_lost = False
        self.loss: Exception | None = None
        self.is_write_paused = False
        self._head_limit = head_limit
        self._head: HeadT | None = None
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._searched = 0
        self._is_held = self._is_bounded = False
        self._fd = _UNKNOWN_FD

    @abstractmethod
    def parse(self, raw: bytes) -> HeadT:
        """The head in `raw`, which ends in an empty line; raises `EdgeError`."""

    @abstractmethod
    def too_slow(self) -> Exception:
        """What it means that no head has come within the time limit."""

    @abstractmethod
    def too_large(self) -> Exception:
        """What it means that a head does not end within `head_limit` bytes."""

    def head_began(self) -> None:
        """A part of a head has arrived, the rest has not."""

    async def head(self) -> HeadT:
        """The next head.

        Raises `EdgeError` for one that is not well-formed, too large or too slow, `ConnectionGoneError`, or what `fail`
        was given. After any of these the connection is of no more use.
        """
        if self._data:
            self._look_for_head()
        while self._head is None and self._error is None:
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._next_head()

    def _next_head(self) -> HeadT:
        head = self._head
        if head is None:
            raise self._error or ConnectionGoneError()
        self._head = None
        return head

    @property
    def unread(self) -> bytes:
        """The bytes that arrived and were not taken."""
        return self._data[self._taken :]

    @unread.setter
    def unread(self, data: bytes) -> None:
        self._data = data
        self._taken = 0

    @property
    def unread_size(self) -> int:
        """How many bytes arrived and were not taken."""
        return len(self._data) - self._taken

    def take_message(self, head: bytes, length: int) -> bytes:
        """`head` and the `length` bytes of body that follow the last head; all of them must be here.

        A head that goes on as it came costs no copy: its body stands behind it already.
        """
        data, start = self._data, self._taken
        end = start + length
        self._taken = end
        if end == len(data):
            self.unread = b""
            if start == len(head) and data.startswith(head):
                return data
        return head + data[start:end]

    @property
    def awaits_head(self) -> bool:
        """Whether somebody waits for a head that has not come."""
        return self._waiter is not None and not self._waiter.done()

    def fail(self, error: Exception) -> None:
        """Let whoever waits for a head, now or later, have `error` instead; the first error counts."""
        if self._error is None:
            self._error = error
        self._wake()

    def hold(self) -> None:
        """Stop reading; what the peer sends waits in the socket."""
        if not self._is_held:
            self._is_held = True
            self.transport.pause_reading()

    def go_on(self) -> None:
        """Read again, unless what is unread is already more than a head: pipelined requests must not pile up."""
        if self._is_held and self.unread_size <= self._head_limit:
            self._is_held = False
            self.transport.resume_reading()

    def bound_buffer(self) -> None:
        """From now on the peer can send only so far ahead of what is taken: a body from here has to wait for its pace.

        Not before: a small buffer makes bodies half as dear again.
        """
        if self._is_bounded:
            return
        self._is_bounded = True
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.is_lost:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PACED_BUFFER)
            except OSError:
                pass  # the peer was faster

    def splice_fd(self) -> int:
        """A descriptor of the socket for splice, of which the event loop knows nothing; -1 if there is none (TLS)."""
        if self._fd == _UNKNOWN_FD:
            sock = self.transport.get_extra_info("socket")
            is_plain = sock is not None and self.transport.get_extra_info("ssl_object") is None
            self._fd = os.dup(sock.fileno()) if is_plain else _NO_FD
        return self._fd

    def close(self) -> None:
        """Close once all that was written has been sent."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once with a reset, so that the peer cannot take what it has for the whole."""
        sock = self.transport.get_extra_info("socket")
        if sock is not None and not self.is_lost:
            try:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # the peer was faster
        self.transport.abort()

    def timed_out(self) -> None:
        """The timer fired."""
        if self.inflow is not None:
            self.inflow.timed_out()
        else:
            self.fail(self.too_slow())

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(WRITE_BUFFER)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.inbox.head if self.inflow is None else self.inbox.body

    def buffer_updated(self, nbytes: int) -> None:
        if self.inflow is not None:
            self.inflow.feed(self.inbox.body[:nbytes])
            return
        data = self.inbox.head[:nbytes].tobytes()
        if self._data:
            data = self.unread + data
        self._data = data
        self._taken = 0
        waiter = self._waiter
        if waiter is not None and not waiter.done():  # done: a full buffer is read on before the waiter has run
            self._look_for_head()
        elif len(data) > MAX_UNREAD:
            self.hold()

    def eof_received(self) -> bool | None:
        self._ended(None)
        return None

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self.loss = exc
        self.timer.drop()
        self._ended(exc)
        if self.outflow is not None:
            self.outflow.sink_ended()
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = _NO_FD

    def pause_writing(self) -> None:
        self.is_write_paused = True
        if self.outflow is not None:
            self.outflow.sink_paused()

    def resume_writing(self) -> None:
        self.is_write_paused = False
        if self.outflow is not None:
            self.outflow.sink_resumed()

    def _look_for_head(self) -> None:
        if self._taken:
            self.unread = self.unread
        unread = self._data
        end = unread.find(b"\r\n\r\n", self._searched) + 4
        if end == 3 or end > self._head_limit:
            if len(unread) > self._head_limit:
                self.fail(self.too_large())
            else:
                self._searched = max(0, len(unread) - 3)
                if unread:
                    self.head_began()
                self.go_on()
            return
        self._searched = 0
        if end == len(unread):
            self._data = b""
        else:
            self._taken = end
        try:
            self._head = head = self.parse(unread[:end])
        except EdgeError as error:
            self.fail(error)
            return
        if head.length < 0 or head.length > len(unread) - end:
            self.hold()
        elif self._is_held:
            self.go_on()
        self._wake()

    def _ended(self, error: Exception | None) -> None:
        if self.inflow is not None:
            self.inflow.source_ended(error)
        else:
            self.fail(ConnectionGoneError())

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
