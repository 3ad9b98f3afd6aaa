"""The admin server: metrics, health and the API of s3edge itself. It lives in the supervisor, beside the data path."""

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import Any, Protocol

from aiohttp import web

from s3edge.admin.access import Access
from s3edge.admin.answers import refuse_in_json, secure
from s3edge.admin.door import BOUNDS, LARGEST_BODY, Door
from s3edge.admin.drains import Drains
from s3edge.admin.events import EventPage
from s3edge.admin.flows import FlowsPage
from s3edge.admin.live import LivePage, LiveView
from s3edge.admin.nodes import describe
from s3edge.admin.page import Dashboard
from s3edge.admin.pins import Pins
from s3edge.admin.tenants import Sources, describe_clients, describe_tenants, tenant_names
from s3edge.config.model import Config
from s3edge.health.status import NodeStatus
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.metrics import exposition
from s3edge.telemetry.stream import EventStream

# Seconds for open admin requests when the server closes; a scrape waits one second at most for workers.
CLOSE_LIMIT = 2.0


class Observed(Protocol):
    """What the admin server shows, and what it may change."""

    @property
    def events(self) -> EventStream:
        """What was decided, in all processes."""

    @property
    def config(self) -> Config:
        """The configuration in force."""

    @property
    def sources(self) -> Sources:
        """What the runaway guard knows."""

    def nodes(self) -> Iterable[NodeStatus]:
        """All nodes, in the order of the configuration."""

    async def snapshot(self) -> Snapshot:
        """All counts and levels of this moment."""

    async def flows(self, query: Query) -> dict[int, Found]:
        """The requests under way that are asked for, by the numbers of the workers that say so in time."""

    def configuration(self) -> dict[str, Any]:
        """The configuration in force, and what became of the last one that was read, as JSON."""

    def why_not_ready(self) -> str | None:
        """What keeps clients from being served; None: nothing."""

    def set_drained(self, name: str, is_drained: bool) -> NodeStatus | None:
        """Drain a node, or end that; None if no node has this name."""


class AdminSite:
    """Serves the admin paths on one socket, from `start` until `close`. `access` knows whether changes can be made."""

    def __init__(self, observed: Observed) -> None:
        self._observed = observed
        events = EventPage(observed.events)
        drains = Drains(observed.set_drained, lambda: [node.name for node in observed.nodes()], self._described)
        pins = Pins(observed.sources, lambda: tenant_names(observed.config))
        self._door = Door()
        self.access = Access(lambda: observed.config.admin)
        wall = time.time  # noqa: TID251 - people read these times; nothing is decided by them
        live = LivePage(LiveView(observed, wall, lambda: self.access.changes))
        middlewares = [self._door.attend, refuse_in_json, self.access.check]
        app = web.Application(middlewares=middlewares, client_max_size=LARGEST_BODY)
        app.add_routes(
            [
                *Dashboard().routes(),
                web.get("/metrics", self._metrics),
                web.get("/-/healthy", self._healthy),
                web.get("/-/ready", self._ready),
                web.get("/api/v1/nodes", self._nodes),
                web.post("/api/v1/nodes/{name}/drain", drains.drain),
                web.post("/api/v1/nodes/{name}/undrain", drains.undrain),
                web.get("/api/v1/config", self._config),
                web.get("/api/v1/tenants", self._tenants),
                web.post("/api/v1/tenants/{name}/pin", pins.pin_tenant),
                web.post("/api/v1/tenants/{name}/release", pins.release_tenant),
                web.get("/api/v1/clients", self._clients),
                web.post("/api/v1/clients/{address}/pin", pins.pin_client),
                web.post("/api/v1/clients/{address}/release", pins.release_client),
                web.get("/api/v1/events", events.get, allow_head=False),
                web.get("/api/v1/flows", FlowsPage(observed.flows).get),
                web.get("/api/v1/live", live.get, allow_head=False),
            ]
        )
        app.on_response_prepare.append(secure)
        app.on_shutdown.append(events.close)
        app.on_shutdown.append(live.close)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=CLOSE_LIMIT, **BOUNDS)
        self._server: asyncio.Server | None = None

    async def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket, which belongs to the site from now on."""
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        self._server = await asyncio.get_running_loop().create_server(self._door.of(server), sock=sock)

    async def close(self) -> None:
        """Close the socket and all connections."""
        if self._server is not None:
            self._server.close()
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
        return web.json_response({"nodes": await self._described(self._observed.nodes())})

    async def _tenants(self, request: web.Request) -> web.Response:
        observed, snapshot = self._observed, await self._observed.snapshot()
        tenants = describe_tenants(observed.config, snapshot, observed.sources, asyncio.get_running_loop().time())
        return web.json_response({"tenants": tenants})

    async def _clients(self, request: web.Request) -> web.Response:
        return web.json_response(describe_clients(self._observed.sources, asyncio.get_running_loop().time()))

    async def _config(self, request: web.Request) -> web.Response:
        return web.json_response(self._observed.configuration())

    async def _described(self, nodes: Iterable[NodeStatus]) -> list[dict[str, Any]]:
        snapshot = await self._observed.snapshot()
        return describe(nodes, snapshot, asyncio.get_running_loop().time())
