"""A whole data path in memory: clients and nodes reach it, and are reached by it, over a `memory.Network`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from s3edge.config.model import Config
from s3edge.routing.node import Node
from s3edge.server.assembly import Edge
from s3edge.upstream.connection import NodeConnection
from tests.support.memory import Address, Network

if TYPE_CHECKING:
    from s3edge.server.tracing import Tracing

# Where the edge listens in the network.
EDGE: Final[Address] = ("edge", 9000)


@dataclass(frozen=True)
class MemoryConnect:
    """Reaches nodes over a network in memory."""

    network: Network

    async def __call__(self, protocol: Callable[[], NodeConnection], node: Node, address: str) -> NodeConnection:
        """See `s3edge.upstream.pool.Connect`."""
        _, connection = await self.network.connect(protocol, address, node.port)
        return connection


def config_for(*nodes: Address, zones: Sequence[str] = (), tiers: Sequence[int] = (), **sections: Any) -> Config:
    """A configuration of one cluster with these nodes; `zones` and `tiers` are theirs, in order.

    The sections `capacity`, `connections`, `ejection` and `health` are the cluster's, all other `sections` are the
    configuration's.
    """
    urls: list[dict[str, Any]] = [{"url": f"http://{host}:{port}"} for host, port in nodes]
    for name, values in (("zone", zones), ("tier", tiers)):
        for url, value in zip(urls, values, strict=False):
            url[name] = value
    cluster: dict[str, Any] = {"name": "storage", "nodes": urls}
    for name in ("capacity", "connections", "ejection", "health"):
        cluster[name] = sections.pop(name, {})
    return Config.model_validate({"clusters": [cluster], **sections})


@asynccontextmanager
async def running_edge(network: Network, config: Config, tracing: "Tracing | None" = None) -> AsyncIterator[Edge]:
    """The data path of `config`, listening at `EDGE`; at the end of the block it is cut off at once."""
    edge = Edge(config, asyncio.get_running_loop(), Random(0), MemoryConnect(network), tracing=tracing)
    network.listen(EDGE, edge.listener.accept)
    try:
        yield edge
    finally:
        network.refuse(EDGE)
        await edge.drain(0)
