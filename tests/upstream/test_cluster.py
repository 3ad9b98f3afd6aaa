"""A cluster puts pools and balancers together."""

import asyncio
from random import Random

import pytest

from s3edge.config.model import Connections
from s3edge.config.policy import Balance
from s3edge.routing.node import Node
from s3edge.telemetry.meter import Meter
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.pool import Pool
from tests.support.edge import MemoryConnect
from tests.support.memory import Network
from tests.support.peer import Peer
from tests.support.virtual_time import run
from tests.transport.ends import surroundings


def cluster(*names: str, network: Network | None = None) -> Cluster:
    """A cluster of nodes of these names."""
    shared, meter, connect = surroundings(), Meter(), MemoryConnect(network or Network())
    nodes = [Node(name, "storage", name, 9000) for name in names]
    return Cluster("storage", [Pool(node, Connections(), connect, shared, meter) for node in nodes], Random(0))


@pytest.mark.parametrize("balance", list(Balance))
def test_each_pick_gives_the_pool_of_a_node_that_may_be_used(balance: Balance) -> None:
    async def main() -> None:
        storage = cluster("a", "b", "c")
        storage.nodes[0].is_up = False
        for _ in range(10):
            pool = storage.pick(balance, [storage.nodes[1]])
            assert pool is storage.pools[storage.nodes[2]]
            assert pool.node.name == "c"
        assert storage.pick(balance, storage.nodes) is None

    run(main())


def test_nodes_keep_the_order_of_the_configuration() -> None:
    async def main() -> None:
        storage = cluster("b", "c", "a")
        assert [node.name for node in storage.nodes] == ["b", "c", "a"]
        picked = [storage.pick(Balance.ROUND_ROBIN, ()) for _ in range(3)]
        assert [pool.node.name for pool in picked if pool is not None] == ["b", "c", "a"]

    run(main())


def test_closing_a_cluster_closes_the_idle_connections_to_all_nodes() -> None:
    async def main() -> None:
        network = Network()
        storage = cluster("a", "b", network=network)
        for pool in storage.pools.values():
            network.listen((pool.node.name, 9000), Peer)
            pool.give_back(await pool.open())
        await asyncio.sleep(0)
        storage.close()
        await asyncio.sleep(1)
        assert [pool.idle for pool in storage.pools.values()] == [0, 0]

    run(main())
