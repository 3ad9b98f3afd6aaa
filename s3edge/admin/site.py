"""The admin server: metrics, health and the API of s3edge itself. It lives in the supervisor, beside the data path."""

import asyncio
import socket
from collections.abc import Iterable
from typing import Protocol

from aiohttp import web

from s3edge.admin.nodes import describe
from s3edge.health.status import NodeStatus
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.metrics import exposition

# Seconds for open admin requests when the server closes; a scrape waits one second at most for workers.
CLOSE_LIMIT = 2.0


class Observed(Protocol):
    """What the admin server shows."""

    def nodes(self) -> Iterable[NodeStatus]:
        """All nodes, in the order of the configuration."""

    async def snapshot(self) -> Snapshot:
        """All counts and levels of this moment."""

    def why_not_ready(self) -> str | None:
        """What keeps clients from being served; None: nothing."""


class AdminSite:
    """Serves the admin paths on one socket, from `start` until `close`."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.get("/api/v1/nodes", self._nodes),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_LIMIT)

    async def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket, which belongs to the site from now on."""
        await self._runner.setup()
        await web.SockSite(self._runner, sock).start()

    async def close(self) -> None:
        """Close the socket and all connections."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(await self._observed.snapshot(), request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _healthy(self, request: web.Request) -> web.Response:
        return web.Response(text="healthy\n")

    async def _ready(self, request: web.Request) -> web.Response:
        reason = self._observed.why_not_ready()
        if reason is None:
            return web.Response(text="ready\n")
        return web.Response(status=503, text=f"not ready: {reason}\n")

    async def _nodes(self, request: web.Request) -> web.Response:
        snapshot = await self._observed.snapshot()
        now = asyncio.get_running_loop().time()
        return web.json_response({"nodes": describe(self._observed.nodes(), snapshot, now)})
