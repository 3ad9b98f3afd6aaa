"""A storage node in memory and one client of it, for the tests of the node itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.support.client import Client, Response, dial
from tests.support.faults import Fault
from tests.support.memory import Address, Network
from tests.support.storage import Storage

ADDRESS: Address = ("node", 9000)


def request(path: str, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    """A request with these extra header lines, which need no line end."""
    framing = (b"Content-Length: %d" % len(body),) if body or method in (b"PUT", b"POST") else ()
    return b"\r\n".join((b"%s %s HTTP/1.1" % (method, path.encode()), b"Host: s3", *framing, *headers, b"", body))


def now() -> float:
    """Seconds since the scenario began."""
    return asyncio.get_running_loop().time()


@dataclass(frozen=True)
class Stage:
    """The node, and a client that is connected to it."""

    network: Network
    storage: Storage
    client: Client

    async def ask(self, path: str, *headers: bytes, method: bytes = b"GET", body: bytes = b"") -> Response:
        """The answer to a request, on the one connection."""
        await self.client.send(request(path, *headers, method=method, body=body))
        return await self.client.read_response(method.decode())


@asynccontextmanager
async def stage(*faults: Fault, is_versioned: bool = False) -> AsyncIterator[Stage]:
    """A node with these faults at first. At the end no connection may be open."""
    network = Network()
    async with Storage(*faults, is_versioned=is_versioned) as storage:
        network.listen(ADDRESS, storage.accept)
        async with dial(network.connect, *ADDRESS) as client:
            yield Stage(network, storage, client)
    assert network.open_connections == 0
