"""What the supervisor itself counts, as a snapshot beside that of the workers' data paths."""

import platform
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from s3edge import __version__
from s3edge.admin.tenants import MOST_SHOWN
from s3edge.health.status import NodeStatus
from s3edge.health.thresholds import NodeState
from s3edge.health.verdict import Sign
from s3edge.qos.runaway import SourceState, SourceStatus
from s3edge.server.pool import WorkerPool
from s3edge.server.reload import Reloader
from s3edge.telemetry.meter import Snapshot

_VERSIONS: Final = (__version__, platform.python_version(), version("uvloop"))
_KINDS: Final = ("tenant", "client")


def node_figures(nodes: Iterable[NodeStatus]) -> Snapshot:
    """What probes found and the operator decided."""
    nodes = list(nodes)
    return {
        "s3edge_node_state": [
            ([node.cluster, node.name, state], float(node.state is state)) for node in nodes for state in NodeState
        ],
        "s3edge_probes_total": [
            ([node.cluster, node.name, kind, sign], probed.counts[sign])
            for node in nodes
            for kind, probed in (("shallow", node.shallow), ("deep", node.deep))
            if probed is not None
            for sign in Sign
        ],
    }


def share_figures(nodes: Iterable[NodeStatus], counted: Snapshot, workers: int) -> Snapshot:
    """Which part of its cluster's requests each node is meant to get, by what the workers counted."""
    weights = _by_node(counted, "s3edge_node_weight")
    ejected = _by_node(counted, "s3edge_node_ejected")
    given = {
        (node.cluster, node.name): weights[node.name] * (1 - ejected[node.name] / max(1, workers))
        if node.state.is_usable
        else 0.0
        for node in nodes
    }
    sums: defaultdict[str, float] = defaultdict(float)
    for (cluster, _), weight in given.items():
        sums[cluster] += weight
    return {
        "s3edge_node_share": [
            ([cluster, node], weight / sums[cluster] if weight else 0.0) for (cluster, node), weight in given.items()
        ]
    }


def load_figures(reloader: Reloader) -> Snapshot:
    """What became of changed configurations."""
    return {
        "s3edge_config_reloads_total": [([outcome], count) for outcome, count in reloader.counts.items()],
        "s3edge_config_applied_timestamp_seconds": [([], reloader.applied_at)],
    }


def source_figures(statuses: Iterable[SourceStatus]) -> Snapshot:
    """What the runaway guard does."""
    verdicts = [status.verdict for status in statuses]
    counts = Counter((verdict.source.kind, verdict.state) for verdict in verdicts)
    held = [(verdict.source, verdict.rate) for verdict in verdicts if verdict.rate is not None]
    return {
        "s3edge_tenant_guarded": [
            ([verdict.source.name, verdict.state], 1)
            for verdict in verdicts
            if verdict.source.kind == "tenant" and verdict.state is not SourceState.NORMAL
        ],
        "s3edge_sources": [([kind, state], counts[kind, state]) for kind in _KINDS for state in SourceState],
        "s3edge_source_rate": [([*source], rate) for source, rate in held[:MOST_SHOWN]],
    }


def process_figures(pool: WorkerPool) -> Snapshot:
    """How the workers are."""
    living = pool.living
    beats = [(str(worker.number), worker.beat) for worker in living if worker.beat is not None]
    return {
        "s3edge_workers": [([], pool.size)],
        "s3edge_workers_ready": [([], len(living))],
        "s3edge_worker_restarts_total": [([], pool.restarts)],
        "s3edge_loop_lag_seconds": [([str(worker.number)], worker.lag) for worker in living],
        "s3edge_worker_cpu_seconds_total": [([number], beat.cpu) for number, beat in beats],
        "s3edge_worker_resident_bytes": [([number], beat.resident) for number, beat in beats],
        "s3edge_build_info": [([*_VERSIONS], 1)],
    }


def _by_node(counted: Snapshot, family: str) -> dict[str, float]:
    """A family whose only label is the node."""
    levels: defaultdict[str, float] = defaultdict(float)
    for (node,), value in counted.get(family, []):
        if not isinstance(value, list):
            levels[node] = value
    return levels
