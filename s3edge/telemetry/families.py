"""Every metric: its name, what it means, its kind and its labels. What is not in this table is not exported.

Labels are bounded: operations by the S3 API, statuses by HTTP, nodes and clusters by the configuration, workers by
their count, all else by a handful of words in the code.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How values of several workers add up: counters and histograms outlive their worker, gauges vanish with it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str
    help: str
    kind: Kind
    labels: tuple[str, ...] = ()


def _counter(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}_total", help_text, Kind.COUNTER, labels)


def _gauge(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}", help_text, Kind.GAUGE, labels)


def _histogram(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}", help_text, Kind.HISTOGRAM, labels)


_ALL = (
    # Clients
    _counter("connections", "Connections that clients opened."),
    _gauge("connections_open", "Connections that clients have open."),
    _gauge("exchanges_inflight", "Requests being answered."),
    _counter(
        "exchanges",
        "Requests that came to their end; status 0 if the client was sent none.",
        "operation",
        "status",
        "outcome",
    ),
    _histogram("first_byte_seconds", "Time from a request's head to the first byte of its answer.", "operation"),
    _histogram("exchange_seconds", "Time from a request's head to the last byte of its answer.", "operation"),
    _counter("received_bytes", "Body bytes from clients.", "operation"),
    _counter("sent_bytes", "Body bytes to clients.", "operation"),
    # How bodies move
    _counter("spliced_bytes", "Body bytes moved by splice, both directions."),
    _gauge("pipes_open", "Pipes held for splice."),
    # Nodes, as the data path sees them
    _counter("attempts", "Attempts at nodes that came to their end.", "node", "outcome"),
    _gauge("node_inflight", "Attempts under way at a node.", "node"),
    _counter("node_connections", "What happened to connections to nodes.", "node", "event"),
    _gauge("node_connections_idle", "Connections to a node that wait for a request.", "node"),
    # Nodes, as the supervisor sees them
    _gauge("node_state", "1 for the state that the probes give a node, 0 for the others.", "cluster", "node", "state"),
    _counter("probes", "Health probes by their verdict.", "cluster", "node", "verdict"),
    # The processes
    _gauge("workers", "Workers that were configured."),
    _gauge("workers_ready", "Workers that take connections."),
    _counter("worker_restarts", "Workers that were replaced because they died or hung."),
    _gauge("loop_lag_seconds", "Longest that a worker's event loop was late in the last minute.", "worker"),
    _counter("worker_cpu_seconds", "Processor time of the present process of a worker.", "worker"),
    _gauge("worker_resident_bytes", "Memory of a worker.", "worker"),
    _gauge("build_info", "1, with the version that runs.", "version"),
)

FAMILIES = {family.name: family for family in _ALL}
