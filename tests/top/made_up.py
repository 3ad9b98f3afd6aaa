"""Frames and events of an s3edge that never was, as the admin server would tell them."""

from typing import Any

from s3edge.top.frame import Event, Frame

NOON = "2024-02-29T12:00:00Z"
LIMITS = {"requests": {"all": 500.0}, "bandwidth": {"sent": 209_715_200.0}, "concurrency": 64}


def node(name: str = "n1:9000", **fields: Any) -> dict[str, Any]:
    """A node that is up."""
    return {
        "name": name,
        "cluster": "minio",
        "state": "up",
        "state_seconds": 300.0,
        "reason": "answered 200",
        "share": 1.0,
        "inflight": 12,
        "limit": None,
        "ejected_by_workers": 0,
        "throttled_to": None,
        "requests_per_second": 31.25,
        "first_byte": {"p50": 0.0042, "p99": 0.031},
    } | fields


def tenant(name: str = "rag", **fields: Any) -> dict[str, Any]:
    """A tenant without limits, of which nothing waits."""
    return {
        "name": name,
        "requests_per_second": 120.0,
        "sent_per_second": 52_428_800.0,
        "received_per_second": 0.0,
        "inflight": 7,
        "waiting": 0,
        "waiting_per_second": 0.0,
        "stalled": 0.5,
        "shed_per_second": 0.0,
        "failed_per_second": 0.0,
        "limits": [],
        "guard": None,
    } | fields


def flow(number: int = 1, **fields: Any) -> dict[str, Any]:
    """A read whose body is on its way."""
    return {
        "id": f"0-{number}",
        "worker": 0,
        "tenant": "rag",
        "client": "10.0.0.7",
        "operation": "GetObject",
        "class": "read",
        "bucket": "datasets",
        "key": f"train/{number:05}.tar",
        "node": "n1:9000",
        "state": "sending",
        "sent": 12_582_912,
        "received": 0,
        "size": 67_108_864,
        "rate": 8_388_608.0,
        "age": 1.5,
        "resumes": 0,
    } | fields


def frame_fields(**fields: Any) -> dict[str, Any]:
    """A frame with one of each."""
    edge = {"version": "9.9", "not_ready": None, "workers": 4, "workers_ready": 4, "loop_lag": 0.002}
    return {
        "time": NOON,
        "interval": 1.0,
        "edge": {**edge, "changes": "allowed"},
        "totals": {
            "requests_per_second": 1240.0,
            "sent_per_second": 1_288_490_189.0,
            "received_per_second": 0.0,
            "failed_per_second": 0.0,
            "shed_per_second": 3.0,
            "inflight": 312,
            "waiting": 4,
            "connections": 512,
            "first_byte": {"p50": 0.0042, "p99": None},
            "stalled": 2.5,
            "hedges_per_second": 1.0,
            "retries_per_second": 0.5,
            "resumes_per_second": 0.25,
        },
        "nodes": [node()],
        "tenants": [tenant()],
        "tenants_total": 1,
        "sources": [],
        "flows": {"total": 1, "matching": 1, "flows": [flow()]},
    } | fields


def frame(**fields: Any) -> Frame:
    """The same, as it is read."""
    return Frame.model_validate(frame_fields(**fields))


def event_fields(sequence: int = 1, **fields: Any) -> dict[str, Any]:
    """A node's return."""
    return {
        "sequence": sequence,
        "time": "2024-02-29T11:59:58.250Z",
        "worker": None,
        "event": "NodeReturned",
        "level": "info",
        "node": "n1:9000",
        "text": "n1:9000 takes requests again",
    } | fields


def event(sequence: int = 1, **fields: Any) -> Event:
    """The same, as it is read."""
    return Event.model_validate(event_fields(sequence, **fields))
