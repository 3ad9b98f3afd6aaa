"""The stage of the scenarios: storage nodes, the edge before them and clients, all in memory and in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from s3edge.server.assembly import Edge
from s3edge.telemetry.families import FAMILIES
from s3edge.transport.transfer import LOOKS
from s3edge.transport.wheel import FINE_TICK, TICK
from tests.support.client import Client, dial
from tests.support.edge import EDGE, config_for, running_edge
from tests.support.memory import Address, Link, Network
from tests.support.node import Node, Script
from tests.support.storage import Storage

if TYPE_CHECKING:
    from s3edge.server.tracing import Tracing

GET = b"GET /bucket/key HTTP/1.1\r\nHost: s3\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
# What the edge adds to each request, and the end of the head that every node therefore gets.
FORWARDED = b"X-Forwarded-For: 192.0.2.1\r\n\r\n"


def put(body: bytes, *headers: bytes) -> bytes:
    """A PUT with these extra header lines, which need no line end."""
    return put_head(len(body), *headers) + body


def put_head(length: int, *headers: bytes) -> bytes:
    """The head of a PUT that announces a body of `length` bytes."""
    lines = (b"PUT /bucket/key HTTP/1.1", b"Host: s3", b"Content-Length: %d" % length, *headers, b"", b"")
    return b"\r\n".join(lines)


def now() -> float:
    """Seconds since the scenario began."""
    return asyncio.get_running_loop().time()


def fires(seconds: float) -> float:
    """The instant at which a time limit of the edge that ends at `seconds` is noticed."""
    return (int(seconds / TICK) + 1) * TICK


def look(number: int, limit: float, since: float = 0.0, tick: float = FINE_TICK) -> float:
    """The instant of the `number`-th look at a body that is on its way since then and may stand still for `limit`.

    Bodies of nodes are looked at by the fine clock, those of clients by the coarse one.
    """
    for _ in range(number):
        since = (int((since + limit / LOOKS) / tick) + 1) * tick
    return since


async def turns(count: int = 50) -> None:
    """Let the loop turn so often that all that can happen without time passing has happened."""
    for _ in range(count):
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Scene:
    """What a scenario looks at. The nodes are called `node-0:9000`, `node-1:9000` ..., and listen there.

    `nodes` are those that play scripts, `storages` those that are storage nodes.
    """

    network: Network
    edge: Edge
    nodes: Sequence[Node]
    storages: Sequence[Storage]

    def dial(self) -> AbstractAsyncContextManager[Client]:
        """A client of the edge, whose connection is reset at the end of the block."""
        return dial(self.network.connect, *EDGE)

    @property
    def node(self) -> Node:
        """The first node."""
        return self.nodes[0]

    @property
    def idle(self) -> int:
        """How many connections to nodes wait for a request."""
        return sum(standing.pool.idle for standing in self.edge.standings.values())

    @property
    def inflight(self) -> int:
        """How many attempts are under way."""
        return sum(node.inflight for node in self.edge.nodes.values())

    def count(self, family: str) -> dict[tuple[str, ...], int]:
        """The samples of a metric family, by their labels."""
        name = f"s3edge_{family}"
        assert name in FAMILIES
        samples = self.edge.meter.snapshot().get(name, [])
        return {tuple(labels): int(value) for labels, value in samples if not isinstance(value, list)}

    @property
    def attempts(self) -> dict[tuple[str, str], int]:
        """How often attempts at each node, by its number, ended in which way."""
        return {(node[5:6], outcome): count for (node, outcome), count in self.count("attempts_total").items()}

    def told(self) -> list[str]:
        """The events since the last call, in words."""
        return [entry.text for entry in self.edge.journal.take()]

    @property
    def outcomes(self) -> dict[tuple[str, ...], int]:
        """How often each operation, status and outcome was counted."""
        return self.count("exchanges_total")

    async def ask(self, request: bytes = GET) -> tuple[int, bytes]:
        """Status and body of the answer to a request on a connection of its own."""
        async with self.dial() as client:
            await client.send(request)
            response = await client.read_response(request.partition(b" ")[0].decode())
            return response.status, response.body

    def takes_nothing(self) -> bool:
        """Whether nobody takes anything of a limit or of a capacity, or waits for that."""
        edge = self.edge
        is_full = any(any(standing.busy) for standing in edge.standings.values())
        is_limiting = any(limiter.inflight or len(limiter.waiting) for _, limiter in edge.admission.limiters())
        waiting = edge.admission.waiting + sum(self.count("queued").values()) + len(edge._pacer._waiting)
        return not (is_full or is_limiting or waiting)

    async def rests(self) -> None:
        """Fail unless, without time passing, nothing is under way any more."""
        await turns()
        assert self.inflight == 0
        assert self.takes_nothing()
        assert self.count("exchanges_inflight") == {(): 0}
        sessions = [task for task in asyncio.all_tasks() if task.get_name() == "session"]
        assert len(sessions) == self.count("connections_open")[()]


def in_turn(**sections: Any) -> list[dict[str, Any]]:
    """Policies by which nodes are asked in their order, so that a scenario knows which is next; with these sections."""
    return [{"policy": "in-turn", "balance": "round_robin", **sections}]


@asynccontextmanager
async def scene(
    *nodes: Node | Script | Storage, link: Link | None = None, tracing: "Tracing | None" = None, **sections: Any
) -> AsyncIterator[Scene]:
    """An edge before these nodes or one-script nodes; `sections` as for `config_for`. Nothing is traced by default.

    At the end nothing may be under way, and once the edge is closed no connection may be open.
    """
    network = Network(link)
    staged: list[Node | Storage] = [node if isinstance(node, Node | Storage) else Node(node) for node in nodes]
    addresses: list[Address] = [(f"node-{number}", 9000) for number in range(len(staged))]
    async with AsyncExitStack() as stack:
        for address, node in zip(addresses, staged, strict=True):
            await stack.enter_async_context(node)
            network.listen(address, node.accept)
        edge = await stack.enter_async_context(running_edge(network, config_for(*addresses, **sections), tracing))
        scripted = [node for node in staged if isinstance(node, Node)]
        storages = [node for node in staged if isinstance(node, Storage)]
        the_scene = Scene(network, edge, scripted, storages)
        yield the_scene
        await the_scene.rests()
    await turns()
    assert network.open_connections == 0
    assert all(limiter.connections == 0 for _, limiter in edge.admission.limiters())
