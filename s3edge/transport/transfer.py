"""Moving one body from one connection to another by callbacks, awaited once.

A `Transfer` takes the source's bytes and keeps the sink's pace. `Relay` carries them through this process, for
TLS, chunked and small bodies; `Splice` (in its own module) leaves them in the kernel.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import ceil
from typing import Any, Final, TypeVar

from s3edge.http1.body import BadBodyError, Body, ChunkedBody
from s3edge.transport.connection import Connection, Head
from s3edge.transport.pacing import Flow

# How often a transfer is looked at within its time limit: a body is given up when so many looks in a row find that
# nothing moved. Looks are counted, not time, so that a process that was held up for a while blames nobody for it.
LOOKS: Final = 4
# Up to here joining head and body for one write is cheaper than a write of two buffers.
_JOIN_LIMIT: Final = 64 * 1024

S = TypeVar("S", bound=Head)
T = TypeVar("T", bound=Head)


class SourceEndedError(Exception):
    """The source ended before the body did."""


class SinkGoneError(Exception):
    """The sink was lost before the body had been written to it."""


class StalledError(Exception):
    """The source brought no byte of the body within the limit, though the sink would have taken it."""


class SinkStalledError(Exception):
    """The sink took no byte of the body within the limit."""


class Transfer(ABC):
    """One body on its way; `moved` counts the body bytes that the sink was given.

    The owner calls `start`, and then awaits `finished` or is told through `ended`. It calls `cancel` on every path that
    leaves earlier; after the end neither connection knows the transfer. `limit` is how long, in seconds, the body may
    stand still, and `patience` how long it may do so while the sink waits for the source; `is_patient` tells that both
    are the same.

    A body with a `flow`, which the owner may set at any time, moves no faster than that allows from its next step on.
    While it waits for its pace it does not stand still: neither side is to blame.
    """

    __slots__ = (
        "_ended",
        "_most_looks",
        "_quiet",
        "_seen",
        "_step",
        "_still",
        "_waiter",
        "error",
        "flow",
        "is_done",
        "is_patient",
        "moved",
        "sink",
        "source",
    )

    source: Connection[Any]
    sink: Connection[Any]

    def __init__(self, source: Connection[S], sink: Connection[T], limit: float, patience: float | None = None) -> None:
        self.source = source
        self.sink = sink
        self.moved = 0
        self.is_patient = patience is None or patience >= limit
        self._step = (limit if patience is None else patience) / LOOKS
        self._most_looks = ceil(limit / self._step)
        self._still = 0  # looks in a row that found the body where it was
        self._quiet = 0  # those of them at which the sink waited for the source
        self.is_done = False
        self.error: Exception | None = None
        self.flow: Flow | None = None
        self._seen = 0
        self._waiter: asyncio.Future[None] | None = None
        self._ended: Callable[[Exception | None], None] | None = None

    def start(self, prefix: bytes, ended: Callable[[Exception | None], None] | None = None) -> None:
        """Write `prefix` (a head) and then move the body; `ended` is called with what went wrong, or None."""
        self._ended = ended
        self.source.inflow = self
        self.sink.outflow = self
        self.look_again()
        if self.sink.is_lost or self.sink.transport.is_closing():
            self.finish(SinkGoneError())
        else:
            self.begin(prefix)

    @abstractmethod
    def begin(self, prefix: bytes) -> None:
        """Write `prefix` and begin to move."""

    @abstractmethod
    def feed(self, data: memoryview) -> None:
        """See `Inflow`."""

    @abstractmethod
    def source_ended(self, error: Exception | None) -> None:
        """See `Inflow`."""

    @abstractmethod
    def sink_paused(self) -> None:
        """See `Outflow`."""

    @abstractmethod
    def sink_resumed(self) -> None:
        """See `Outflow`."""

    @abstractmethod
    def detach(self) -> None:
        """Give back what the transfer holds."""

    async def finished(self) -> None:
        """Wait for the end; raises what went wrong."""
        if not self.is_done:
            self._waiter = self.source.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        if self.error is not None:
            raise self.error

    def finish(self, error: Exception | None = None) -> None:
        """Leave both connections; what was not the body's stays with the source."""
        if self.is_done:
            return
        self.is_done = True
        self.error = error
        self.detach()
        if self.flow is not None:
            self.flow.leave()
        self.source.inflow = None
        self.sink.outflow = None
        self.source.flow_timer.clear()
        if error is None:
            self.source.go_on()
        if self._ended is not None:
            self._ended(error)
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def cancel(self) -> None:
        """Stop without an outcome; does nothing after the end."""
        self._ended = None
        self.finish(SinkGoneError())

    def restart(self, limit: float) -> bool:
        """Go on after a stall: the source may yet bring the rest, for which it has `limit` seconds from now.

        False if that cannot be, since the system gives no more of what it takes.
        """
        self.is_done = False
        self.error = None
        self.is_patient = True
        self._still = self._quiet = 0
        self._step, self._most_looks = limit / LOOKS, LOOKS
        self.start(b"")
        return True

    @property
    def taken(self) -> int:
        """How many bytes of the body have left the source, whether the sink was given them or not."""
        return self.moved

    @property
    def payload(self) -> int:
        """How many bytes of the body the sink was given, without those of a transfer coding."""
        return self.moved

    @property
    def rest_of_chunk(self) -> int | None:
        """What the present chunk of a chunked body lacks, as `ChunkedBody` has it; None if the body has no chunks."""
        return None

    @property
    def still(self) -> float:
        """For how many seconds at least the last looks found the body where it was."""
        return self._still * self._step

    @property
    @abstractmethod
    def awaits_source(self) -> bool:
        """Whether the sink would take more now if the source brought it."""

    def timed_out(self) -> None:
        """No limit on the whole, only on standing still: a body may take hours."""
        if self.moved != self._seen or (self.flow is not None and self.flow.awaits_quantum):
            self._seen = self.moved
            self._still = self._quiet = 0
        else:
            awaits_source = self.awaits_source
            self._still += 1
            self._quiet = self._quiet + 1 if awaits_source else 0
            if self._quiet >= LOOKS or self._still >= self._most_looks:
                self.finish(StalledError() if awaits_source else SinkStalledError())
                return
        self.look_again()

    def look_again(self) -> None:
        """Have `timed_out` called after one step."""
        self.source.flow_timer.set(self._step)

    def sink_ended(self) -> None:
        """See `Outflow`."""
        self.finish(SinkGoneError())


class Relay(Transfer):
    """Carries a body through this process, holding the source while the sink is behind."""

    __slots__ = ("_body",)

    def __init__(
        self, source: Connection[S], sink: Connection[T], body: Body, limit: float, patience: float | None = None
    ) -> None:
        super().__init__(source, sink, limit, patience)
        self._body = body

    @property
    def payload(self) -> int:
        """See `Transfer`."""
        return self._body.payload if isinstance(self._body, ChunkedBody) else self.moved

    @property
    def rest_of_chunk(self) -> int | None:
        """See `Transfer`."""
        return self._body.rest_of_chunk if isinstance(self._body, ChunkedBody) else None

    @property
    def awaits_source(self) -> bool:
        """See `Transfer`."""
        return not self.sink.is_write_paused

    def begin(self, prefix: bytes) -> None:
        """Write `prefix` with the body bytes that came along with the head."""
        source, transport = self.source, self.sink.transport
        data, source.unread = source.unread, b""
        size = self.take(data)
        if self.error is not None:
            return  # of a body that is bad from its first bytes nothing goes on, its head neither
        if self.flow is not None:
            self.flow.allowance -= size
        if size <= _JOIN_LIMIT:
            transport.write(prefix + data[:size])
        else:
            transport.writelines((prefix, data[:size]))
        self.moved += size
        source.unread = data[size:]
        if self._body.is_complete:
            self.finish()
        elif self.is_done:
            return
        elif source.is_lost:
            self.source_ended(source.loss)
        else:
            self.go_on()

    def feed(self, data: memoryview | bytes) -> None:
        """See `Inflow`: written without a copy, unless the sink is behind and keeps the memory."""
        size = self.take(data)
        if self.is_done:
            return
        self.moved += size
        if self.flow is not None:
            self.flow.allowance -= size
        if size < len(data):
            self.source.unread = bytes(data[size:])
            data = data[:size]
        transport = self.sink.transport
        if transport.get_write_buffer_size():
            transport.write(bytes(data))  # what waits keeps its own bytes only, not the room they were read into
        else:
            transport.write(data)
            if transport.get_write_buffer_size() and isinstance(data, memoryview):
                self.source.inbox.renew_body()
        if self._body.is_complete:
            self.finish()
        elif self.flow is not None:
            self.go_on()

    def go_on(self) -> None:
        """Let the source bring more, unless the sink is behind or the body has to wait for its pace."""
        if self.sink.is_write_paused:
            return
        flow = self.flow
        if flow is None or flow.allowance > 0 or flow.ask(self.go_on):
            self.source.go_on()
        else:
            self.source.bound_buffer()
            self.source.hold()

    def take(self, data: bytes | memoryview) -> int:
        """How many bytes of `data` are the body's; 0, and the transfer is over, if they break its rules."""
        try:
            return self._body.take(data)
        except BadBodyError as error:
            self.finish(error)
            return 0

    def source_ended(self, error: Exception | None) -> None:
        """An orderly end completes a body that has no other end; all else is cut short."""
        self.finish(None if self._body.ends_at_close and error is None else SourceEndedError())

    def sink_paused(self) -> None:
        """See `Outflow`."""
        self.source.hold()

    def sink_resumed(self) -> None:
        """See `Outflow`."""
        self.go_on()

    def detach(self) -> None:
        """A relay holds nothing."""
