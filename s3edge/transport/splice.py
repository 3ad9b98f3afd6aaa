"""Moving a body inside the kernel: socket, pipe, socket.

The event loop's transports know nothing of it. Both transports stand still meanwhile: the source's is held, the sink's
has nothing to write. The bytes go between duplicates of the two sockets, which the loop watches for readiness.
"""

import os
from dataclasses import dataclass
from typing import Final, TypeVar

from s3edge.http1.body import body_of
from s3edge.transport.connection import WRITE_BUFFER, Connection, Head
from s3edge.transport.pipes import CAPACITY, LEAST, Pipes
from s3edge.transport.readiness import READABLE, WRITABLE, Readiness
from s3edge.transport.transfer import Relay, SinkGoneError, SourceEndedError, Transfer

# A smaller body takes one more read and write than its head did; setting up a splice takes as many system calls.
SPLICE_FROM: Final = 128 * 1024
# What one flow may move in one turn of the loop, so that a fast flow does not hold up the others: 1 MiB takes 0.25 ms.
QUANTUM: Final = 1024 * 1024
_FLAGS: Final = os.SPLICE_F_MOVE | os.SPLICE_F_NONBLOCK

S = TypeVar("S", bound=Head)
T = TypeVar("T", bound=Head)


@dataclass(frozen=True, slots=True)
class Splicing:
    """What the spliced bodies of a worker share."""

    pipes: Pipes
    readiness: Readiness

    def close(self) -> None:
        """Give back all that no body uses."""
        self.pipes.close()
        self.readiness.close()


class Splice(Transfer):
    """Moves a body of known length between two plain sockets."""

    __slots__ = (
        "_is_sink_free",
        "_left",
        "_length",
        "_pipe",
        "_sink_fd",
        "_source_error",
        "_source_fd",
        "_splicing",
        "_watched_fd",
    )

    def __init__(
        self,
        source: Connection[S],
        sink: Connection[T],
        length: int,
        limit: float,
        patience: float | None,
        splicing: Splicing,
    ) -> None:
        super().__init__(source, sink, limit, patience)
        self._length = length
        self._left = length  # bytes that have not been read from the source
        self._source_fd = source.splice_fd()
        self._sink_fd = sink.splice_fd()
        self._splicing = splicing
        self._pipe = splicing.pipes.take(LEAST)
        self._source_error: Exception | None = None
        self._watched_fd = -1
        self._is_sink_free = False

    def restart(self, limit: float) -> bool:
        """See `Transfer`: no byte was in the pipe that it gave back."""
        try:
            self._pipe = self._splicing.pipes.take()
        except OSError:  # out of descriptors
            return False
        self._is_sink_free = False
        return super().restart(limit)

    @property
    def taken(self) -> int:
        """See `Transfer`: bytes in the pipe are lost with it."""
        return self._length - self._left

    @property
    def awaits_source(self) -> bool:
        """See `Transfer`."""
        return self._watched_fd == self._source_fd

    def begin(self, prefix: bytes) -> None:
        """Write `prefix` and what came with the head through the transport, then wait until that has left."""
        source, transport = self.source, self.sink.transport
        source.hold()
        data, source.unread = source.unread, b""
        self.moved += len(data)
        self._left -= len(data)
        if self.flow is not None:
            self.flow.allowance -= len(data)
        transport.write(prefix + data)
        if transport.get_write_buffer_size():
            transport.set_write_buffer_limits(0)
        else:
            self._is_sink_free = True
            self._move()

    def sink_paused(self) -> None:
        """See `Outflow`: nothing to do, the source stands still."""

    def sink_resumed(self) -> None:
        """The transport's buffer is empty: the socket is free for the pipe."""
        self._is_sink_free = True
        self._move()

    def feed(self, data: memoryview) -> None:
        """See `Inflow`: a held source reads nothing, so bytes here would stand in the wrong order."""
        self.finish(SourceEndedError())

    def source_ended(self, error: Exception | None) -> None:
        """The source's transport is gone, and its time limit with it; what stands in the pipe still goes out."""
        if self._left:
            self._source_error = SourceEndedError()
        if self._is_sink_free:
            self._move()
        if not self.is_done:
            self.look_again()

    def detach(self) -> None:
        """Stop watching the sockets and give the pipe back."""
        self._watch(-1)
        self._splicing.pipes.give_back(self._pipe)
        if not self.sink.is_lost:
            self.sink.transport.set_write_buffer_limits(WRITE_BUFFER)

    def _move(self) -> None:
        """Move until one side would block, the quantum or the flow's allowance is used up, or the body is done."""
        pipe, budget, flow = self._pipe, QUANTUM, self.flow
        is_drained = False  # a short read emptied the source's socket: asking again would only be refused
        while True:
            if not pipe.inside:
                if self._left == 0 or self._source_error is not None:
                    self.finish(self._source_error)
                    return
                if is_drained or budget <= 0:
                    self._watch(self._source_fd)
                    return
                wanted = min(self._left, CAPACITY)
                if flow is not None:
                    if flow.allowance <= 0 and not flow.ask(self._move):
                        self.source.bound_buffer()
                        self._watch(-1)
                        return
                    wanted = min(wanted, flow.allowance)
                pipe.inside = size = self._fill(wanted)
                is_drained = size < wanted
                self._left -= size
                if flow is not None:
                    flow.allowance -= size
                continue
            size = self._empty()
            if size == 0:
                if not self.is_done:
                    self._watch(self._sink_fd)
                return
            pipe.inside -= size
            self.moved += size
            budget -= size

    def _fill(self, wanted: int) -> int:
        """Bytes moved from the source into the pipe; 0 when there are none now or, with `_source_error`, ever."""
        try:
            size = os.splice(self._source_fd, self._pipe.write_fd, wanted, flags=_FLAGS)
        except BlockingIOError:
            return 0
        except OSError:
            size = 0
        if size == 0:
            self._source_error = SourceEndedError()
        return size

    def _empty(self) -> int:
        """Bytes moved from the pipe to the sink; 0 when it takes none now or, being done, ever."""
        try:
            return os.splice(self._pipe.read_fd, self._sink_fd, self._pipe.inside, flags=_FLAGS)
        except BlockingIOError:
            return 0
        except OSError:
            self.finish(SinkGoneError())
            return 0

    def _watch(self, fd: int) -> None:
        """Be called when `fd` is ready: the source's to read, the sink's to write, -1 for neither."""
        watched, readiness = self._watched_fd, self._splicing.readiness
        if fd == watched:
            return
        if watched >= 0:
            readiness.forget(watched)
        if fd >= 0:
            readiness.watch(fd, READABLE if fd == self._source_fd else WRITABLE, self._move)
        self._watched_fd = fd


def transfer(
    source: Connection[S],
    sink: Connection[T],
    length: int,
    splicing: Splicing,
    limit: float,
    patience: float | None = None,
) -> Transfer:
    """The cheapest way to move a body of `length` (bytes, or as in `http1.head`) from `source` to `sink`.

    `limit` and `patience` are those of `Transfer`.
    """
    # A descriptor is watched for one body at a time: when two cross, the second one is relayed.
    is_free = source.outflow is None and sink.inflow is None
    if is_free and length - source.unread_size >= SPLICE_FROM:
        try:
            if source.splice_fd() >= 0 and sink.splice_fd() >= 0:
                return Splice(source, sink, length, limit, patience, splicing)
        except OSError:
            pass  # out of descriptors or pipes: the body still fits through the transports
    return Relay(source, sink, body_of(length), limit, patience)
