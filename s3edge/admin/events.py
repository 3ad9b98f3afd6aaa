"""The events as `/api/v1/events` shows them: a list, or a stream of server-sent events that goes on."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from s3edge.telemetry.stream import Batch, EventStream, Told

# Seconds. A quiet stream says that it lives before proxies, which often close after 30 s or 60 s, think otherwise.
KEEP_ALIVE = 15.0
# Seconds. A viewer that takes nothing for this long is gone.
WRITE_LIMIT = 60.0


class EventPage:
    """Answers for one stream of events."""

    def __init__(self, stream: EventStream) -> None:
        self._stream = stream

    async def get(self, request: web.Request) -> web.StreamResponse:
        """The kept events, or those after `since`, as JSON; a stream of them for those who accept one."""
        is_stream = "text/event-stream" in request.headers.get("Accept", "")
        since = _since(request, is_stream=is_stream)
        if is_stream:
            return await self._follow(request, since)
        batch = self._stream.since(since)
        return web.json_response({"missed": batch.missed, "events": [described(told) for told in batch.events]})

    async def close(self, app: web.Application) -> None:
        """End all streams."""
        self._stream.end()

    async def _follow(self, request: web.Request, since: int | None) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        try:
            while not self._stream.is_ended:
                batch = await self._stream.next_after(since, KEEP_ALIVE)
                since = batch.last
                async with asyncio.timeout(WRITE_LIMIT):
                    await response.write(server_sent(batch))
        except (TimeoutError, ConnectionError):
            # The viewer is gone, which is its right; aiohttp closes what is left of the connection.
            response.force_close()
        return response


def described(told: Told) -> dict[str, Any]:
    """One event as JSON: its subject's fields only where it has one; `worker` is null for the supervisor."""
    entry = told.entry
    shown = {
        "sequence": told.sequence,
        "time": utc(told.time),
        "worker": told.worker,
        "event": entry.event,
        "level": entry.level,
        "node": entry.node or None,
        "text": entry.text,
    }
    if entry.subject is not None:
        shown |= {"operation": entry.subject.operation, "bucket": entry.subject.bucket, "key": entry.subject.key}
    return shown


def utc(seconds: float) -> str:
    """An instant, in seconds since 1970, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def server_sent(batch: Batch) -> bytes:
    """The batch as the HTML standard's server-sent events: one message per event, one of type `missed` before them.

    A batch without events is a comment, which keeps the connection alive.
    """
    missed = f'event: missed\ndata: {{"missed": {batch.missed}}}\n\n' if batch.missed else ""
    events = "".join(f"id: {told.sequence}\ndata: {json.dumps(described(told))}\n\n" for told in batch.events)
    return (missed + events or ":\n\n").encode()


def _since(request: web.Request, *, is_stream: bool) -> int | None:
    """The number that is asked for; a browser that reconnects to a stream says the last one it saw.

    Raises HTTPBadRequest.
    """
    value = request.headers.get("Last-Event-ID") if is_stream else None
    value = request.query.get("since") if value is None else value
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= 18):
        raise web.HTTPBadRequest(text=f"since: {value[:80]!r} is not the sequence number of an event\n")
    return int(value)
