"""The supervisor's watch over the nodes: probes and name look-ups, and what workers must be told of them."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable

from s3edge.config.model import Cluster, NodeConfig
from s3edge.health.presets import Verdict, probe
from s3edge.health.status import NodeStatus
from s3edge.health.thresholds import Health, NodeState, Thresholds
from s3edge.server.certificates import node_context
from s3edge.server.messages import Fact, NodeResolved, NodeTurned
from s3edge.upstream.discovery import Discovery
from s3edge.upstream.prober import Prober, Target

log = logging.getLogger(__name__)


class NodeWatch:
    """Knows every node of the configuration, and calls `tell` with each fact that changes.

    Raises StartError if a CA file does not serve.
    """

    def __init__(self, clusters: tuple[Cluster, ...], tell: Callable[[Fact], None], rng: random.Random) -> None:
        self._tell = tell
        self._now = asyncio.get_running_loop().time
        self._hosts: dict[str, list[NodeStatus]] = {}
        self._probers: list[Prober] = []
        self.nodes: dict[str, NodeStatus] = {}
        self._rng = rng
        for cluster in clusters:
            has_tls = any(node.is_tls for node in cluster.nodes)
            context = node_context(cluster.tls) if has_tls else None
            for node in cluster.nodes:
                self._add(cluster, node, context if node.is_tls else None)
        self._discovery = Discovery(self._hosts, self._resolved)

    def _add(self, cluster: Cluster, node: NodeConfig, context: ssl.SSLContext | None) -> None:
        health = cluster.health
        status = NodeStatus(
            name=node.name,
            url=str(node.url),
            cluster=cluster.name,
            thresholds=Thresholds(health.rise, health.fall),
            health=Health(NodeState.UNKNOWN, self._now()),
        )
        target = Target(
            name=node.name,
            host=node.host,
            port=node.port,
            probe=probe(health.preset, health.path),
            interval=health.interval,
            timeout=health.timeout,
            addresses=lambda: status.addresses,
            context=context,
        )
        self.nodes[node.name] = status
        self._hosts.setdefault(node.host, []).append(status)
        self._probers.append(Prober(target, self._probed, self._rng))

    @property
    def is_any_up(self) -> bool:
        """Whether a node is proven up."""
        return any(node.state is NodeState.UP for node in self.nodes.values())

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that a new worker must know."""
        resolved = [
            NodeResolved(node=node.name, addresses=node.addresses) for node in self.nodes.values() if node.addresses
        ]
        turned = [_turned(node) for node in self.nodes.values() if node.state is not NodeState.UNKNOWN]
        return (*resolved, *turned)

    async def start(self) -> None:
        """Resolve the names, then begin to probe. Raises StartError if no node has an address."""
        await self._discovery.start()
        for prober in self._probers:
            prober.start()

    async def close(self) -> None:
        """End all probes and look-ups."""
        await self._discovery.close()
        await asyncio.gather(*(prober.close() for prober in self._probers))

    def _resolved(self, host: str, addresses: tuple[str, ...]) -> None:
        for node in self._hosts[host]:
            node.addresses = addresses
            self._tell(NodeResolved(node=node.name, addresses=addresses))

    def _probed(self, name: str, verdict: Verdict) -> None:
        node = self.nodes[name]
        if node.probed(verdict, self._now()):
            level = logging.INFO if node.state is NodeState.UP else logging.WARNING
            log.log(level, "node %s (%s) is %s: %s", node.name, node.cluster, node.state, verdict.reason)
            self._tell(_turned(node))


def _turned(node: NodeStatus) -> NodeTurned:
    return NodeTurned(node=node.name, is_up=node.state is NodeState.UP)
