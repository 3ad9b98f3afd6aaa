"""One worker's data path, put together from its parts."""

import asyncio
import socket
from collections.abc import Iterator, Sequence
from functools import partial
from math import inf
from random import Random
from typing import TYPE_CHECKING

from s3edge.config.model import Cluster as ClusterConfig
from s3edge.config.model import Config
from s3edge.fleet.leases import Leased, Leases
from s3edge.fleet.shared import Division
from s3edge.proxy.admission import Admission
from s3edge.proxy.attempts import Attempts
from s3edge.proxy.exchange import Exchanges
from s3edge.proxy.flows import Flows
from s3edge.proxy.levels import Levels
from s3edge.proxy.listener import Listener
from s3edge.proxy.pacing import Pacing
from s3edge.proxy.progress import Progress
from s3edge.proxy.relay import Relays
from s3edge.proxy.replies import Replies
from s3edge.proxy.rules import Rules
from s3edge.proxy.session import Sessions
from s3edge.qos.activity import Report, Source
from s3edge.routing.node import Node
from s3edge.server.access_log import AccessLogging
from s3edge.server.certificates import client_context, node_context, renew
from s3edge.telemetry.flows import Found, Query
from s3edge.telemetry.journal import Journal
from s3edge.telemetry.meter import Meter
from s3edge.transport.connection import Surroundings
from s3edge.transport.inbox import Inbox
from s3edge.transport.pacing import Pacer
from s3edge.transport.pipes import Pipes
from s3edge.transport.readiness import Readiness
from s3edge.transport.recording import Room
from s3edge.transport.splice import Splicing
from s3edge.transport.wheel import FINE_TICK, Wheel
from s3edge.upstream.cluster import Cluster
from s3edge.upstream.pool import Connect, Pool, SocketConnect
from s3edge.upstream.standing import Standing

if TYPE_CHECKING:
    from s3edge.server.tracing import Tracing

# Seconds between looks for pipes to spare: long against the pauses of a reader, short against an operator's look.
TRIM_PIPES = 10.0


class Edge:
    """The data path of one worker."""

    def __init__(
        self,
        config: Config,
        loop: asyncio.AbstractEventLoop,
        rng: Random,
        connect: Connect | None = None,
        number: int = 0,
        workers: int = 1,
        tracing: "Tracing | None" = None,
    ) -> None:
        """Build it for `config`, as worker `number` of `workers`. Raises StartError.

        `connect` is how nodes are reached, by default over sockets; `tracing` is its to close.
        """
        self.meter = Meter()
        self.journal = Journal(self.meter, loop.time)
        self._listen = config.listen
        self._tls = None if config.listen.tls is None else client_context(config.listen.tls)
        self._now = loop.time
        self._wheel, self._fine_wheel = Wheel(loop), Wheel(loop, FINE_TICK)
        surroundings = Surroundings(loop, self._wheel, self._fine_wheel, Inbox())
        self._splicing = Splicing(Pipes(), Readiness(loop))
        self._pacer = Pacer(self._fine_wheel)
        self._trimming = self._wheel.timer(self._trim_pipes)
        self._trimming.set(TRIM_PIPES)
        self._clusters = self._build_clusters(config, connect, surroundings, rng, workers)
        self.standings = {
            node.name: standing for cluster in self._clusters.values() for node, standing in cluster.standings.items()
        }
        room = Room()
        self._pacing = pacing = Pacing(self._pacer)
        self._attempts = attempts = Attempts(self._clusters, pacing, self._splicing, room, self.meter, rng)
        self._show_levels(room, attempts)
        replies = Replies(rng)
        self.admission = Admission(config.limits, self._fine_wheel, 1 / workers)
        self.leases = Leases(self._leased, workers, loop.time())
        self._exchanges = exchanges = Exchanges(
            Rules.of(config),
            self.admission,
            attempts,
            Relays(attempts, pacing, self._splicing, self.meter, config.listen.trace),
            replies,
            self.journal,
            self.meter,
        )
        self._tracing = tracing
        if tracing is not None:
            exchanges.sampler = tracing.sampler
            exchanges.readers = (tracing.read,)
            tracing.show(self.meter)
        self._lookout = exchanges.lookout
        sessions = Sessions(exchanges, replies, self.meter, config.listen.idle_timeout)
        self._access_log = AccessLogging(number, config.access_log, exchanges, sessions, self.meter)
        self.listener = Listener(config.listen, self.admission, exchanges, sessions, surroundings, self.meter)
        self._flows = Flows(lambda: self.listener.clients, loop.time)

    async def serve(self, sock: socket.socket) -> None:
        """Accept clients on `sock`, a listening socket."""
        await self.listener.open(sock, self._tls)

    async def drain(self, seconds: float) -> None:
        """Accept no more and return when the last exchange has ended, or been cut after `seconds`."""
        await self.listener.drain(seconds)
        for cluster in self._clusters.values():
            cluster.close()
        self._splicing.close()
        self.admission.close()
        self._pacer.close()
        self._wheel.close()
        self._fine_wheel.close()
        self._access_log.close()
        if self._tracing is not None:
            await self._tracing.close()

    @property
    def nodes(self) -> dict[str, Node]:
        """All nodes by their names."""
        return {name: standing.node for name, standing in self.standings.items()}

    def set_node_state(self, name: str, is_up: bool, share: float = 1.0) -> None:
        """Let new attempts go to the node, with this share of its weight, or not. Exchanges under way go on."""
        self.standings[name].turned(is_up, share, self._now())

    def set_node_addresses(self, name: str, addresses: Sequence[str]) -> None:
        """Open new connections to these IP addresses."""
        self.standings[name].node.addresses = tuple(addresses)

    def lease(self, division: Division) -> None:
        """Use no more than these parts of the limits that all workers hold together."""
        self.leases.apply(division, self._now())
        self.admission.serve()

    def _leased(self) -> Iterator[tuple[str, Leased]]:
        for name, limiter in self.admission.limiters():  # a policy may be called `cluster`, or `node`
            yield f"limit/{name}", limiter
        for cluster in self._clusters.values():
            yield from cluster.leased.items()

    def hold(self, source: Source, rate: float | None, bandwidth: float | None) -> None:
        """Hold a tenant or client address to requests and to bytes sent per second; None: to no limit."""
        running = [progress for progress in self._running() if source in progress.sources]
        self.admission.hold(source, rate, bandwidth, running)
        for progress in running:
            if progress.is_under_way:
                self._pacing.change(progress)

    def activity(self) -> dict[str, Report]:
        """What sources did since the last call, by the policy whose guard judges it."""
        return self._lookout.take(self._running())

    async def flows(self, query: Query) -> Found:
        """The requests under way that are asked for, without holding up any of them."""
        return await self._flows.look(query)

    def _running(self) -> Iterator[Progress]:
        for client in self.listener.clients:
            if client.progress is not None:
                yield client.progress

    def configure(self, config: Config) -> None:
        """Serve by other tenants, limits, policies and capacities from now on, also what is under way.

        All else of `config` must be as it was; see `config.diff`.
        """
        rules = self._exchanges.rules = Rules.of(config)
        if self._tracing is not None:
            self._tracing.configure(config)
        self._attempts.forget_plans()
        for cluster in config.clusters:
            self._clusters[cluster.name].set_capacity(cluster.capacity)
        clients = list(self.listener.clients)  # a body that moves on may be the last of its connection
        running = [client.progress for client in clients if client.progress is not None]
        for progress in running:
            rules.replan(progress)
        limits = {policy.name: policy.limits for policy in config.policies if policy.limits is not None}
        self.admission.change(config.limits, limits, clients)
        for progress in running:
            if progress.is_under_way:
                self._pacing.change(progress)
        self._access_log.configure(config.access_log)

    def reopen_access_log(self) -> None:
        """Write on in a file of the same name, which is perhaps a new one; if it cannot be opened, in the old one."""
        self._access_log.reopen()

    def reload_certificate(self) -> None:
        """Read certificate and key again; new connections get them. Raises StartError and keeps the old ones."""
        if self._tls is not None and self._listen.tls is not None:
            renew(self._tls, self._listen.tls)

    def _build_clusters(
        self, config: Config, connect: Connect | None, surroundings: Surroundings, rng: Random, workers: int
    ) -> dict[str, Cluster]:
        return {
            cluster.name: Cluster(
                cluster,
                _pools(cluster, connect, surroundings, self.meter),
                config.zone,
                self._wheel,
                self._pacer,
                rng,
                self.journal.record,
                workers,
            )
            for cluster in config.clusters
        }

    def _show_levels(self, room: Room, attempts: Attempts) -> None:
        """Have the levels that others keep read for each snapshot of the meter."""
        gauge = self.meter.gauge
        levels = Levels(lambda: self.listener.clients)
        self.meter.levels("s3edge_tenant_inflight", levels.count)  # the others tell what this walk found
        self.meter.levels("s3edge_tenant_waiting", lambda: levels.waiting)
        self.meter.levels("s3edge_tenant_sending_bytes", lambda: levels.sent)
        self.meter.levels("s3edge_tenant_receiving_bytes", lambda: levels.received)
        self.meter.table("s3edge_limit_hits_total", lambda: self.admission.hits)
        self.meter.table("s3edge_budget_left", attempts.budgets)
        gauge("s3edge_pipes_open", (), partial(getattr, self._splicing.pipes, "open"))
        gauge("s3edge_replay_bytes", (), partial(getattr, room, "used"))
        gauge("s3edge_retries_inflight", (), partial(getattr, attempts, "retries"))
        for cluster in self._clusters.values():
            gauge("s3edge_queued", (cluster.name,), partial(getattr, cluster, "waiting"))
        for name, standing in self.standings.items():
            self.meter.histogram("s3edge_node_first_byte_seconds", (name,), standing.first_byte)
            gauge("s3edge_node_inflight", (name,), partial(getattr, standing.node, "inflight"))
            gauge("s3edge_node_limit", (name,), partial(_limit, standing))
            gauge("s3edge_node_ejected", (name,), partial(getattr, standing.node, "is_ejected"))
            gauge("s3edge_node_weight", (name,), partial(getattr, standing.node, "weight"))
            gauge("s3edge_node_throttle_rate", (name,), partial(getattr, standing, "throttle_rate"))
            gauge("s3edge_node_connections_idle", (name,), partial(getattr, standing.pool, "idle"))

    def _trim_pipes(self) -> None:
        self._splicing.pipes.trim()
        self._trimming.set(TRIM_PIPES)


def _limit(standing: Standing) -> float:
    return 0.0 if standing.most == inf else standing.most


def _pools(config: ClusterConfig, connect: Connect | None, surroundings: Surroundings, meter: Meter) -> Sequence[Pool]:
    tls = node_context(config.tls) if any(node.is_tls for node in config.nodes) else None
    pools = []
    for url in config.nodes:
        node = Node(url.name, config.name, url.host, url.port, url.is_tls, url.zone, url.tier, url.weight)
        how = connect or SocketConnect(surroundings.loop, tls if node.is_tls else None)
        pools.append(Pool(node, config.connections, how, surroundings, meter))
    return pools
