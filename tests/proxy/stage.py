"""A client's connection as the edge holds it, and its other end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from s3edge.proxy.client import ClientConnection
from s3edge.transport.connection import Surroundings
from s3edge.transport.inbox import Inbox
from s3edge.transport.wheel import Wheel
from tests.support.client import Client, dial
from tests.support.memory import Link, Network

ADDRESS = ("edge", 9000)


@asynccontextmanager
async def connected(link: Link | None = None, head_limit: int = 8192) -> AsyncIterator[tuple[ClientConnection, Client]]:
    """The edge's end, with 10 s for a head, and the client's."""
    wheel = Wheel(asyncio.get_running_loop())
    ends: list[ClientConnection] = []

    def accept() -> ClientConnection:
        ends.append(ClientConnection(Surroundings(asyncio.get_running_loop(), wheel, wheel, Inbox()), head_limit, 10.0))
        return ends[0]

    network = Network(link)
    network.listen(ADDRESS, accept)
    async with dial(network.connect, *ADDRESS) as client:
        await asyncio.sleep(0)
        yield ends[0], client
    await asyncio.sleep(0)
    wheel.close()
