"""A cluster for tests, without time limits of its own."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Any

from s3edge.config.model import Cluster as ClusterConfig
from s3edge.config.model import Connections
from s3edge.config.policy import Balance
from s3edge.config.qos import Priority
from s3edge.config.resilience import Queue
from s3edge.events import Event
from s3edge.routing.node import Node
from s3edge.telemetry.meter import Meter
from s3edge.transport.pacing import Pacer
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.places import Caller, Choice
from s3edge.upstream.pool import Pool
from s3edge.upstream.standing import Standing
from tests.support.edge import MemoryConnect
from tests.support.memory import Network
from tests.transport.ends import surroundings

QUEUE = Queue(length=2, wait=2.0)


class Bench:
    """A cluster of nodes of these names, with the events that it told; `zones` and `tiers` are the nodes', in order."""

    def __init__(self, *names: str, zones: Sequence[str] = (), tiers: Sequence[int] = (), **sections: Any) -> None:
        self.network = Network()
        self.events: list[Event] = []
        shared, meter, connect = surroundings(), Meter(), MemoryConnect(self.network)
        nodes = [Node(name, "storage", name, 9000) for name in names]
        for node, zone in zip(nodes, zones, strict=False):
            node.zone = zone
        for node, tier in zip(nodes, tiers, strict=False):
            node.tier = tier
        own_zone = sections.pop("own_zone", None)
        urls = [f"http://{name}" for name in names]
        config = ClusterConfig.model_validate({"name": "storage", "nodes": urls, **sections})
        pools = [Pool(node, Connections(), connect, shared, meter) for node in nodes]
        self.cluster = Cluster(config, pools, own_zone, shared.wheel, Pacer(shared.fine), Random(0), self.events.append)
        self.nodes = {node.name: node for node in nodes}

    def __getitem__(self, name: str) -> Standing:
        return self.cluster.standings[self.nodes[name]]

    def pick(self, *tried: str, balance: Balance = Balance.ROUND_ROBIN, is_safe: bool = True) -> str | None:
        """The name of the node that takes the next attempt."""
        return name_of(self.cluster.pick(*self.choice(*tried, balance=balance, is_safe=is_safe), now()))

    def choice(self, *tried: str, balance: Balance = Balance.ROUND_ROBIN, is_safe: bool = True) -> Choice:
        return Choice(balance, [self.nodes[name] for name in tried], b"key", is_safe)

    async def place(self, *tried: str, queue: Queue = QUEUE, is_safe: bool = True) -> str | None:
        """The name of the node that takes the next attempt, once one can."""
        caller = Caller("default", Priority.NORMAL, 1.0, queue)
        return name_of(await self.cluster.place(self.choice(*tried, is_safe=is_safe), caller))

    def eject(self, name: str) -> None:
        for _ in range(5):
            self[name].failed(now(), now(), "closed")
        assert self.nodes[name].is_ejected

    def throttle(self, *names: str, rate: float = 10.0) -> None:
        """Let the nodes be held to this rate, with the next place in 1 / rate seconds."""
        for name in names:
            self[name].slowed(now(), now())
            throttle = self[name].throttle
            assert throttle is not None
            throttle.rate = rate
            throttle._due = now()
            throttle.take(now())


def name_of(standing: Standing | None) -> str | None:
    return None if standing is None else standing.node.name


def now() -> float:
    return asyncio.get_running_loop().time()
