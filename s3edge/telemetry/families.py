"""Every metric: its name, what it means, its kind and its labels. What is not in this table is not exported.

Labels are bounded: operations by the S3 API, statuses by HTTP, nodes, clusters and tenants by the configuration (who is
none of them is the tenant `default`), workers by their count, all else by a handful of words in the code. Only what
`source_rate` names comes from outside, and of that only so much is shown.
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
    # Tenants
    _counter("tenant_exchanges", "Requests of a tenant that came to their end.", "tenant", "class", "outcome"),
    _counter("tenant_received_bytes", "Body bytes from a tenant.", "tenant"),
    _counter("tenant_sent_bytes", "Body bytes to a tenant.", "tenant"),
    _gauge("tenant_inflight", "Requests of a tenant being answered, with those that wait.", "tenant"),
    _gauge("tenant_waiting", "Requests of a tenant that wait for room under limits.", "tenant"),
    _counter("tenant_waits", "Requests of a tenant that have waited for room under limits.", "tenant"),
    _counter("tenant_waiting_seconds", "How long these have waited, all together.", "tenant"),
    _counter(
        "shed",
        "Requests that were told SlowDown, since limits, the guard or the nodes' capacity left no room in time.",
        "tenant",
        "cause",
    ),
    _gauge("sources", "Tenants and client addresses that the runaway guard knows, by their state.", "kind", "state"),
    _gauge(
        "source_rate",
        "Requests a second that the guard, or the operator, holds a tenant or client address to.",
        "kind",
        "source",
    ),
    # How bodies move
    _counter("spliced_bytes", "Body bytes moved by splice, both directions."),
    _gauge("pipes_open", "Pipes held for splice."),
    # Nodes, as the data path sees them
    _counter("attempts", "Attempts at nodes that came to their end.", "node", "outcome"),
    _gauge("node_inflight", "Attempts under way at a node.", "node"),
    _gauge("node_limit", "Most attempts at a time that a node is sent, stated or found out; 0 if any.", "node"),
    _counter("node_connections", "What happened to connections to nodes.", "node", "event"),
    _gauge("node_connections_idle", "Connections to a node that wait for a request.", "node"),
    _gauge("node_weight", "Share of the requests that a node is given, summed over the workers.", "node"),
    _gauge("node_ejected", "Workers whose live traffic took a node away.", "node"),
    _counter("node_ejections", "Ejections of a node, each by one worker.", "node"),
    _gauge(
        "node_throttle_rate",
        "Requests a second that a node is held to by the workers that throttle it; 0 if none does.",
        "node",
    ),
    # How failures are hidden
    _counter("retries", "Requests that were sent again, by the node that was then asked.", "node"),
    _gauge("retries_inflight", "Retries under way."),
    _gauge("replay_bytes", "Request bodies kept so that they can be sent again."),
    _counter("hedges", "Second nodes that were asked (sent) and that answered first (won).", "event"),
    _counter("bodies_broken", "Bodies that a node broke off or let stand still.", "node", "outcome"),
    _counter("resumes", "Broken bodies that went on, by the node that they went on from.", "node"),
    _counter("refetched_bytes", "Body bytes that came again for a resume and were dropped."),
    _counter("bodies_cut", "Broken bodies that could not go on, so that the client's connection was cut."),
    _gauge("queued", "Requests that wait for a node that can take them.", "cluster"),
    # Nodes, as the supervisor sees them
    _gauge(
        "node_state", "1 for the state that probes or the operator give a node, else 0.", "cluster", "node", "state"
    ),
    _counter("probes", "Health probes, shallow and deep, by their verdict.", "cluster", "node", "kind", "verdict"),
    # The configuration
    _counter("config_reloads", "Times that the configuration was read again, by what became of it.", "outcome"),
    _gauge("config_applied_timestamp_seconds", "When the configuration in force was taken up, in seconds since 1970."),
    # The access log
    _counter("access_log_lines", "Lines that were written to the access log."),
    _counter(
        "access_log_dropped",
        "Lines of the access log that were lost: too many waited (late), or writing them failed (failed).",
        "cause",
    ),
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
