"""One connection of a storage node: reads requests with httptools, and carries out answers step by step.

There is no task: the next step is taken when the one before is done, as the transport or a timer tells.
"""

import asyncio
import math
import os
import socket
import struct
from collections import deque
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import chain
from typing import Any, Final, Protocol, cast

import httptools

from tests.support.active_fault import ActiveFault
from tests.support.answers import Answer, Data, Ending, Head, Request, Steps, Wait
from tests.support.faults import AnswersEarly, DiesReceiving
from tests.support.objects import PIECE

# Bytes; a request's body is kept up to this size, of longer ones only size and hash.
KEPT_BODY: Final = 1 << 20
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD_REQUEST: Final = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
# On, 0 seconds: closing sends a reset in place of what is unsent (socket(7), SO_LINGER).
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)


class Owner(Protocol):
    """Whom a connection belongs to: decides and counts."""

    def opened(self, connection: "StorageConnection") -> None:
        """A client connected."""

    def begin(self, request: Request) -> list[ActiveFault]:
        """A request's head came: what befalls it?"""

    def answer(self, request: Request, befallen: list[ActiveFault]) -> Answer:
        """The answer to a request that came whole, or is answered before."""

    def count_answer(self, request: Request, status: int) -> None:
        """A final head is sent."""

    def count_sent(self, size: int) -> None:
        """So many bytes were given to the transport."""


@dataclass(slots=True)
class _Turn:
    """A request on its way from its head to the last byte of its answer."""

    request: Request
    befallen: list[ActiveFault]
    is_kept_alive: bool
    is_early: bool = False
    body: bytearray = field(default_factory=bytearray)
    hash: Any = None


class StorageConnection(asyncio.Protocol):
    """The node's end of a connection. Pipelined requests are answered in order."""

    transport: asyncio.Transport

    def __init__(self, owner: Owner) -> None:
        self.is_lost = False
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._receiving: _Turn | None = None
        self._due: deque[_Turn] = deque()
        self._answering: _Turn | None = None
        self._steps: Steps = iter(())
        # What comes next is no bytes: it waits until all bytes before it have left.
        self._next: Wait | Ending | None = None
        self._is_write_paused = False
        self._is_waiting = False
        self._lost: asyncio.Future[None] = self._loop.create_future()

    def reset(self) -> None:
        """Reset the connection; what is under way is lost."""
        if self.is_lost:
            return
        # A transport that is closing may have closed its descriptor, whose number may be another's by now.
        sock = None if self.transport.is_closing() else self.transport.get_extra_info("socket")
        if sock is not None:
            # The option belongs to the connection, whichever descriptor it is set by; uvloop's socket cannot set it.
            with socket.socket(fileno=os.dup(sock.fileno())) as own:
                own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self.transport.abort()

    async def lost(self) -> None:
        """Wait until the connection is lost."""
        await asyncio.shield(self._lost)

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        # Paused as soon as something is unsent: a wait begins when what precedes it has left. uvloop's TLS would take
        # 0 for "always paused".
        self.transport.set_write_buffer_limits(high=1 if transport.get_extra_info("sslcontext") else 0)
        self._owner.opened(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._send(_BAD_REQUEST)
            self.transport.close()

    def pause_writing(self) -> None:
        self._is_write_paused = True

    def resume_writing(self) -> None:
        self._is_write_paused = False
        self._run()

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._lost.set_result(None)

    # What the parser calls.

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        request = Request(self._parser.get_method(), self._target, self._headers, self._loop.time())
        self._target, self._headers = b"", {}
        turn = _Turn(request, self._owner.begin(request), self._parser.should_keep_alive())
        self._receiving = turn
        expects = request.headers.get(b"expect", b"").lower() == b"100-continue"
        faults = [active.fault for active in turn.befallen]
        if any(isinstance(fault, AnswersEarly) for fault in faults):
            turn.is_early = True
        elif expects and any(fault.is_refusal for fault in faults):
            # The announced body may come or not, so nobody can tell where the next request would start.
            turn.is_early, turn.is_kept_alive = True, False
        elif expects:
            self._send(_CONTINUE)
        if turn.is_early:
            self._due.append(turn)
            self._run()

    def on_body(self, body: bytes) -> None:
        turn = self._receiving
        assert turn is not None
        if turn.hash is None:
            turn.hash = sha256()
        turn.hash.update(body)
        request = turn.request
        request.body_size += len(body)
        if request.body_size <= KEPT_BODY:
            turn.body += body
        for active in turn.befallen:
            if isinstance(active.fault, DiesReceiving) and request.body_size >= active.fault.size:
                self.reset()

    def on_message_complete(self) -> None:
        turn, self._receiving = self._receiving, None
        assert turn is not None
        request = turn.request
        request.body = bytes(turn.body) if request.body_size <= KEPT_BODY else None
        request.sha256 = (turn.hash or sha256()).hexdigest()
        if not turn.is_early:
            self._due.append(turn)
            self._run()

    # Answering.

    def _run(self) -> None:
        """Take steps until one must be waited for, or nothing is asked any more."""
        while not (self._is_write_paused or self._is_waiting or self.transport.is_closing()):
            if self._next is not None:
                step, self._next = self._next, None
                self._wait_or_end(step)
            elif self._answering is not None:
                self._send_some(self._answering)
            elif self._due:
                self._start(self._due.popleft())
            else:
                return

    def _start(self, turn: _Turn) -> None:
        self._answering = turn
        answer = self._owner.answer(turn.request, turn.befallen)
        if not turn.is_kept_alive:
            answer.fields["Connection"] = "close"
        steps = answer.steps()
        for active in turn.befallen:
            steps = active.perform(steps, self._loop.time())
        self._steps = steps if turn.is_kept_alive else chain(steps, (Ending.CLOSE,))

    def _send_some(self, turn: _Turn) -> None:
        """Send the next bytes of the answer; head and body go together."""
        batch: list[Data] = []
        size = 0
        for step in self._steps:
            if isinstance(step, Wait | Ending):
                self._next = step
                break
            if isinstance(step, Head):
                self._owner.count_answer(turn.request, int(step[9:12]))
            batch.append(step)
            size += len(step)
            if size >= PIECE:
                # The others get their turn, even if this reader takes all at once.
                self._is_waiting = True
                self._loop.call_soon(self._waited)
                break
        else:
            self._answering = None
        if size:
            self._send(*batch)

    def _send(self, *batch: Data) -> None:
        self._owner.count_sent(sum(map(len, batch)))
        self.transport.writelines(batch)

    def _wait_or_end(self, step: Wait | Ending) -> None:
        if step is Ending.RESET:
            self.reset()
        elif step is Ending.CLOSE:
            self.transport.close()
        elif isinstance(step, Wait):
            self._is_waiting = True
            if step.seconds != math.inf:
                self._loop.call_later(step.seconds, self._waited)

    def _waited(self) -> None:
        self._is_waiting = False
        self._run()
