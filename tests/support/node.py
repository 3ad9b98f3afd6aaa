"""A storage node that plays a script on each connection.

A script is a coroutine function that takes the node's end of a connection and does one thing after the other:

    async def dies_within_the_body(end: NodeEnd) -> None:
        await end.read_request()
        await end.send(ok(b"x" * 1000)[:-600])
        end.abort()

`answers(...)` makes the most common one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import h11

from tests.support.peer import PATIENCE, EndedError, Peer

Script = Callable[["NodeEnd"], Awaitable[None]]
# h11 refuses heads over 16 KiB; s3edge forwards heads of up to 64 KiB.
_LARGEST_HEAD = 1024 * 1024


@dataclass
class NodeRequest:
    """A request as h11 read it; header names in lower case. `raw_head` is as it came, empty line included."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    raw_head: bytes
    body: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header of this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class NodeEnd(Peer):
    """The node's end of one connection. `requests` are those whose heads were read."""

    def __init__(self, accepted: Callable[["NodeEnd"], None], patience: float) -> None:
        super().__init__(patience)
        self.requests: list[NodeRequest] = []
        self._accepted = accepted
        self._parser = h11.Connection(h11.SERVER)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._accepted(self)

    async def read_head(self) -> NodeRequest:
        """The next request's head; its body stays unread. Raises EndedError and h11.RemoteProtocolError."""
        raw = await self.read_until(b"\r\n\r\n")
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=_LARGEST_HEAD)
        self._parser.receive_data(raw)
        event = self._parser.next_event()
        assert isinstance(event, h11.Request)
        self.requests.append(NodeRequest(event.method, event.target, list(event.headers), raw))
        return self.requests[-1]

    async def read_body(self, at_least: int | None = None) -> bytes:
        """More of the last request's body: `at_least` so many bytes, else all that is left. Raises EndedError.

        What was read so far is in `requests[-1].body`, without the framing of chunks.
        """
        body = b""
        while at_least is None or len(body) < at_least:
            event = self._parser.next_event()
            if isinstance(event, h11.Data):
                body += event.data
                self.requests[-1].body += event.data
            elif event is h11.NEED_DATA:
                data = await self.read_some()
                if not data:
                    raise EndedError(f"the connection ended ({self.error!r}) within the body of {self.requests[-1]}")
                self._parser.receive_data(data)
            else:
                self.unread(self._parser.trailing_data[0])
                break
        return body

    async def read_request(self) -> NodeRequest:
        """The next request with its body. Raises EndedError and h11.RemoteProtocolError."""
        request = await self.read_head()
        await self.read_body()
        return request


class Node:
    """Plays the first script on the first connection, and so on; the last script on all further ones.

    Give `node.accept` to `Network.listen` or `loop.create_server`. The block's end resets what is open and ends the
    scripts; a script that failed fails the block, but a script may run into the end of its connection.
    """

    def __init__(self, *scripts: Script, patience: float = PATIENCE) -> None:
        self.connections: list[NodeEnd] = []
        self._scripts = scripts
        self._patience = patience
        self._plays: list[asyncio.Task[None]] = []

    @property
    def requests(self) -> list[NodeRequest]:
        """All requests whose heads were read, connection by connection."""
        return [request for end in self.connections for request in end.requests]

    @property
    def received(self) -> bytes:
        """Every byte that arrived, connection by connection."""
        return b"".join(bytes(end.received) for end in self.connections)

    def accept(self) -> NodeEnd:
        """The protocol of a new connection."""
        return NodeEnd(self._accepted, self._patience)

    def reset_connections(self) -> None:
        """What clients see when the node's process is killed."""
        for end in self.connections:
            end.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.reset_connections()
        for play in self._plays:
            play.cancel()
        outcomes = await asyncio.gather(*self._plays, return_exceptions=True)
        for end in self.connections:
            await end.lost()
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(outcome, EndedError):
                raise outcome from error

    def _accepted(self, end: NodeEnd) -> None:
        number = len(self.connections)
        self.connections.append(end)
        script = self._scripts[min(number, len(self._scripts) - 1)]
        self._plays.append(asyncio.create_task(_play(script, end), name=f"node script {number}"))


async def _play(script: Script, end: NodeEnd) -> None:
    try:
        await script(end)
    except Exception:
        end.abort()  # nobody shall wait for what a failed script would have sent
        raise


def answers(*responses: bytes) -> Script:
    """A script that reads a whole request before it sends each of these, and leaves the connection open."""

    async def play(end: NodeEnd) -> None:
        for response in responses:
            await end.read_request()
            await end.send(response)

    return play


def ok(body: bytes = b"", *headers: bytes) -> bytes:
    """A 200 answer with this body and these extra header lines, which need no line end."""
    lines = (b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers, b"", body)
    return b"\r\n".join(lines)
