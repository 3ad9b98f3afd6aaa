"""An edge and a node in the test's own process, on real sockets and uvloop, and what both leave behind."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from s3edge.config.model import Config
from s3edge.server.assembly import Edge
from tests.support.client import Client, dial
from tests.support.node import Node, Script
from tests.wire.edge import Certificate
from tests.wire.service import LOCAL, NodeSocket, limit

MIB = 1 << 20
GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
# More than any buffer on the way holds.
BODY = random.Random(0).randbytes(64 * MIB)


def put_head(length: int) -> bytes:
    return b"PUT /bucket/key HTTP/1.1\r\nHost: s3\r\nContent-Length: %d\r\n\r\n" % length


@dataclass(frozen=True)
class Wire:
    """An edge and a node in this process, on real sockets."""

    edge: Edge
    node: Node
    port: int
    tls: ssl.SSLContext | None

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[Client]:
        connect = partial(asyncio.get_running_loop().create_connection, ssl=self.tls)
        async with dial(connect, LOCAL, self.port, patience=limit(3)) as client:
            yield client

    async def ask(self) -> tuple[int, bytes]:
        async with self.dial() as client:
            await client.send(GET)
            response = await client.read_response()
            return response.status, response.body

    @property
    def levels(self) -> tuple[float, ...]:
        """What is under way: exchanges, attempts, clients, idle connections to the node, pipes in use."""
        snapshot = self.edge.meter.snapshot()
        names = ("exchanges_inflight", "node_inflight", "connections_open", "node_connections_idle")
        pipes = self.edge._splicing.pipes
        return (*(snapshot[f"s3edge_{name}"][0][1] for name in names), pipes.open - len(pipes._idle))  # type: ignore[arg-type]  # gauges are numbers


async def until(is_so: Callable[[], bool]) -> None:
    """Return when it is so; a test that waits too long shows where."""
    async with asyncio.timeout(limit(1)):
        while not is_so():  # noqa: ASYNC110  # counters and descriptors tell nobody when they change
            await asyncio.sleep(0.005)


def descriptors() -> int:
    """How many sockets, pipes and the like this process has open; the file that libuv keeps in reserve is none."""
    links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return sum(not link.readlink().is_absolute() for link in links)


@asynccontextmanager
async def wired(
    *scripts: Script,
    certificate: Certificate | None = None,
    node_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
    listen: dict[str, Any] | None = None,
    **cluster: Any,
) -> AsyncIterator[Wire]:
    """An edge before a node; `certificate` is what it shows to clients, `node_tls` what the node serves with.

    At the end nothing may be under way, and no descriptor more may be open than before.
    """
    before = descriptors()
    loop = asyncio.get_running_loop()
    sock = NodeSocket()
    listener = socket.create_server((LOCAL, 0))
    scheme = "https" if node_tls else "http"
    listen = dict(listen or {})
    if certificate:
        listen["tls"] = {"certificate": str(certificate.chain), "key": str(certificate.key)}
    config = {"name": "c", "nodes": [f"{scheme}://localhost:{sock.port}"], **cluster}
    edge = Edge(Config.model_validate({"listen": listen, "clusters": [config]}), loop, random.Random(0))
    edge.set_node_addresses(f"localhost:{sock.port}", [LOCAL])
    async with sock.played_by(Node(*scripts, patience=limit(3)), node_tls) as node:
        await edge.serve(listener)
        if certificate and client_tls is None:
            client_tls = ssl.create_default_context(cafile=certificate.ca)
        wire = Wire(edge, node, listener.getsockname()[1], client_tls)
        try:
            yield wire
            await until(lambda: wire.levels[:3] == (0, 0, 0) and wire.levels[4] == 0)
        finally:
            await edge.drain(0)
            listener.close()
            sock.close()
    await until(lambda: descriptors() <= before)


def run(main: Callable[[], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await main()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loop = runner.get_loop()
        failures: list[str] = []
        loop.set_exception_handler(lambda _, context: failures.append(str(context)))
        runner.run(scenario())
        assert failures == [], failures
