"""What one worker counts: plain integers that the data path adds to, read as a whole a few times a second.

A worker has one thread, so an addition needs no lock, and a request costs a few dictionary look-ups, bisections and
additions. Nothing here formats anything: names, help and labels stand in `families`, sums over workers in `rollup`.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import repeat
from typing import Final, TypeAlias

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
from s3edge.s3.operation import Operation, OperationClass
from s3edge.telemetry.families import FAMILIES, TIMES, Kind
from s3edge.telemetry.histogram import Histogram
from s3edge.telemetry.totals import PART, AllSeries, Chunk, Totals, column, columns

Value: TypeAlias = float | list[float]
"""A counter or a gauge; or, for a histogram, one count per bucket (the last is unbounded) and then the sum."""

Sample: TypeAlias = tuple[list[str], Value]
"""Label values in the order of the family's labels, and the value."""

Snapshot: TypeAlias = dict[str, list[Sample]]
"""Family name -> samples, for those who look something up in them."""

Columns: TypeAlias = dict[str, tuple[list[str], list[float]]]
"""The same for those who pass it on: family name -> the label values of all samples, one after another, and their
numbers. It survives a trip through JSON, which takes a third of the time that it takes a `Snapshot`."""

# Counted from 0, so that a rate is right from the first event on; those with a node begin with their first event.
_EVENTS_FROM_ZERO: Final[Mapping[str, Iterable[tuple[str, ...]]]] = {
    "s3edge_hedges_total": (("sent",), ("won",), ("wasted",)),
    "s3edge_refetched_bytes_total": ((),),
    "s3edge_bodies_cut_total": ((),),
    "s3edge_shed_total": tuple((DEFAULT_TENANT, cause) for cause in Cause),
}


class Meter:
    """The counters of one worker. The attributes are incremented and decremented by whoever sees the fact.

    `connections_open` and `exchanges_inflight` go up and down; the others only grow. `spliced_bytes` are body bytes
    moved by splice, either direction. `stalled` is, by tenant, how many seconds its requests waited for bytes,
    `uploads` counts those with a body by its kind, and `hedge_wasted_bytes` what came from attempts that were beaten.
    """

    __slots__ = (
        "_attempts",
        "_connections",
        "_events",
        "_gauges",
        "_histograms",
        "_levels",
        "_series",
        "_tables",
        "_waited",
        "_waiting",
        "_waits",
        "connections_accepted",
        "connections_open",
        "exchanges_inflight",
        "hedge_wasted_bytes",
        "spliced_bytes",
        "stalled",
        "uploads",
    )

    def __init__(self) -> None:
        self.connections_accepted = 0
        self.connections_open = 0
        self.exchanges_inflight = 0
        self.hedge_wasted_bytes = 0
        self.spliced_bytes = 0
        self.stalled: defaultdict[str, float] = defaultdict(float)
        self.uploads: defaultdict[str, int] = defaultdict(int)
        self._series = AllSeries()
        self._attempts: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._connections: defaultdict[tuple[str, ...], int] = defaultdict(int)
        self._events: defaultdict[str, defaultdict[tuple[str, ...], int]] = defaultdict(lambda: defaultdict(int))
        for family, every_labels in _EVENTS_FROM_ZERO.items():
            self._events[family].update(dict.fromkeys(every_labels, 0))
        self._waits: defaultdict[str, int] = defaultdict(int)  # by tenant, as the next one
        self._waited: defaultdict[str, float] = defaultdict(float)
        self._waiting = {kind: Histogram(TIMES) for kind in OperationClass}
        self._levels: dict[str, Callable[[], Mapping[str, float]]] = {}
        self._tables: dict[str, Callable[[], Mapping[tuple[str, ...], float]]] = {}
        self._gauges: dict[tuple[str, tuple[str, ...]], Callable[[], float]] = {}
        self._histograms: dict[tuple[str, tuple[str, ...]], Histogram] = {}

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
        series.sizes[(received + sent - 1).bit_length()] += 1
        series.duration[bisect_left(TIMES, duration)] += 1
        series.duration_sum += duration
        if first_byte is not None:
            series.first_byte[bisect_left(TIMES, first_byte)] += 1
            series.first_byte_sum += first_byte

    def waited(self, tenant: str, kind: OperationClass, seconds: float) -> None:
        """A request has waited for room under limits, and was then admitted or shed, or its client left."""
        self._waits[tenant] += 1
        self._waited[tenant] += seconds
        self._waiting[kind].observe(seconds)

    def attempt(self, node: str, outcome: str) -> None:
        """One attempt at a node came to its end; `outcome` is a word of `events.End`."""
        self._attempts[node, outcome] += 1

    def hedge_wasted(self) -> None:
        """A hedge has ended without having answered first."""
        self._events["s3edge_hedges_total"]["wasted",] += 1

    def budget_denied(self, cluster: str, kind: str) -> None:
        """A request found the budget for its `retry` or `hedge` used up."""
        self._events["s3edge_budget_denials_total"][cluster, kind] += 1

    def connection(self, node: str, event: str) -> None:
        """Something happened to a connection to a node: opened, failed."""
        self._connections[node, event] += 1

    def event(self, event: Event) -> None:
        """Count what was decided. Some events add to nothing: what they say is an attempt's outcome or a level."""
        events = self._events
        match event:
            case Retried():
                events["s3edge_retries_total"][event.node,] += 1
            case Hedged():
                events["s3edge_hedges_total"]["sent",] += 1
            case HedgeWon():
                events["s3edge_hedges_total"]["won",] += 1
            case BodyBroken():
                events["s3edge_bodies_broken_total"][event.node, event.end] += 1
            case BodyResumed():
                events["s3edge_resumes_total"][event.node,] += 1
                events["s3edge_refetched_bytes_total"][()] += event.skipped
            case BodyCut():
                events["s3edge_bodies_cut_total"][()] += 1
            case RequestShed():
                events["s3edge_shed_total"][event.tenant, event.cause] += 1
            case NodeEjected():
                events["s3edge_node_ejections_total"][event.node,] += 1

    def gauge(self, family: str, labels: tuple[str, ...], read: Callable[[], float]) -> None:
        """Have `read` asked for each snapshot: for levels that somebody else keeps, such as a node's flows."""
        _check(family, Kind.GAUGE)
        self._gauges[family, labels] = read

    def counter(self, family: str, labels: tuple[str, ...], read: Callable[[], float]) -> None:
        """Have `read` asked for each snapshot, as with `gauge`, for what somebody else counts."""
        _check(family, Kind.COUNTER)
        self._gauges[family, labels] = read

    def levels(self, family: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Have `read` asked for each snapshot, as with `gauge`, for the levels by the values of the only label."""
        _check(family, Kind.GAUGE)
        self._levels[family] = read

    def table(self, family: str, read: Callable[[], Mapping[tuple[str, ...], float]]) -> None:
        """Have `read` asked for each snapshot: for counts or levels that somebody else keeps, by the labels' values."""
        self._tables[family] = read

    def histogram(self, family: str, labels: tuple[str, ...], histogram: Histogram) -> None:
        """Have a histogram that somebody else adds to in each snapshot."""
        _check(family, Kind.HISTOGRAM)
        self._histograms[family, labels] = histogram

    def snapshot(self) -> Snapshot:
        """All that was counted since the worker began, and the levels of this moment."""
        return {
            family: [(list(labels), value) for labels, value in keyed(family, labels, numbers)]
            for family, (labels, numbers) in self.columns().items()
        }

    def columns(self) -> Columns:
        """The same as columns."""
        whole: Columns = {}
        for part in self.parts():
            join(whole, part)
        return whole

    def parts(self) -> Iterator[Columns]:
        """The same in parts, which `join` puts together: half a millisecond for each, with a thousand tenants.

        Counting may go on between two of them, so that a request may be counted in some families and not yet in others.
        """
        part: Columns = {}
        work = 0
        for family, labels, numbers, weight in self._chunks():
            join(part, {family: (labels, numbers)})
            work += weight
            if work >= PART:
                yield part
                part, work = {}, 0
        if part:
            yield part

    def _chunks(self) -> Iterator[Chunk]:
        """All samples, those of one family at a time."""
        for family, number in (
            ("s3edge_connections_total", self.connections_accepted),
            ("s3edge_connections_open", self.connections_open),
            ("s3edge_exchanges_inflight", self.exchanges_inflight),
            ("s3edge_spliced_bytes_total", self.spliced_bytes),
            ("s3edge_hedge_wasted_bytes_total", self.hedge_wasted_bytes),
        ):
            yield family, [], [number], 1
        yield from column("s3edge_uploads_total", self.uploads)
        yield from columns("s3edge_attempts_total", self._attempts)
        yield from columns("s3edge_node_connections_total", self._connections)
        for family, counts in tuple(self._events.items()):
            yield from columns(family, counts)
        for family, read_all in self._levels.items():
            yield from column(family, read_all())
        for family, read_table in self._tables.items():
            yield from columns(family, read_table())
        for (family, labels), read in self._gauges.items():
            yield family, [*labels], [float(read())], 1
        for (family, labels), histogram in self._histograms.items():
            yield family, [*labels], [*histogram.numbers], len(histogram.numbers)
        for kind, histogram in self._waiting.items():
            yield "s3edge_waiting_seconds", [kind], [*histogram.numbers], len(histogram.numbers)
        yield from column("s3edge_tenant_waits_total", self._waits)
        yield from column("s3edge_tenant_waiting_seconds_total", self._waited)
        yield from column("s3edge_tenant_stalled_seconds_total", self.stalled)
        yield "s3edge_exchanges_total", [], [], 0
        totals = Totals()
        for key, series in tuple(self._series.items()):
            yield totals.add(*key, series)
        yield from totals.chunks()


def join(whole: Columns, part: Columns) -> None:
    """Put the samples of a part, which stays as it is, to those of the whole, which has none of them yet."""
    for family, (labels, numbers) in part.items():
        all_labels, all_numbers = whole.setdefault(family, ([], []))
        all_labels += labels
        all_numbers += numbers


def keyed(family: str, labels: Iterable[str], numbers: Iterable[float]) -> Iterator[tuple[tuple[str, ...], Value]]:
    """The samples of a column, each its label values and its value."""
    about = FAMILIES[family]
    every_labels = zip(*[iter(labels)] * len(about.labels), strict=True) if about.labels else repeat(())
    if about.kind is Kind.HISTOGRAM:
        return zip(every_labels, map(list, zip(*[iter(numbers)] * (len(about.bounds) + 2), strict=True)), strict=False)
    return zip(every_labels, numbers, strict=False)


def _check(family: str, kind: Kind) -> None:
    if FAMILIES[family].kind is not kind:
        raise ValueError(f"{family} is no {kind}")
