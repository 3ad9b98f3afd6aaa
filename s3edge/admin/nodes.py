"""The nodes as `/api/v1/nodes` shows them: what probes say, and what workers do with them."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from s3edge.health.status import NodeStatus, Probed
from s3edge.telemetry.meter import Snapshot


def describe(nodes: Iterable[NodeStatus], snapshot: Snapshot, now: float) -> list[dict[str, Any]]:
    """One JSON object per node; `now` is the clock that the nodes' states were kept by."""
    inflight = _per_node(snapshot, "s3edge_node_inflight")
    attempts = _per_node(snapshot, "s3edge_attempts_total")
    ejected = _per_node(snapshot, "s3edge_node_ejected")
    shares = {labels[1]: value for labels, value in snapshot.get("s3edge_node_share", [])}  # by cluster and node
    throttled = _per_node(snapshot, "s3edge_node_throttle_rate")
    return [
        {
            "name": node.name,
            "url": node.url,
            "cluster": node.cluster,
            "zone": node.zone,
            "tier": node.tier,
            "weight": node.weight,
            "share": shares.get(node.name, 0.0),
            "load_factor": node.share,
            "state": node.state,
            "state_seconds": round(now - node.since, 1),
            "reason": node.reason,
            "last_probe": _last(node.shallow),
            "last_deep_probe": None if node.deep is None else _last(node.deep),
            "addresses": list(node.addresses),
            "inflight": int(inflight[node.name]),
            "attempts": int(attempts[node.name]),
            "ejected_by_workers": int(ejected[node.name]),
            "throttled_to": int(throttled[node.name]) or None,
        }
        for node in nodes
    ]


def _last(probed: Probed) -> str:
    return "not probed yet" if probed.last is None else f"{probed.last.sign}: {probed.last.reason}"


def _per_node(snapshot: Snapshot, family: str) -> Counter[str]:
    """The sum of a family's samples for each node, which is the first label of all that are asked for."""
    sums: Counter[str] = Counter()
    for labels, value in snapshot.get(family, []):
        if not isinstance(value, list):
            sums[labels[0]] += int(value)
    return sums
