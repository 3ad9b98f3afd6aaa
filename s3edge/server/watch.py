"""The supervisor's watch over the nodes: probes, name look-ups and drains, and what workers must be told of them."""

import asyncio
import logging
import random
import ssl
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from s3edge import events
from s3edge.config.model import Cluster, NodeConfig
from s3edge.health.load import next_share
from s3edge.health.presets import probe
from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import NodeState, Thresholds
from s3edge.health.verdict import Sign, Verdict
from s3edge.server.certificates import node_context
from s3edge.server.messages import Fact, NodeResolved, NodeTurned
from s3edge.upstream.discovery import Discovery
from s3edge.upstream.prober import Prober, Target, ask_node

if TYPE_CHECKING:
    from s3edge.upstream.canary import Canaries

log = logging.getLogger(__name__)


class NodeWatch:
    """Knows every node of the configuration; calls `tell` with each fact that changes, `report` with each turn.

    `edge` tells this s3edge's canaries from those of others. Raises StartError if a CA file does not serve.
    """

    def __init__(
        self,
        clusters: tuple[Cluster, ...],
        tell: Callable[[Fact], None],
        report: Callable[[events.Event], None],
        rng: random.Random,
        edge: str,
    ) -> None:
        self._tell = tell
        self._report = report
        self._now = asyncio.get_running_loop().time
        self._hosts: dict[str, list[NodeStatus]] = {}
        self._clusters: dict[str, list[NodeStatus]] = {}
        self._refusing: set[str] = set()
        self._probers: list[Prober] = []
        self._canaries = _canaries(clusters, edge, rng)
        self.nodes: dict[str, NodeStatus] = {}
        self._rng = rng
        for cluster in clusters:
            has_tls = any(node.is_tls for node in cluster.nodes)
            context = node_context(cluster.tls) if has_tls else None
            for node in cluster.nodes:
                self._add(cluster, node, context if node.is_tls else None)
        self._discovery = Discovery(self._hosts, self._resolved)

    def _add(self, cluster: Cluster, config: NodeConfig, context: ssl.SSLContext | None) -> None:
        health = cluster.health
        thresholds = Thresholds(health.rise, health.fall)
        node = NodeStatus(
            name=config.name,
            url=str(config.url),
            cluster=cluster.name,
            shallow=Probed(thresholds),
            since=self._now(),
            deep=Probed(thresholds) if health.deep else None,
            weight=config.weight,
            zone=config.zone,
            tier=config.tier,
        )
        self.nodes[node.name] = node
        self._hosts.setdefault(config.host, []).append(node)
        self._clusters.setdefault(cluster.name, []).append(node)
        asked = probe(health.preset, health.path)
        target = Target(config.host, config.port, asked, health.timeout, lambda: node.addresses, context)
        ask, take = partial(ask_node, target), partial(self._probed, node)
        self._probers.append(Prober(f"probe {node.name}", health.interval, ask, take, self._rng))
        if self._canaries is not None and health.deep is not None:
            canary = self._canaries.canary(node.url, node.name, lambda: node.addresses, context, health.deep)
            take = partial(self._probed_deeply, node)
            self._probers.append(Prober(f"deep probe {node.name}", health.deep.interval, canary.ask, take, self._rng))

    @property
    def why_none_is_up(self) -> str | None:
        """In what states the nodes are, if none of them is proven up; else None."""
        counts = Counter(node.state for node in self.nodes.values())
        if counts[NodeState.UP]:
            return None
        return ", ".join(f"{state}: {counts[state]}" for state in NodeState if counts[state])

    @property
    def facts(self) -> tuple[Fact, ...]:
        """All that a new worker must know."""
        nodes = self.nodes.values()
        resolved = [NodeResolved(node=node.name, addresses=node.addresses) for node in nodes if node.addresses]
        turned = [_fact(node) for node in nodes if node.state is not NodeState.UNKNOWN]
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

    def set_drained(self, name: str, is_drained: bool) -> NodeStatus | None:
        """Take a node away, or leave it to its probes again, as the operator says; None if there is no such node.

        Requests in flight go on.
        """
        node = self.nodes.get(name)
        if node is not None and node.set_drained(is_drained, self._now()):
            self._turned(node)
        return node

    def _resolved(self, host: str, addresses: tuple[str, ...]) -> None:
        for node in self._hosts[host]:
            node.addresses = addresses
            self._tell(NodeResolved(node=node.name, addresses=addresses))

    def _probed(self, node: NodeStatus, verdict: Verdict) -> None:
        log.debug("probe of node %s: %s: %s", node.name, verdict.sign, verdict.reason)
        if node.probed(verdict, self._now()):
            self._turned(node)
        if verdict.sign is Sign.GOOD:
            self._weigh(node, verdict.load)

    def _probed_deeply(self, node: NodeStatus, verdict: Verdict) -> None:
        log.debug("deep probe of node %s: %s: %s", node.name, verdict.sign, verdict.reason)
        judged = node.judge_alone(verdict, self._clusters[node.cluster])
        if judged.sign is Sign.REFUSED and node.cluster not in self._refusing:
            self._refusing.add(node.cluster)
            log.error(
                "cluster %s: the deep probe may not do its work (%s at %s), so it has no say; "
                "health.deep needs a bucket that exists and keys that may put, get and delete there",
                node.cluster, verdict.reason, node.name,
            )  # fmt: skip
        elif judged.sign is Sign.GOOD:
            self._refusing.discard(node.cluster)
        if node.probed_deeply(judged, self._now()):
            self._turned(node)

    def _weigh(self, node: NodeStatus, load: int | None) -> None:
        """Give a node its share by the connections that it and its peers have."""
        lasts = [peer.shallow.last for peer in self._clusters[node.cluster]]
        loads = [last.load for last in lasts if last is not None and last.load is not None]
        share = next_share(node.share, load, loads)
        if share != node.share:
            node.share = share
            self._tell(_fact(node))

    def _turned(self, node: NodeStatus) -> None:
        level = logging.WARNING if node.state is NodeState.DOWN else logging.INFO
        log.log(level, "node %s (%s) is %s: %s", node.name, node.cluster, node.state, node.reason)
        self._tell(_fact(node))
        self._report(events.NodeTurned(node.name, None, node.state, node.reason))


def _fact(node: NodeStatus) -> NodeTurned:
    is_drain = node.state in (NodeState.DRAINING, NodeState.DRAINED)
    return NodeTurned(node=node.name, is_up=node.state.is_usable, share=0.0 if is_drain else node.share)


def _canaries(clusters: tuple[Cluster, ...], edge: str, rng: random.Random) -> "Canaries | None":
    if all(cluster.health.deep is None for cluster in clusters):
        return None
    from s3edge.upstream.canary import Canaries  # noqa: PLC0415  # aiobotocore is for those who need it: see there

    return Canaries(edge, rng)
