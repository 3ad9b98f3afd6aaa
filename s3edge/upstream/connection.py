"""One connection to a storage node."""

import contextlib
import os
from collections.abc import Callable
from typing import Final

from s3edge.errors import NodeError
from s3edge.http1.head import ResponseHead, parse_response
from s3edge.transport.connection import Connection, Surroundings

# An answer's head may be larger than a request's: user metadata of 2 KiB, checksums, CORS and vendors' fields.
_HEAD_LIMIT: Final = 64 * 1024


class NodeConnection(Connection[ResponseHead]):
    """A connection to the node called `node`; `method` is that of the request under way.

    A node has `answer_timeout` seconds for its answer's head, which begin when the whole request has been sent. Before
    that is over, the answer may be late: `late`, a timer of the fine wheel, then lets `head_in_time` return.
    """

    __slots__ = ("answer_timeout", "late", "left_pool", "method", "node")

    def __init__(self, surroundings: Surroundings, node: str, answer_timeout: float) -> None:
        super().__init__(surroundings, _HEAD_LIMIT)
        self.late = self.flow_timer = surroundings.fine.timer(self._came_late)
        self.node = node
        self.answer_timeout = answer_timeout
        self.method = b""
        self.left_pool: Callable[[NodeConnection], None] | None = None  # set while the connection idles in a pool

    def parse(self, raw: bytes) -> ResponseHead:
        return parse_response(raw, self.method)

    def too_slow(self) -> Exception:
        message = f"Node {self.node} gave no answer within {self.answer_timeout:g} s."
        return NodeError("GatewayTimeout", message)

    def too_large(self) -> Exception:
        message = f"Node {self.node} sent an answer whose head does not end."
        return NodeError("BadGateway", message)

    async def head_in_time(self) -> ResponseHead | None:
        """The next head, as `head` gives it, or None if `late` fired before: then `head` still waits for it."""
        if self._data:
            self._look_for_head()
        if self._head is None and self._error is None:
            self._waiter = self.loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        head = self._head
        if head is None:
            return None if self._error is None else self._next_head()
        self._head = None
        return head

    def _came_late(self) -> None:
        """One timer for two times that never meet: until the head comes, and then for a body that stands still."""
        if self.inflow is not None:
            self.inflow.timed_out()
        else:
            self._wake()

    def timed_out(self) -> None:
        if self.left_pool is not None:
            self.close()
        elif self.inflow is None and self.outflow is not None and self.outflow.moved:
            return  # a client that does not wait for the 100 brings its body: its pace counts, as after a 100
        else:
            super().timed_out()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.left_pool is not None:
            self.left_pool(self)
        self.late.drop()
        if exc is not None and self.awaits_head:
            self._salvage()
        super().connection_lost(exc)

    def _salvage(self) -> None:
        """Read the answer of a node that refused a request body and reset the connection under it.

        The loop gives a connection up at the first failed write, while the answer still waits in the socket.
        """
        sock = self.transport.get_extra_info("socket")
        if sock is None or self.transport.get_extra_info("ssl_object") is not None:
            return
        with contextlib.suppress(OSError):
            self.buffer_updated(os.readv(sock.fileno(), [self.get_buffer(-1)]))
