"""The bounds of the admin server: so many connections, so much in a request, so long without one.

It shares a process with the watch over nodes and workers, whose descriptors strangers must not use up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

# Some dozens of pages, scrapes and scripts at once are many.
MOST_CONNECTIONS: Final = 256
# The largest request body has two short values.
LARGEST_BODY: Final = 16 * 1024
# Seconds from the start of a connection, or from an answer, to the end of the next head: nginx's `keepalive_timeout`,
# and longer than the minute that many scrapers pause.
HEAD_LIMIT: Final = 75.0
# Seconds to read on what follows a refused head, so that the client reads the refusal before the connection's reset.
LINGERING: Final = 2.0


class _OwnFaults(logging.Filter):
    """Leaves out heads that cannot be read: anyone may send many, and they may hold a mistyped token."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


log = logging.getLogger(__name__)
log.addFilter(_OwnFaults())

# What `web.AppRunner` takes; aiohttp's own bounds of a head are 8 KiB for a line and 128 fields.
BOUNDS: Final[dict[str, Any]] = {"keepalive_timeout": HEAD_LIMIT, "lingering_time": LINGERING, "logger": log}


class Door:
    """Lets at most `most` connections in. One more takes the place of the one that has waited longest.

    So who opens connections and sends nothing, or only a little at a time, keeps nobody out.
    """

    def __init__(self, most: int = MOST_CONNECTIONS) -> None:
        self._most = most
        self._busy: set[web.RequestHandler] = set()

    @web.middleware
    async def attend(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Keep the request's connection while it is answered; to be the outermost middleware."""
        self._busy.add(request.protocol)
        try:
            return await handler(request)
        finally:
            self._busy.discard(request.protocol)

    def of(self, server: web.Server) -> Callable[[], asyncio.Protocol]:
        """What makes the protocol of each new connection to the server."""
        return partial(self._let_in, server)

    def _let_in(self, server: web.Server) -> asyncio.Protocol:
        open_ = server.connections
        if len(open_) >= self._most:
            longest = next((connection for connection in open_ if connection not in self._busy), None)
            if longest is None:
                return _TurnedAway()
            longest.force_close()
        return server()


class _TurnedAway(asyncio.Protocol):
    """A connection that is closed as soon as it is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
