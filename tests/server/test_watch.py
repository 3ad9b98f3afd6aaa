"""What workers are told of nodes; the probes themselves connect to real sockets on loopback."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from s3edge.config.model import Cluster
from s3edge.errors import StartError
from s3edge.health.thresholds import NodeState
from s3edge.server.figures import node_figures
from s3edge.server.messages import Fact, NodeResolved, NodeTurned
from s3edge.server.watch import NodeWatch

LIMIT = 20.0


def cluster(name: str, *nodes: str, **options: object) -> Cluster:
    """A cluster whose nodes are probed by connecting."""
    health = {"preset": "tcp", "interval": "20ms", "timeout": "5s", "rise": 1, "fall": 2}
    return Cluster.model_validate({"name": name, "nodes": list(nodes), "health": health, **options})


class Watched:
    """A watch and the facts that it told, in order."""

    def __init__(self, *clusters: Cluster) -> None:
        self.facts: list[Fact] = []
        self.watch = NodeWatch(clusters, self._tell, random.Random(1))
        self._told = asyncio.Event()

    def _tell(self, fact: Fact) -> None:
        self.facts.append(fact)
        self._told.set()

    async def told(self, fact: Fact) -> None:
        """Return when this fact was told."""
        while fact not in self.facts:
            self._told.clear()
            await self._told.wait()


@asynccontextmanager
async def watching(*clusters: Cluster) -> AsyncIterator[Watched]:
    """A watch that has begun."""
    watched = Watched(*clusters)
    try:
        await watched.watch.start()
        yield watched
    finally:
        await watched.watch.close()


@asynccontextmanager
async def listening(port: int = 0) -> AsyncIterator[int]:
    """A port on which a node accepts connections."""
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port)
    async with server:
        yield server.sockets[0].getsockname()[1]


def run(scenario: Callable[[], Coroutine[None, None, None]]) -> None:
    """With a limit."""

    async def bounded() -> None:
        async with asyncio.timeout(LIMIT):
            await scenario()

    asyncio.run(bounded())


def test_a_node_is_told_with_its_address_and_then_with_its_state() -> None:
    async def scenario() -> None:
        async with listening() as port, watching(cluster("c", f"http://127.0.0.1:{port}")) as watched:
            name = f"127.0.0.1:{port}"
            assert watched.facts == [NodeResolved(node=name, addresses=("127.0.0.1",))]
            assert [node.state for node in watched.watch.nodes.values()] == [NodeState.UNKNOWN]
            await watched.told(NodeTurned(node=name, is_up=True))
            assert watched.watch.is_any_up
            assert watched.watch.facts == tuple(watched.facts)

    run(scenario)


def test_a_node_that_goes_is_told_once_and_again_when_it_is_back() -> None:
    async def scenario() -> None:
        async with listening() as port:
            running = watching(cluster("c", f"http://127.0.0.1:{port}"))
            watched = await running.__aenter__()
            name = f"127.0.0.1:{port}"
            await watched.told(NodeTurned(node=name, is_up=True))
        await watched.told(NodeTurned(node=name, is_up=False))
        watched.facts.clear()
        async with listening(port):
            await watched.told(NodeTurned(node=name, is_up=True))
            assert watched.facts == [NodeTurned(node=name, is_up=True)]
        await running.__aexit__(None, None, None)

    run(scenario)


def test_nodes_that_share_a_host_get_its_addresses_each() -> None:
    async def scenario() -> None:
        clusters = cluster("a", "http://127.0.0.1:9"), cluster("b", "http://127.0.0.1:19")
        async with watching(*clusters) as watched:
            assert watched.facts[:2] == [
                NodeResolved(node="127.0.0.1:9", addresses=("127.0.0.1",)),
                NodeResolved(node="127.0.0.1:19", addresses=("127.0.0.1",)),
            ]

    run(scenario)


def test_each_node_has_exactly_one_state_in_the_metrics() -> None:
    async def scenario() -> None:
        async with watching(cluster("c", "http://127.0.0.1:9", "http://127.0.0.1:19")) as watched:
            await watched.told(NodeTurned(node="127.0.0.1:9", is_up=False))
            samples = node_figures(watched.watch.nodes.values())["s3edge_node_state"]
            states = [labels[2] for labels, value in samples if labels[1] == "127.0.0.1:9" and value == 1]
            assert states == [NodeState.DOWN]

    run(scenario)


def test_a_ca_file_that_cannot_be_read_ends_the_start(tmp_path: Path) -> None:
    async def scenario() -> None:
        with pytest.raises(StartError, match="cannot read the CA file"):
            Watched(cluster("c", "https://127.0.0.1:9", tls={"ca": str(tmp_path / "no.pem")}))

    run(scenario)


def test_a_ca_file_is_not_asked_for_where_no_node_speaks_tls(tmp_path: Path) -> None:
    async def scenario() -> None:
        Watched(cluster("c", "http://127.0.0.1:9", tls={"ca": str(tmp_path / "no.pem")}))

    run(scenario)
