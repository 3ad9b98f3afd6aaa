"""An edge before several storage nodes that misbehave, all in the test's own process, on real sockets and uvloop."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from s3edge.config.model import Config
from s3edge.server.assembly import Edge
from tests.support.client import Client, Response, TruncatedError, dial
from tests.support.faults import Fault
from tests.support.serving import StorageService, serving
from tests.wire.edge import Certificate
from tests.wire.service import LOCAL, limit
from tests.wire.wiring import descriptors, until


def node_context(certificate: Certificate) -> ssl.SSLContext:
    """What a node needs to serve with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


@dataclass(frozen=True)
class Failing:
    """The edge and its nodes; the first node is asked first, as long as it can be used."""

    edge: Edge
    nodes: list[StorageService]
    port: int
    tls: ssl.SSLContext | None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{LOCAL}:{self.port}"

    async def read(
        self, path: str, *headers: bytes, method: bytes = b"GET", body: bytes = b""
    ) -> tuple[Response, bool]:
        """The answer to a request on a connection of its own, and whether it was cut."""
        connect = partial(asyncio.get_running_loop().create_connection, ssl=self.tls)
        framing = (b"Content-Length: %d" % len(body),) if body else ()
        head = b"\r\n".join((b"%b %b HTTP/1.1" % (method, path.encode()), b"Host: s3", *framing, *headers, b"", b""))
        async with dial(connect, LOCAL, self.port, patience=limit(3)) as client:
            await client.send(head + body)
            return await _answer(client, method.decode())

    def count(self, family: str) -> float:
        """The sum of a metric's samples."""
        samples = self.edge.meter.snapshot().get(f"s3edge_{family}", [])
        return sum(value for _, value in samples if not isinstance(value, list))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and no pipe is in use."""
        pipes = self.edge._splicing.pipes
        levels = ("exchanges_inflight", "node_inflight", "connections_open", "retries_inflight", "replay_bytes")
        return not any(self.count(level) for level in levels) and pipes.open == len(pipes._idle)


@asynccontextmanager
async def failing(
    *faults: tuple[Fault, ...],
    at_front: Certificate | None = None,
    at_back: Certificate | None = None,
    **sections: Any,
) -> AsyncIterator[Failing]:
    """One node for each of `faults`, with these at first; the first in a tier of its own.

    `at_front` is the certificate that clients see, `at_back` that of the nodes. At the end nothing may be under way,
    and no descriptor more may be open than before.
    """
    before = descriptors()
    loop = asyncio.get_running_loop()
    context = None if at_back is None else node_context(at_back)
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(serving(*each, tls=context)) for each in faults]
        scheme = "https" if at_back else "http"
        urls = [{"url": f"{scheme}://{LOCAL}:{node.port}", "tier": min(number, 1)} for number, node in enumerate(nodes)]
        cluster = {"name": "c", "nodes": urls, "tls": {"ca": str(at_back.ca)} if at_back else {}}
        cluster |= {name: sections.pop(name) for name in ("connections", "ejection") if name in sections}
        tls = {"tls": {"certificate": str(at_front.chain), "key": str(at_front.key)}} if at_front else {}
        edge = Edge(Config.model_validate({"listen": tls, "clusters": [cluster], **sections}), loop, random.Random(0))
        listener = socket.create_server((LOCAL, 0))
        await edge.serve(listener)
        client_tls = ssl.create_default_context(cafile=at_front.ca) if at_front else None
        wire = Failing(edge, nodes, listener.getsockname()[1], client_tls)
        try:
            yield wire
            await until(lambda: wire.is_idle)
        finally:
            await edge.drain(0)
            listener.close()
    await until(lambda: descriptors() <= before)


async def _answer(client: Client, method: str) -> tuple[Response, bool]:
    try:
        return await client.read_response(method), False
    except TruncatedError as error:
        return error.response, True
