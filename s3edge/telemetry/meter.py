"""What one worker counts: plain integers that the data path adds to, read as a whole a few times a second.

A worker has one thread, so an addition needs no lock, and a request costs two dictionary look-ups, two bisections and a
few additions. Nothing here formats anything: names, help and labels stand in `families`, sums over workers in `rollup`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TypeAlias

from s3edge.config.qos import DEFAULT_TENANT
from s3edge.events import (
    BodyBroken,
    BodyCut,
    BodyResumed,
    Cause,
    Event,
    Hedged,
    HedgeWon,
    NodeEjected,
    RequestShed,
    Retried,
)
from s3edge.s3.operation import TRAITS, Operation
from s3edge.telemetry.families import FAMILIES, Kind

Value: TypeAlias = float | list[float]
"""A counter or a gauge; or, for a histogram, one count per bucket (the last is unbounded) and then the sum."""

Snapshot: TypeAlias = dict[str, list[tuple[list[str], Value]]]
"""Family name -> samples, each its label values and its value. It survives a trip through JSON."""

# Seconds. From one loopback GET (below 1 ms) to the read time-out of botocore (60 s).
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)

# Counted from 0, so that a rate is right from the first event on; those with a node begin with their first event.
_EVENTS_FROM_ZERO: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("s3edge_hedges_total", ("sent",)),
    ("s3edge_hedges_total", ("won",)),
    ("s3edge_refetched_bytes_total", ()),
    ("s3edge_bodies_cut_total", ()),
    *(("s3edge_shed_total", (DEFAULT_TENANT, cause)) for cause in Cause),
)


class _Use:
    """How many of them one tenant had, and their body bytes."""

    __slots__ = ("count", "received", "sent")

    def __init__(self) -> None:
        self.count = 0
        self.received = 0
        self.sent = 0


class _Series:
    """What is known of all exchanges with one operation, status and outcome."""

    __slots__ = ("duration", "duration_sum", "first_byte", "first_byte_sum", "uses")

    def __init__(self) -> None:
        self.uses: defaultdict[str, _Use] = defaultdict(_Use)  # by tenant
        self.first_byte: list[float] = [0] * (len(BOUNDS) + 1)
        self.first_byte_sum = 0.0
        self.duration: list[float] = [0] * (len(BOUNDS) + 1)
        self.duration_sum = 0.0


class Meter:
    """The counters of one worker. The attributes are incremented and decremented by whoever sees the fact.

    `connections_open` and `exchanges_inflight` go up and down; the others only grow. `spliced_bytes` are body bytes
    moved by splice, either direction.
    """

    __slots__ = (
        "_attempts",
        "_connections",
        "_events",
        "_gauges",
        "_levels",
        "_series",
        "_waits",
        "connections_accepted",
        "connections_open",
        "exchanges_inflight",
        "spliced_bytes",
    )

    def __init__(self) -> None:
        self.connections_accepted = 0
        self.connections_open = 0
        self.exchanges_inflight = 0
        self.spliced_bytes = 0
        self._series: defaultdict[tuple[Operation, int, str], _Series] = defaultdict(_Series)
        self._attempts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._connections: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._events: defaultdict[tuple[str, tuple[str, ...]], int] = defaultdict(int)
        self._events.update(dict.fromkeys(_EVENTS_FROM_ZERO, 0))
        self._waits: defaultdict[str, list[float]] = defaultdict(lambda: [0, 0.0])
        self._levels: dict[str, Callable[[], Mapping[str, float]]] = {}
        self._gauges: dict[tuple[str, tuple[str, ...]], Callable[[], float]] = {}

    def exchange(
        self,
        tenant: str,
        operation: Operation,
        status: int,
        outcome: str,
        received: int,
        sent: int,
        first_byte: float | None,
        duration: float,
    ) -> None:
        """One request came to its end.

        `status` is what the client was sent, 0 if nothing was. `outcome` is one of a handful of words. `received` and
        `sent` are body bytes from and to the client. `first_byte` (None: no answer began) and `duration` are seconds
        since the request head was complete.
        """
        series = self._series[operation, status, outcome]
        use = series.uses[tenant]
        use.count += 1
        use.received += received
        use.sent += sent
        series.duration[bisect_left(BOUNDS, duration)] += 1
        series.duration_sum += duration
        if first_byte is not None:
            series.first_byte[bisect_left(BOUNDS, first_byte)] += 1
            series.first_byte_sum += first_byte

    def waited(self, tenant: str, seconds: float) -> None:
        """A request has waited for room under limits, and was then admitted or shed, or its client left."""
        wait = self._waits[tenant]
        wait[0] += 1
        wait[1] += seconds

    def attempt(self, node: str, outcome: str) -> None:
        """One attempt at a node came to its end; `outcome` is a word of `events.End`."""
        self._attempts[node, outcome] += 1

    def connection(self, node: str, event: str) -> None:
        """Something happened to a connection to a node: opened, reused, failed, closed..."""
        self._connections[node, event] += 1

    def event(self, event: Event) -> None:
        """Count what was decided. Some events add to nothing: what they say is an attempt's outcome or a level."""
        events = self._events
        match event:
            case Retried():
                events["s3edge_retries_total", (event.node,)] += 1
            case Hedged():
                events["s3edge_hedges_total", ("sent",)] += 1
            case HedgeWon():
                events["s3edge_hedges_total", ("won",)] += 1
            case BodyBroken():
                events["s3edge_bodies_broken_total", (event.node, event.end)] += 1
            case BodyResumed():
                events["s3edge_resumes_total", (event.node,)] += 1
                events["s3edge_refetched_bytes_total", ()] += event.skipped
            case BodyCut():
                events["s3edge_bodies_cut_total", ()] += 1
            case RequestShed():
                events["s3edge_shed_total", (event.tenant, event.cause)] += 1
            case NodeEjected():
                events["s3edge_node_ejections_total", (event.node,)] += 1

    def gauge(self, family: str, labels: tuple[str, ...], read: Callable[[], float]) -> None:
        """Have `read` asked for each snapshot: for levels that somebody else keeps, such as a node's flows."""
        if FAMILIES[family].kind is not Kind.GAUGE:
            raise ValueError(f"{family} is no gauge")
        self._gauges[family, labels] = read

    def counter(self, family: str, labels: tuple[str, ...], read: Callable[[], float]) -> None:
        """Have `read` asked for each snapshot: for what somebody else counts."""
        if FAMILIES[family].kind is not Kind.COUNTER:
            raise ValueError(f"{family} is no counter")
        self._gauges[family, labels] = read

    def levels(self, family: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Have `read` asked for each snapshot, as with `gauge`, for the levels by the values of the only label."""
        if FAMILIES[family].kind is not Kind.GAUGE:
            raise ValueError(f"{family} is no gauge")
        self._levels[family] = read

    def snapshot(self) -> Snapshot:
        """All that was counted since the worker began, and the levels of this moment."""
        snapshot: Snapshot = {
            "s3edge_connections_total": [([], self.connections_accepted)],
            "s3edge_connections_open": [([], self.connections_open)],
            "s3edge_exchanges_inflight": [([], self.exchanges_inflight)],
            "s3edge_spliced_bytes_total": [([], self.spliced_bytes)],
            "s3edge_attempts_total": [(list(labels), count) for labels, count in self._attempts.items()],
            "s3edge_node_connections_total": [(list(labels), count) for labels, count in self._connections.items()],
        }
        snapshot |= self._exchange_families() | self._tenant_families()
        for (family, labels), count in self._events.items():
            snapshot.setdefault(family, []).append((list(labels), count))
        for (family, labels), read in self._gauges.items():
            snapshot.setdefault(family, []).append((list(labels), read()))
        for family, read_all in self._levels.items():
            snapshot[family] = [([label], level) for label, level in read_all().items()]
        return snapshot

    def _exchange_families(self) -> Snapshot:
        """Requests are told apart fully; bytes and times by operation only, which keeps a scrape short."""
        exchanges: list[tuple[list[str], Value]] = []
        received: defaultdict[str, int] = defaultdict(int)
        sent: defaultdict[str, int] = defaultdict(int)
        width = len(BOUNDS) + 2
        first_byte: defaultdict[str, list[float]] = defaultdict(lambda: [0] * width)
        duration: defaultdict[str, list[float]] = defaultdict(lambda: [0] * width)
        for (operation, status, outcome), series in self._series.items():
            uses = series.uses.values()
            exchanges.append(([operation, str(status), outcome], sum(use.count for use in uses)))
            received[operation] += sum(use.received for use in uses)
            sent[operation] += sum(use.sent for use in uses)
            _add(first_byte[operation], [*series.first_byte, series.first_byte_sum])
            _add(duration[operation], [*series.duration, series.duration_sum])
        return {
            "s3edge_exchanges_total": exchanges,
            "s3edge_received_bytes_total": [([operation], count) for operation, count in received.items()],
            "s3edge_sent_bytes_total": [([operation], count) for operation, count in sent.items()],
            "s3edge_first_byte_seconds": [([operation], counts) for operation, counts in first_byte.items()],
            "s3edge_exchange_seconds": [([operation], counts) for operation, counts in duration.items()],
        }

    def _tenant_families(self) -> Snapshot:
        """Of tenants there may be a thousand: their requests are told apart by class of operations and outcome."""
        exchanges: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        received: defaultdict[str, int] = defaultdict(int)
        sent: defaultdict[str, int] = defaultdict(int)
        for (operation, _, outcome), series in self._series.items():
            kind = TRAITS[operation].kind
            for tenant, use in series.uses.items():
                exchanges[tenant, kind, outcome] += use.count
                received[tenant] += use.received
                sent[tenant] += use.sent
        return {
            "s3edge_tenant_exchanges_total": [(list(labels), count) for labels, count in exchanges.items()],
            "s3edge_tenant_received_bytes_total": [([tenant], count) for tenant, count in received.items()],
            "s3edge_tenant_sent_bytes_total": [([tenant], count) for tenant, count in sent.items()],
            "s3edge_tenant_waits_total": [([tenant], count) for tenant, (count, _) in self._waits.items()],
            "s3edge_tenant_waiting_seconds_total": [
                ([tenant], seconds) for tenant, (_, seconds) in self._waits.items()
            ],
        }


def _add(total: list[float], more: list[float]) -> None:
    for index, count in enumerate(more):
        total[index] += count
