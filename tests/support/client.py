"""A client that sends whatever a test wants and lets h11, not our own parser, judge the answers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import h11

from tests.support.peer import Peer

# `Network.connect`, `loop.create_connection`, or the latter with `ssl` bound by functools.partial.
Connect = Callable[[Callable[[], "Client"], str, int], Awaitable[tuple[asyncio.BaseTransport, "Client"]]]
# h11 refuses heads over 16 KiB; heads up to s3edge's own limit of 64 KiB pass through it.
_LARGEST_HEAD = 1024 * 1024


@dataclass
class Response:
    """An answer as h11 read it; header names in lower case, `raw` with the heads of `interim` (1xx) answers."""

    status: int = 0
    reason: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    interim: list[int] = field(default_factory=list)
    raw: bytes = b""

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header of this lower-case name."""
        return next((value for key, value in self.headers if key == name), None)


class TruncatedError(AssertionError):
    """The connection ended within an answer; `response` is what came of it."""

    def __init__(self, response: Response, error: Exception | None) -> None:
        super().__init__(f"the connection ended ({error!r}) within {response}")
        self.response = response


class Client(Peer):
    """A raw connection that can also read whole answers."""

    async def read_response(self, method: str = "GET") -> Response:
        """The next answer, to a request by `method`, up to its last byte; what follows stays unread.

        Raises TruncatedError, and h11.RemoteProtocolError when the answer is not HTTP.
        """
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "oracle")]))
        parser.send(h11.EndOfMessage())
        start = self.taken
        response = Response()
        while (event := await self._next_event(parser, response)) is not None:
            match event:
                case h11.InformationalResponse():
                    response.interim.append(event.status_code)
                case h11.Response():
                    response.status, response.reason = event.status_code, event.reason
                    response.headers = list(event.headers)
                case h11.Data():
                    response.body += event.data
        trailing, _ = parser.trailing_data
        self.unread(trailing)
        response.raw = bytes(self.received[start : self.taken])
        return response

    async def _next_event(self, parser: h11.Connection, response: Response) -> h11.Event | None:
        """The next event, None at the end of the answer."""
        while (event := parser.next_event()) is h11.NEED_DATA:
            data = await self.read_some()
            is_until_close = parser.their_state is h11.SEND_BODY and not _is_framed(response)
            if not data and (self.error or not is_until_close):
                raise TruncatedError(response, self.error)
            parser.receive_data(data)
        return None if isinstance(event, h11.EndOfMessage) or not isinstance(event, h11.Event) else event


def _is_framed(response: Response) -> bool:
    return any(name in {b"content-length", b"transfer-encoding"} for name, _ in response.headers)


@asynccontextmanager
async def dial(connect: Connect, host: str, port: int, **options: float) -> AsyncIterator[Client]:
    """A connected client; the connection is reset at the end of the block if it is still open."""
    _, client = await connect(lambda: Client(**options), host, port)
    try:
        yield client
    finally:
        client.abort()
        await client.lost()
