"""The live view, `/api/v1/live`: a frame a second as server-sent events, for as long as somebody looks.

However many look, each second the workers are asked for their counts once, and a frame is written once. Only flows are
asked for by each query that differs. Who looks has no queue: the slow get the newest frame, and miss those before.
"""

import asyncio
import json
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from aiohttp import web

from s3edge.admin.events import WRITE_LIMIT
from s3edge.admin.flows import query_of
from s3edge.admin.frame import FrameMaker, Shown
from s3edge.telemetry.flows import Found, Query, described
from s3edge.telemetry.meter import Snapshot

log = logging.getLogger(__name__)

# Seconds between two frames; and before the first one of a view, since rates take two snapshots.
INTERVAL: Final = 1.0
FIRST_INTERVAL: Final = 0.25
# A browser, a terminal and a wall screen for each of a large team.
MOST_VIEWERS: Final = 64


class Watched(Shown, Protocol):
    """What is looked at."""

    async def snapshot(self) -> Snapshot:
        """All counts and levels of this moment."""

    async def flows(self, query: Query) -> dict[int, Found]:
        """The requests under way that are asked for, by the numbers of the workers that say so in time."""


class LiveView:
    """The frames of all who look. `wall` is the clock of people, in seconds; for `changes` see `FrameMaker`."""

    def __init__(self, watched: Watched, wall: Callable[[], float], changes: Callable[[], str]) -> None:
        self._watched = watched
        self._wall = wall
        self._changes = changes
        self._queries: Counter[Query] = Counter()
        self._number = 0
        self._frame = ""  # the newest, as JSON that lacks its flows and its end; empty before the first
        self._messages: dict[Query, bytes] = {}  # that frame, for each query
        self._news = asyncio.Event()
        self._filming: asyncio.Task[None] | None = None
        self._is_ended = False

    @property
    def viewers(self) -> int:
        """How many look."""
        return self._queries.total()

    async def show(self, query: Query, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write the newest frame, with the flows of `query`, each time that one is written, until the view ends."""
        self._queries[query] += 1
        try:
            if self._filming is None or self._filming.done():
                self._filming = asyncio.create_task(self._film(), name="film")
            seen = 0
            while await self._is_after(seen, self._filming):
                seen = self._number
                message = self._messages.get(query) or await self._message(query)
                await write(message)
        finally:
            self._queries -= Counter((query,))

    async def end(self) -> None:
        """End what is shown to all who look, and show nothing more."""
        self._is_ended = True
        self._wake()
        if self._filming is not None:
            self._filming.cancel()
            await asyncio.gather(self._filming, return_exceptions=True)

    async def _is_after(self, seen: int, filming: asyncio.Task[None]) -> bool:
        """Whether there is a frame after that one, as soon as there is; False if there will be none."""
        while not (self._is_ended or filming.done()):
            if self._frame and self._number > seen:
                return True
            await self._news.wait()
        return False

    async def _film(self) -> None:
        """Make frames as long as anybody looks."""
        now = asyncio.get_running_loop().time
        try:
            maker = FrameMaker(self._watched, await self._watched.snapshot(), now(), self._changes)
            due = now() + FIRST_INTERVAL
            while True:
                await asyncio.sleep(due - now())
                if not self._queries:
                    return
                await self._take(maker, now)
                # What cannot be had in time comes more rarely, and not one after the other.
                due = max(due, now() - INTERVAL / 2) + INTERVAL
        except Exception:
            log.exception("the live view was ended by a fault of s3edge itself; please report this")
        finally:
            self._frame = ""
            self._messages = {}
            asyncio.get_running_loop().call_soon(self._wake)  # when this task is done, which is what ends the viewers

    async def _take(self, maker: FrameMaker, now: Callable[[], float]) -> None:
        frame = maker.frame(await self._watched.snapshot(), now(), self._wall())
        text = _json(frame).removesuffix("}")
        messages = {query: _message(text, query, await self._watched.flows(query)) for query in tuple(self._queries)}
        self._frame, self._messages = text, messages
        self._number += 1
        self._wake()

    async def _message(self, query: Query) -> bytes:
        """The newest frame for somebody who came after it was made."""
        text = self._frame
        message = _message(text, query, await self._watched.flows(query))
        if text is self._frame:
            self._messages[query] = message
        return message

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _message(text: str, query: Query, found: dict[int, Found]) -> bytes:
    """A frame as a server-sent event of the HTML standard."""
    return f'event: frame\ndata: {text},"flows":{_json(described(query, found))}}}\n\n'.encode()


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


class LivePage:
    """Answers for one live view."""

    def __init__(self, view: LiveView) -> None:
        self._view = view

    async def get(self, request: web.Request) -> web.StreamResponse:
        """Follow the view until it ends or the viewer leaves."""
        query = query_of(request, "flows_")
        if self._view.viewers >= MOST_VIEWERS:
            error = f"{MOST_VIEWERS} viewers look already, as many as may; close one of them and try again"
            return web.json_response({"error": error}, status=503)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)

        async def write(message: bytes) -> None:
            async with asyncio.timeout(WRITE_LIMIT):
                await response.write(message)

        try:
            await self._view.show(query, write)
        except (TimeoutError, ConnectionError):
            # The viewer is gone, or takes nothing; aiohttp closes what is left of the connection.
            response.force_close()
        return response

    async def close(self, app: web.Application) -> None:
        """End all streams."""
        await self._view.end()
