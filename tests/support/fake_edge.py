"""An s3edge that is made up: the admin server that the dashboard talks to, with frames and decisions as a test likes.

It serves the page as the real one does, and answers `/api/v1` in the same form, but nothing is behind it. What the page
asked for and changed is kept. Time is told: each frame is one second after the one before, however soon it comes.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from aiohttp import web

from s3edge.admin.answers import secure
from s3edge.admin.origin import is_own_page
from s3edge.admin.page import Dashboard

Json = dict[str, Any]

START = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
# Seconds between two frames: a tenth of what is real, and long against what a browser takes for one.
PERIOD = 0.1


def iso(instant: datetime) -> str:
    """An instant as the API writes it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def node(name: str, **changes: Any) -> Json:
    """A node that is up, but for the changes."""
    plain = {
        "name": name,
        "url": f"http://{name}",
        "cluster": "minio",
        "zone": None,
        "tier": 0,
        "weight": 1,
        "share": 1.0,
        "state": "up",
        "state_seconds": 11_000.0,
        "reason": "answered 200",
        "last_probe": "good: answered 200",
        "last_deep_probe": None,
        "addresses": ["10.0.0.1"],
        "inflight": 12,
        "attempts": 48_000,
        "ejected_by_workers": 0,
        "throttled_to": None,
        "requests_per_second": 410.0,
        "first_byte": {"p50": 0.0031, "p99": 0.0412},
        "limit": 48,
    }
    return {**plain, **changes}


def tenant(name: str, **changes: Any) -> Json:
    """A tenant that is within its limits, but for the changes."""
    plain = {
        "name": name,
        "requests_per_second": 120.0,
        "sent_per_second": 210e6,
        "received_per_second": 0.0,
        "inflight": 20,
        "waiting": 0,
        "waiting_per_second": 0.0,
        "stalled": 0.0,
        "shed_per_second": 0.0,
        "failed_per_second": 0.0,
        "limits": [],
        "guard": None,
    }
    return {**plain, **changes}


def guarded(state: str, rate: float | None = None, reason: str = "") -> Json:
    """What the guard knows of a source that does ten requests per second."""
    seen = {"requests": 10.0, "bandwidth": 0.0, "errors": 0.0, "lists": 0.0, "connections": 0.1, "repeats": 0.0}
    return {
        "state": state,
        "state_seconds": 42.0,
        "step": 0,
        "requests_per_second": rate,
        "sent_per_second": None,
        "reason": reason,
        "present": seen,
        "usual": seen,
        "is_new": False,
    }


def flow(number: int, **changes: Any) -> Json:
    """A body that is under way to its client, but for the changes."""
    plain = {
        "id": f"0-{number}",
        "worker": 0,
        "tenant": "training",
        "client": "10.8.1.7",
        "operation": "GetObject",
        "class": "read",
        "bucket": "datasets",
        "key": f"train/{number:05}.tar",
        "node": "minio1:9000",
        "state": "sending",
        "sent": 12 * 2**20,
        "received": 0,
        "size": 64 * 2**20,
        "rate": 53e6,
        "age": 3.2,
        "resumes": 0,
    }
    return {**plain, **changes}


TOTALS: Json = {
    "requests_per_second": 1240.0,
    "sent_per_second": 1.3e9,
    "received_per_second": 42e6,
    "failed_per_second": 0.0,
    "shed_per_second": 0.0,
    "inflight": 96,
    "waiting": 0,
    "connections": 210,
    "first_byte": {"p50": 0.0031, "p99": 0.0412},
    "stalled": 0.4,
    "hedges_per_second": 0.0,
    "retries_per_second": 0.0,
    "resumes_per_second": 0.0,
}
EDGE: Json = {
    "version": "0.1.0",
    "not_ready": None,
    "workers": 4,
    "workers_ready": 4,
    "loop_lag": 0.0021,
    "changes": "allowed",
}


@dataclass
class World:
    """What the fake tells; a test changes it, and the next frame has it. `before_frame` may do so for each frame."""

    edge: Json = field(default_factory=lambda: dict(EDGE))
    totals: Json = field(default_factory=lambda: dict(TOTALS))
    nodes: list[Json] = field(default_factory=lambda: [node(f"minio{number}:9000") for number in range(1, 4)])
    tenants: list[Json] = field(default_factory=lambda: [tenant("training"), tenant("rag")])
    sources: list[Json] = field(default_factory=list)
    flows: list[Json] = field(default_factory=lambda: [flow(number) for number in range(3)])
    before_frame: Callable[[], None] = lambda: None


class FakeEdge:
    """`token` is what changes need, and reading, too, if `is_all_protected`; None: changes need nothing."""

    def __init__(self, *, token: str | None = None, is_all_protected: bool = False, period: float = PERIOD) -> None:
        self.world = World()
        self.now = START
        self.period = period
        # What was asked for: the queries of the stream of frames, the changes with their bodies, and their answers.
        self.queries: list[dict[str, str]] = []
        self.changes: list[tuple[str, Json]] = []
        self.refusal: tuple[int, str] | None = None
        self.viewers = 0
        self.is_dead = False
        self._token = token
        self._is_all_protected = is_all_protected
        self._decisions: list[Json] = []
        self._news = asyncio.Condition()
        self._ends: set[asyncio.Task[Any]] = set()
        if token is not None:
            self.world.edge["changes"] = "token"

    async def decide(
        self, event: str, text: str, *, level: str = "info", about: str | None = None, **more: str
    ) -> None:
        """Tell a decision, about a node if `about` says one."""
        sequence = len(self._decisions) + 1
        told = {"sequence": sequence, "time": iso(self.now), "worker": 0, "event": event, "level": level}
        self._decisions.append({**told, "node": about, "text": text, **more})
        async with self._news:
            self._news.notify_all()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so; it is looked at when a viewer comes or goes, and with each decision."""
        async with self._news:
            await self._news.wait_for(is_so)

    def hang_up(self) -> None:
        """End all streams that are open, as the end of the process does."""
        for stream in self._ends:
            stream.cancel()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve; gives the URL of the page."""
        app = web.Application(middlewares=[self._check])
        app.on_response_prepare.append(secure)
        app.add_routes(
            [
                *Dashboard().routes(),
                web.get("/api/v1/live", self._live),
                web.get("/api/v1/events", self._events),
                web.post("/api/v1/{kind}/{name}/{change}", self._change),
            ]
        )
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            host, port = runner.addresses[0][:2]
            yield f"http://{host}:{port}/"
        finally:
            self.hang_up()
            await runner.cleanup()

    @web.middleware
    async def _check(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if self.is_dead:
            assert request.transport is not None
            request.transport.abort()
            raise web.HTTPServiceUnavailable
        if request.method == "POST" and not is_own_page(request.headers.get("Origin", ""), request.host):
            raise web.HTTPForbidden
        is_guarded = request.method == "POST" or (self._is_all_protected and request.path.startswith("/api"))
        if is_guarded and self._token is not None and request.headers.get("Authorization") != f"Bearer {self._token}":
            raise web.HTTPUnauthorized(
                text=json.dumps({"error": "the token is missing or wrong"}),
                content_type="application/json",
                headers={"WWW-Authenticate": "Bearer"},
            )
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _live(self, request: web.Request) -> web.StreamResponse:
        self.queries.append(dict(request.query))

        async def frames(response: web.StreamResponse) -> None:
            while True:
                frame = json.dumps(self._frame(request.query))
                await response.write(f"event: frame\ndata: {frame}\n\n".encode())
                await asyncio.sleep(self.period)

        await self._count_viewers(+1)
        try:
            return await self._stream(request, frames)
        finally:
            await self._count_viewers(-1)

    async def _count_viewers(self, change: int) -> None:
        self.viewers += change
        async with self._news:
            self._news.notify_all()

    def _frame(self, query: Any) -> Json:
        self.now += timedelta(seconds=1)
        self.world.before_frame()
        world = self.world
        return {
            "time": iso(self.now),
            "interval": 1.0,
            "edge": world.edge,
            "totals": world.totals,
            "nodes": world.nodes,
            "tenants": world.tenants[:100],
            "tenants_total": len(world.tenants),
            "sources": world.sources,
            "flows": chosen(world.flows, query["flows_sort"], query["flows_filter"], int(query["flows_limit"])),
        }

    async def _events(self, request: web.Request) -> web.StreamResponse:
        async def decisions(response: web.StreamResponse) -> None:
            for seen in count(int(request.headers.get("Last-Event-ID", 0))):
                async with self._news:
                    while len(self._decisions) <= seen:
                        await self._news.wait()
                told = self._decisions[seen]
                await response.write(f"id: {told['sequence']}\ndata: {json.dumps(told)}\n\n".encode())

        return await self._stream(request, decisions)

    async def _stream(self, request: web.Request, write: Any) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        await response.write(b":\n\n")
        writing = asyncio.create_task(write(response), name="fake stream")
        self._ends.add(writing)
        try:
            await writing
        except (ConnectionError, asyncio.CancelledError):
            response.force_close()
        finally:
            writing.cancel()
            self._ends.discard(writing)
        return response

    async def _change(self, request: web.Request) -> web.Response:
        kind, name, change = (request.match_info[part] for part in ("kind", "name", "change"))
        self.changes.append((f"{kind}/{name}/{change}", json.loads(await request.read() or b"{}")))
        if self.refusal is not None:
            status, error = self.refusal
            return web.json_response({"error": error}, status=status)
        for known in self.world.nodes:
            if kind == "nodes" and known["name"] == name:
                known["state"] = {"drain": "drained", "undrain": "up"}[change]
        return web.json_response({"name": name})


def chosen(flows: list[Json], sort: str, text: str, limit: int) -> Json:
    """The flows that match, sorted, at most so many: what `/api/v1/flows` answers."""
    parts = ("tenant", "client", "operation", "bucket", "key", "node", "state")
    matching = (
        [one for one in flows if text.lower() in "/".join(str(one[part] or "").lower() for part in parts)]
        if text
        else flows
    )
    column = sort.removeprefix("-")
    in_order = sorted(matching, key=lambda one: one[column] or 0, reverse=sort.startswith("-"))
    return {"total": len(flows), "matching": len(matching), "flows": in_order[:limit]}
