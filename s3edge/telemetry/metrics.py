"""Snapshots in the text forms that Prometheus reads."""

from collections.abc import Iterator
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry

from s3edge.telemetry.families import FAMILIES, Family, Kind
from s3edge.telemetry.meter import BOUNDS, Snapshot, Value


class SnapshotCollector(Collector):
    """Shows one snapshot to prometheus-client, in the order of the table of families."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        """All families of the table, those without samples too, so that a dashboard finds what it asks for."""
        for family in FAMILIES.values():
            yield _metric(family, self._snapshot.get(family.name, []))


def exposition(snapshot: Snapshot, accept: str) -> tuple[bytes, str]:
    """The snapshot in the form that the Accept header asks for, and its content type."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(SnapshotCollector(snapshot))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


def _metric(family: Family, samples: list[tuple[list[str], Value]]) -> Metric:
    if family.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, value in samples:
            if isinstance(value, list):
                histogram.add_metric(labels, _cumulative(value), value[-1])
        return histogram
    kind = CounterMetricFamily if family.kind is Kind.COUNTER else GaugeMetricFamily
    metric = kind(family.name, family.help, labels=family.labels)
    for labels, value in samples:
        if not isinstance(value, list):
            metric.add_metric(labels, value)
    return metric


def _cumulative(counts: list[float]) -> list[tuple[str, float]]:
    """Prometheus' buckets, each of which holds the ones before it; the last count given is the sum of values."""
    bounds = [*map(str, BOUNDS), "+Inf"]
    return list(zip(bounds, accumulate(counts[:-1]), strict=True))
