"""What the supervisor itself counts, as a snapshot beside that of the workers' data paths."""

from collections import Counter
from collections.abc import Iterable
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
        "s3edge_build_info": [([__version__], 1)],
    }
