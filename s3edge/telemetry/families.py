"""Every metric: its name, what it means, its kind and its labels. What is not in this table is not exported.

Labels are bounded: operations by the S3 API, statuses by HTTP (see `totals`), nodes, clusters, policies and tenants by
the configuration (who is none of them is the tenant `default`), workers by their count, all else by a handful of words
in the code. Only what `source_rate` names comes from outside, and of that only so much is shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# Seconds. From one loopback GET (below 1 ms) to the read time-out of botocore (60 s).
TIMES: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# Bytes. By fours from a record of a training set (4 KiB), past the usual part of an upload (8 and 16 MiB) and a shard
# (256 MiB to 1 GiB), to a checkpoint in one object (64 GiB).
SIZES: Final = tuple(1 << bits for bits in range(12, 37, 2))


class Kind(StrEnum):
    """How values of several workers add up: counters and histograms outlive their worker, gauges vanish with it."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric. `bounds` are the upper ends of a histogram's buckets; a further one has no end."""

    name: str
    help: str
    kind: Kind
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


def _counter(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}_total", help_text, Kind.COUNTER, labels)


def _gauge(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}", help_text, Kind.GAUGE, labels)


def _times(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}_seconds", help_text, Kind.HISTOGRAM, labels, TIMES)


def _sizes(name: str, help_text: str, *labels: str) -> Family:
    return Family(f"s3edge_{name}_bytes", help_text, Kind.HISTOGRAM, labels, SIZES)


SECTIONS: Final[Mapping[str, tuple[Family, ...]]] = {
    "Clients": (
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
        _times("first_byte", "Time from a request's head to the first byte of its answer.", "operation"),
        _times("exchange", "Time from a request's head to the last byte of its answer.", "operation"),
        _sizes("exchange", "Body bytes of a request and its answer together, without their heads.", "operation"),
        _counter("received_bytes", "Body bytes from clients.", "operation"),
        _counter("sent_bytes", "Body bytes to clients.", "operation"),
        _counter("uploads", "Requests whose body a node was to get, by how that is signed and coded.", "payload"),
    ),
    "Tenants": (
        _counter(
            "tenant_exchanges", "Requests of a tenant that came to their end.", "tenant", "class", "status", "outcome"
        ),
        _counter("tenant_received_bytes", "Body bytes from a tenant.", "tenant"),
        _counter("tenant_sent_bytes", "Body bytes to a tenant.", "tenant"),
        _counter(
            "tenant_stalled_seconds",
            "How long requests of a tenant waited for bytes: from their last byte to the first of the answer, or to"
            " the end"
            " if no node gave one; and in broken bodies until they went on.",
            "tenant",
        ),
        _gauge(
            "tenant_receiving_bytes",
            "Body bytes from a tenant so far, of requests under way; the counters have them at the end.",
            "tenant",
        ),
        _gauge("tenant_sending_bytes", "Body bytes to a tenant so far, of requests under way.", "tenant"),
        _gauge("tenant_inflight", "Requests of a tenant being answered, with those that wait.", "tenant"),
        _gauge("tenant_waiting", "Requests of a tenant that wait for room under limits.", "tenant"),
        _counter("tenant_waits", "Requests of a tenant that have waited for room under limits.", "tenant"),
        _counter("tenant_waiting_seconds", "How long these have waited, all together.", "tenant"),
        _times("waiting", "How long those requests waited that had to, for room under limits.", "class"),
        _counter(
            "limit_hits",
            "Requests and connections that a limit had no room for, so that they waited or were shed; policy is"
            " empty for"
            " the limits of the whole edge, and for what the guard holds a tenant or client address to.",
            "policy",
            "scope",
            "limit",
            "event",
        ),
        _counter(
            "shed",
            "Requests that were told SlowDown, since limits, the guard or the nodes' capacity left no room in time.",
            "tenant",
            "cause",
        ),
        _gauge(
            "tenant_guarded",
            "1 for each tenant that has run away or is pinned, and for what the guard does about it; none for the"
            " others.",
            "tenant",
            "state",
        ),
        _gauge(
            "sources", "Tenants and client addresses that the runaway guard knows, by their state.", "kind", "state"
        ),
        _gauge(
            "source_rate",
            "Requests a second that the guard, or the operator, holds a tenant or client address to.",
            "kind",
            "source",
        ),
    ),
    "How bodies move": (
        _counter("spliced_bytes", "Body bytes moved by splice, both directions."),
        _gauge("pipes_open", "Pipes held for splice."),
    ),
    "Nodes, as the data path sees them": (
        _counter("attempts", "Attempts at nodes that came to their end.", "node", "outcome"),
        _times(
            "node_first_byte",
            "Time from an attempt's begin, or from the end of the body that it brought, to the head of a good answer.",
            "node",
        ),
        _gauge("node_inflight", "Attempts under way at a node.", "node"),
        _gauge("node_limit", "Most attempts at a time that a node is sent, stated or found out; 0 if any.", "node"),
        _counter("node_connections", "What happened to connections to nodes.", "node", "event"),
        _gauge("node_connections_idle", "Connections to a node that wait for a request.", "node"),
        _gauge("node_weight", "Weight that a node is given now, summed over the workers.", "node"),
        _gauge("node_ejected", "Workers whose live traffic took a node away.", "node"),
        _counter("node_ejections", "Ejections of a node, each by one worker.", "node"),
        _gauge(
            "node_throttle_rate",
            "Requests a second that a node is held to by the workers that throttle it; 0 if none does.",
            "node",
        ),
    ),
    "How failures are hidden": (
        _counter("retries", "Requests that were sent again, by the node that was then asked.", "node"),
        _gauge("retries_inflight", "Retries under way."),
        _gauge("replay_bytes", "Request bodies kept so that they can be sent again."),
        _counter(
            "hedges",
            "Second nodes that were asked (sent), that answered first (won), and that were asked in vain (wasted).",
            "event",
        ),
        _counter("hedge_wasted_bytes", "Bytes that had come from attempts when another one beat them."),
        _gauge(
            "budget_left",
            "Retries and hedges that could be made at once, within the budgets of the policies that prefer a cluster.",
            "cluster",
            "kind",
        ),
        _counter(
            "budget_denials",
            "Requests that found the budget for retries or hedges used up: a retry then waits, a hedge is not made.",
            "cluster",
            "kind",
        ),
        _counter("bodies_broken", "Bodies that a node broke off or let stand still.", "node", "outcome"),
        _counter("resumes", "Broken bodies that went on, by the node that they went on from.", "node"),
        _counter("refetched_bytes", "Body bytes that came again for a resume and were dropped."),
        _counter("bodies_cut", "Broken bodies that could not go on, so that the client's connection was cut."),
        _gauge("queued", "Requests that wait for a node that can take them.", "cluster"),
    ),
    "Nodes, as the supervisor sees them": (
        _gauge(
            "node_state", "1 for the state that probes or the operator give a node, else 0.", "cluster", "node", "state"
        ),
        _gauge(
            "node_share",
            "Part of its cluster's requests that a node is meant to get, 0 to 1: by its weight, and 0 while it is down,"
            " drained, or ejected by all workers.",
            "cluster",
            "node",
        ),
        _counter("probes", "Health probes, shallow and deep, by their verdict.", "cluster", "node", "kind", "verdict"),
    ),
    "The access log": (
        _counter("access_log_lines", "Lines that were written to the access log."),
        _counter(
            "access_log_dropped",
            "Lines of the access log that were lost: too many waited (late), or writing them failed (failed).",
            "cause",
        ),
    ),
    "Traces": (
        _counter(
            "spans", "Spans of traced requests, by what became of them; there are none without a collector.", "outcome"
        ),
    ),
    "The configuration": (
        _counter("config_reloads", "Times that the configuration was read again, by what became of it.", "outcome"),
        _gauge(
            "config_applied_timestamp_seconds", "When the configuration in force was taken up, in seconds since 1970."
        ),
    ),
    "The processes": (
        _gauge("workers", "Workers that were configured."),
        _gauge("workers_ready", "Workers that take connections."),
        _counter("worker_restarts", "Workers that were replaced because they died or hung."),
        _gauge("loop_lag_seconds", "Longest that a worker's event loop was late in the last minute.", "worker"),
        _counter("worker_cpu_seconds", "Processor time of the present process of a worker.", "worker"),
        _gauge("worker_resident_bytes", "Memory of a worker.", "worker"),
        _gauge("build_info", "1, with the versions that run.", "version", "python", "uvloop"),
    ),
}
"""All families, by what they are about."""

FAMILIES: Final = {family.name: family for families in SECTIONS.values() for family in families}

LABELS: Final[Mapping[str, str]] = {
    "operation": "an operation of the S3 API, such as `GetObject`; `Other` for whatever is none",
    "class": "`read`, `write` or `list`, as limits tell operations apart",
    "status": "the HTTP status that the client was sent; `5xx` and the like for one that HTTP does not know, 0 for"
    " none",
    "outcome": "how it ended: see [outcomes](operations.md#outcomes); of a reload: `applied`, `refused`,"
    " `needs_restart`",
    "payload": "`none` (no `x-amz-content-sha256`), `signed`, `unsigned`, `streaming_...` as Amazon names them, or"
    " `other`",
    "tenant": "a tenant of the configuration, or `default`",
    "cause": "of a refusal: `limit`, `guard`, or `capacity`, that of the nodes; of a lost line: `late`, `failed`",
    "policy": "a policy of the configuration",
    "scope": "what a limit is for: the whole `edge`, a `tenant`, each `client` address, each `bucket`, or what the"
    " `guard` holds",
    "limit": "`requests`, `requests.read` (`.write`, `.list`), `received`, `sent`, `concurrency` or `connections`;"
    " `turn`"
    " where others waited already",
    "kind": "of a source: `tenant` or `client`; of a probe: `shallow` or `deep`; of a budget: `retry` or `hedge`",
    "state": "of a node: `unknown`, `up`, `down`, `draining`, `drained`; of a source: `normal`, `observed`,"
    " `throttled`,"
    " `pinned`",
    "source": "the name of a tenant or a client's address; only those that are held, at most 1,000",
    "cluster": "a cluster of the configuration",
    "node": "a node of the configuration, as `host:port`",
    "event": "of a limit: `waited` or `shed`; of connections to a node: `opened` or `failed`; of hedges: `sent`, `won`,"
    " `wasted`",
    "verdict": "`good`, `bad`, `draining` or `refused`",
    "worker": "a worker by its number, from 0",
    "version": "of s3edge",
    "python": "its version",
    "uvloop": "its version",
}
"""What the values of each label are."""
