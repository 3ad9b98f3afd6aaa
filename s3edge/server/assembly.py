"""One worker's data path, put together from its parts."""

import asyncio
import socket
from collections.abc import Sequence
from functools import partial
from random import Random

from s3edge.config.model import Cluster as ClusterConfig
from s3edge.config.model import Config
from s3edge.proxy.attempts import Attempts
from s3edge.proxy.exchange import Exchanges
from s3edge.proxy.listener import Listener
from s3edge.proxy.replies import Replies
from s3edge.proxy.session import Sessions
from s3edge.routing.node import Node
from s3edge.routing.table import Table
from s3edge.server.certificates import client_context, node_context, renew
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import Surroundings
from s3edge.transport.inbox import Inbox
from s3edge.transport.pipes import Pipes
from s3edge.transport.readiness import Readiness
from s3edge.transport.splice import Splicing
from s3edge.transport.wheel import Wheel
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.pool import Connect, Pool, SocketConnect

# Seconds between looks for pipes to spare: long against the pauses of a reader, short against an operator's look.
TRIM_PIPES = 10.0


class Edge:
    """The data path of one worker."""

    def __init__(
        self, config: Config, loop: asyncio.AbstractEventLoop, rng: Random, connect: Connect | None = None
    ) -> None:
        """Build it for `config`; `connect` is how nodes are reached, by default over sockets. Raises StartError."""
        self.meter = Meter()
        self._listen = config.listen
        self._tls = None if config.listen.tls is None else client_context(config.listen.tls)
        self._wheel = Wheel(loop)
        surroundings = Surroundings(loop, self._wheel, Inbox())
        self._splicing = Splicing(Pipes(), Readiness(loop))
        self._trimming = self._wheel.timer(self._trim_pipes)
        self._trimming.set(TRIM_PIPES)
        self._clusters = {
            cluster.name: _cluster(cluster, connect, surroundings, self.meter, rng) for cluster in config.clusters
        }
        self.nodes = {node.name: node for cluster in self._clusters.values() for node in cluster.nodes}
        self.meter.gauge("s3edge_pipes_open", (), partial(getattr, self._splicing.pipes, "open"))
        for cluster in self._clusters.values():
            for node, pool in cluster.pools.items():
                self.meter.gauge("s3edge_node_inflight", (node.name,), partial(getattr, node, "inflight"))
                self.meter.gauge("s3edge_node_connections_idle", (node.name,), partial(getattr, pool, "idle"))
        replies = Replies(rng)
        exchanges = Exchanges(
            tuple(host.encode() for host in config.listen.hosts),
            Table.compile(config.policies, tuple(self._clusters)),
            Attempts(self._clusters, self._splicing, self.meter),
            self._splicing,
            replies,
            self.meter,
        )
        sessions = Sessions(exchanges, replies, self.meter, config.listen.idle_timeout)
        self.listener = Listener(config.listen, exchanges, sessions, surroundings, self.meter)

    async def serve(self, sock: socket.socket) -> None:
        """Accept clients on `sock`, a listening socket."""
        await self.listener.open(sock, self._tls)

    async def drain(self, seconds: float) -> None:
        """Accept no more and return when the last exchange has ended, or been cut after `seconds`."""
        await self.listener.drain(seconds)
        for cluster in self._clusters.values():
            cluster.close()
        self._splicing.close()
        self._wheel.close()

    def set_node_state(self, name: str, is_up: bool) -> None:
        """Let new attempts go to the node, or not. Exchanges under way go on."""
        self.nodes[name].is_up = is_up

    def set_node_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Open new connections to these IP addresses."""
        self.nodes[name].addresses = tuple(addresses)

    def reload_certificate(self) -> None:
        """Read certificate and key again; new connections get them. Raises StartError and keeps the old ones."""
        if self._tls is not None and self._listen.tls is not None:
            renew(self._tls, self._listen.tls)

    def _trim_pipes(self) -> None:
        self._splicing.pipes.trim()
        self._trimming.set(TRIM_PIPES)


def _cluster(
    config: ClusterConfig,
    connect: Connect | None,
    surroundings: Surroundings,
    meter: Meter,
    rng: Random,
) -> Cluster:
    tls = node_context(config.tls) if any(node.is_tls for node in config.nodes) else None
    pools = []
    for node_config in config.nodes:
        node = Node(
            node_config.name, config.name, node_config.host, node_config.port, node_config.is_tls, node_config.weight
        )
        how = connect or SocketConnect(surroundings.loop, tls if node.is_tls else None)
        pools.append(Pool(node, config.connections, how, surroundings, meter))
    return Cluster(config.name, pools, rng)
