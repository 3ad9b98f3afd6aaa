"""A server that tells what a test makes it tell, in the place of an s3edge's admin server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from s3edge.config.address import Address, NodeUrl, parse_node_url
from s3edge.server.sockets import address_of, listen_alone
from tests.top.made_up import frame_fields


@dataclass
class Admin:
    """Each stream is told all `live` pieces, or all `events`, and then stays open until `breaks`."""

    live: list[bytes] = field(default_factory=lambda: [framed(frame_fields())])
    events: list[dict[str, Any]] = field(default_factory=list)
    token: str = ""
    refusal: web.Response | None = None
    asked: list[str] = field(default_factory=list)
    url: NodeUrl = field(default_factory=lambda: parse_node_url("http://unset"))
    breaks: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        self.asked.append(f"{request.method} {request.rel_url.raw_path_qs}")
        if self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.Response(status=401, headers={"WWW-Authenticate": "Bearer"})
        if self.refusal is not None:
            return self.refusal
        if request.method == "POST":
            return web.json_response({})
        if "text/event-stream" not in request.headers.get("Accept", ""):
            return web.json_response({"missed": 0, "events": self.events})
        if request.path == "/api/v1/live":
            return await self._tell(request, self.live)
        since = int(request.query["since"])
        fresh = [event for event in self.events if event["sequence"] > since]
        return await self._tell(request, [f"data: {json.dumps(event)}\n\n".encode() for event in fresh])

    async def _tell(self, request: web.Request, pieces: list[bytes]) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await self.breaks.wait()
        return response


def framed(fields: dict[str, Any]) -> bytes:
    """A message of a live stream."""
    return f"event: frame\ndata: {json.dumps(fields)}\n\n".encode()


@asynccontextmanager
async def serving(admin: Admin) -> AsyncIterator[Admin]:
    """The server on a port of its own."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", admin.answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    sock = listen_alone(Address("127.0.0.1", 0))
    admin.url = parse_node_url(f"http://{address_of(sock)}")
    await web.SockSite(runner, sock).start()
    try:
        yield admin
    finally:
        admin.breaks.set()
        await runner.cleanup()
