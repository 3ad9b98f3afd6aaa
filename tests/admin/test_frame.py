"""What a frame of the live view says, from the counts of two moments."""

import json
from collections.abc import Iterable
from typing import Any

from s3edge.admin.frame import MOST_SHOWN, FrameMaker
from s3edge.config.model import Config
from s3edge.config.qos import Guard
from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import NodeState, Thresholds
from s3edge.qos.activity import Activity, Source
from s3edge.s3.operation import Operation
from s3edge.telemetry.families import TIMES
from s3edge.telemetry.flows import MOST_KEY, Flow, FlowState, Found, Query, described
from s3edge.telemetry.meter import Meter, Snapshot
from tests.support.edge import config_for
from tests.support.observed import QuietEdge

# 2024-02-29 12:00:00 UTC.
NOON = 1_709_208_000.0
TENANTS = [{"name": name, "access_keys": [f"AK-{name}"]} for name in ("rag", "training")]
FRAME_LIMIT = 200 * 1024


class Edge(QuietEdge):
    """An s3edge with some nodes."""

    def __init__(self, *nodes: str, config: Config | None = None, reason: str | None = None) -> None:
        super().__init__()
        self.config = config or config_for(("n1", 9000), tenants=TENANTS)
        self._nodes = [
            NodeStatus(node, f"http://{node}", "c", Probed(Thresholds(2, 3)), 0.0, state=NodeState.UP) for node in nodes
        ]
        self._reason = reason

    def nodes(self) -> Iterable[NodeStatus]:
        return self._nodes

    def why_not_ready(self) -> str | None:
        return self._reason


def filmed(edge: Edge, before: Snapshot, after: Snapshot, seconds: float = 2.0) -> dict[str, Any]:
    """The frame made of two snapshots with so many seconds between them."""
    return FrameMaker(edge, before, 100.0, lambda: "token").frame(after, 100.0 + seconds, NOON)


def tenant(frame: dict[str, Any], name: str) -> dict[str, Any]:
    [found] = [each for each in frame["tenants"] if each["name"] == name]
    return dict(found)


def test_a_frame_says_when_it_was_taken_and_how_the_edge_is() -> None:
    after: Snapshot = {
        "s3edge_workers": [([], 2.0)],
        "s3edge_workers_ready": [([], 1.0)],
        "s3edge_loop_lag_seconds": [(["0"], 0.0012345), (["1"], 0.5)],
    }
    frame = filmed(Edge(reason="draining"), {}, after, 1.0009)
    assert (frame["time"], frame["interval"]) == ("2024-02-29T12:00:00.000Z", 1.001)
    assert frame["edge"]["version"]
    assert frame["edge"] | {"version": ""} == {
        "version": "",
        "not_ready": "draining",
        "workers": 2,
        "workers_ready": 1,
        "loop_lag": 0.5,
        "changes": "token",
    }


def test_a_quiet_edge_has_zeros_and_no_times() -> None:
    frame = filmed(Edge("n1:9000"), {}, {})
    assert frame["totals"] == {
        "requests_per_second": 0.0,
        "sent_per_second": 0.0,
        "received_per_second": 0.0,
        "stalled": 0.0,
        "shed_per_second": 0.0,
        "failed_per_second": 0.0,
        "inflight": 0,
        "waiting": 0,
        "connections": 0,
        "first_byte": {"p50": None, "p99": None},
        "hedges_per_second": 0.0,
        "retries_per_second": 0.0,
        "resumes_per_second": 0.0,
    }
    [node] = frame["nodes"]
    assert (node["name"], node["state"]) == ("n1:9000", "up")
    assert (node["requests_per_second"], node["limit"]) == (0.0, None)
    assert node["first_byte"] == {"p50": None, "p99": None}
    assert [each["name"] for each in frame["tenants"]] == ["rag", "training", "default"]
    assert (frame["tenants_total"], frame["sources"]) == (3, [])


def test_the_numbers_of_a_tenant_and_of_all_are_those_of_the_time_between_the_two_moments() -> None:
    meter = Meter()
    meter.exchange("rag", Operation.GetObject, 200, "done", 0, 10_000, 3.0, 3.0)
    before: Snapshot = meter.snapshot() | {
        "s3edge_tenant_sending_bytes": [(["rag"], 4_000)],
        "s3edge_tenant_stalled_seconds_total": [(["rag"], 1.0)],
        "s3edge_tenant_waiting_seconds_total": [(["rag"], 1.0)],
    }
    for outcome in ("done", "failed", "cut", "refused"):
        meter.exchange("rag", Operation.GetObject, 200, outcome, 0, 1_000, 0.002, 0.1)
    meter.exchange("training", Operation.PutObject, 200, "done", 600, 0, 0.002, 0.1)
    after: Snapshot = meter.snapshot() | {
        "s3edge_tenant_sending_bytes": [(["rag"], 8_000)],
        "s3edge_tenant_stalled_seconds_total": [(["rag"], 2.5)],
        "s3edge_tenant_waiting_seconds_total": [(["rag"], 2.0)],
        "s3edge_tenant_inflight": [(["rag"], 3.0)],
        "s3edge_tenant_waiting": [(["rag"], 2.0)],
        "s3edge_exchanges_inflight": [([], 3.0)],
        "s3edge_connections_open": [([], 9.0)],
        "s3edge_queued": [(["c"], 1.0)],
        "s3edge_shed_total": [(["rag", "limit"], 5), (["rag", "guard"], 1)],
        "s3edge_hedges_total": [(["sent"], 4), (["won"], 4)],
        "s3edge_retries_total": [(["n1"], 2), (["n2"], 2)],
        "s3edge_resumes_total": [(["n1"], 1)],
    }
    frame = filmed(Edge(), before, after)
    rag = tenant(frame, "rag")
    assert rag == {
        "name": "rag",
        "requests_per_second": 2.0,
        "sent_per_second": 4_000.0,
        "received_per_second": 0.0,
        "waiting_per_second": 0.5,
        "stalled": 0.75,
        "shed_per_second": 3.0,
        "failed_per_second": 1.0,
        "inflight": 3,
        "waiting": 2,
        "limits": [],
        "guard": None,
    }
    assert tenant(frame, "training")["received_per_second"] == 300.0
    totals = frame["totals"]
    assert (totals["requests_per_second"], totals["sent_per_second"], totals["received_per_second"]) == (2.5, 4000, 300)
    assert (totals["stalled"], totals["shed_per_second"], totals["failed_per_second"]) == (0.75, 3.0, 1.0)
    assert (totals["inflight"], totals["waiting"], totals["connections"]) == (3, 3, 9)
    assert (totals["hedges_per_second"], totals["retries_per_second"], totals["resumes_per_second"]) == (2.0, 2.0, 0.5)
    assert totals["first_byte"] == {"p50": 0.00175, "p99": 0.002485}


def test_bytes_of_a_body_count_as_they_move_and_not_once_more_at_its_end() -> None:
    edge, meter = Edge(), Meter()
    maker = FrameMaker(edge, meter.snapshot() | {"s3edge_tenant_sending_bytes": [(["rag"], 500)]}, 0.0, lambda: "off")
    meter.exchange("rag", Operation.GetObject, 200, "done", 0, 700, 0.1, 0.1)
    assert tenant(maker.frame(meter.snapshot(), 1.0, NOON), "rag")["sent_per_second"] == 200.0


def test_a_node_is_shown_with_its_rate_its_times_and_its_limit() -> None:
    counts = [0.0] * (len(TIMES) + 2)
    counts[1], counts[-1] = 100, 0.2
    after: Snapshot = {
        "s3edge_attempts_total": [(["n1:9000", "done"], 30), (["n1:9000", "timeout"], 10), (["n2:9000", "done"], 2)],
        "s3edge_node_first_byte_seconds": [(["n1:9000"], counts)],
        "s3edge_node_limit": [(["n1:9000"], 16.0), (["n2:9000"], 0.0)],
        "s3edge_node_inflight": [(["n1:9000"], 7.0)],
    }
    first, second = filmed(Edge("n1:9000", "n2:9000"), {}, after)["nodes"]
    assert (first["name"], first["requests_per_second"], first["limit"], first["inflight"]) == ("n1:9000", 20.0, 16, 7)
    assert first["first_byte"] == {"p50": 0.00175, "p99": 0.002485}
    assert (second["requests_per_second"], second["limit"]) == (1.0, None)


def test_a_node_that_has_answered_long_ago_has_no_times() -> None:
    counts: list[float] = [5.0] * (len(TIMES) + 2)
    snapshot: Snapshot = {"s3edge_node_first_byte_seconds": [(["n1:9000"], counts)]}
    [node] = filmed(Edge("n1:9000"), snapshot, snapshot)["nodes"]
    assert node["first_byte"] == {"p50": None, "p99": None}


def test_of_very_many_tenants_the_busiest_are_shown_first_and_all_are_counted() -> None:
    meter = Meter()
    before = meter.snapshot()
    for number in range(MOST_SHOWN + 50):
        for _ in range(1 + (number % 7 == 3)):
            meter.exchange(f"team{number}", Operation.GetObject, 200, "done", 0, 10, 0.1, 0.1)
    meter.exchange("reader", Operation.GetObject, 200, "done", 0, 10_000_000, 0.1, 0.1)
    frame = filmed(Edge(), before, meter.snapshot())
    assert (len(frame["tenants"]), frame["tenants_total"]) == (MOST_SHOWN, MOST_SHOWN + 50 + 4)
    assert [each["name"] for each in frame["tenants"][:4]] == ["reader", "team3", "team10", "team17"]


def test_a_tenant_is_shown_with_its_limits_also_after_they_changed_and_with_what_the_guard_does() -> None:
    edge = Edge(config=config_for(("n1", 9000), policies=[{"policy": "p", "limits": {"concurrency": 4}}]))
    edge.sources.runaways.pin(Source("tenant", "default"), 5.0, 0.0)
    edge.sources.runaways.tick(1.0)
    maker = FrameMaker(edge, {}, 1.0, lambda: "off")
    shown = tenant(maker.frame({}, 2.0, NOON), "default")
    assert shown["limits"] == [{"policy": "p", "limits": {"concurrency": 4}}]
    assert (shown["guard"]["state"], shown["guard"]["state_seconds"]) == ("pinned", 1.0)
    edge.config = config_for(("n1", 9000), policies=[{"policy": "q", "limits": {"concurrency": 5}}])
    shown = tenant(maker.frame({}, 3.0, NOON), "default")
    assert shown["limits"] == [{"policy": "q", "limits": {"concurrency": 5}}]


def test_client_addresses_are_shown_if_they_are_held_and_only_so_many() -> None:
    edge = Edge()
    runaways = edge.sources.runaways
    runaways.feed(Source("client", "10.9.9.9"), Activity(requests=1), Guard(), 0.5)
    for number in range(MOST_SHOWN + 5):
        runaways.pin(Source("client", f"10.0.0.{number}"), 5.0, 0.0)
    runaways.pin(Source("tenant", "rag"), 5.0, 0.0)
    runaways.tick(1.0)
    sources = filmed(edge, {}, {})["sources"]
    assert len(sources) == MOST_SHOWN
    assert sources[0] == {"kind": "client", "name": "10.0.0.0", "state": "pinned", "rate": 5.0}
    assert {source["kind"] for source in sources} == {"client"}


def test_the_largest_frame_fits_into_what_a_page_may_be_sent_in_a_second() -> None:
    names = [f"a-tenant-with-a-long-name-{number:04}" for number in range(1000)]
    tenants = [{"name": name, "access_keys": [f"AK-{name}"]} for name in names]
    limits = {
        "requests": {"all": "1000/s", "list": "20/s"},
        "bandwidth": "100MiB/s",
        "concurrency": 64,
        "per_client": {"concurrency": 4},
    }
    policies = [{"policy": name, "match": {"tenants": [name]}, "limits": limits} for name in names]
    edge = Edge(
        *(f"node-{number}.storage.example.com:9000" for number in range(64)),
        config=config_for(("n1", 9000), tenants=tenants, policies=policies),
    )
    meter = Meter()
    before = meter.snapshot()
    for number, name in enumerate(names):
        edge.sources.runaways.feed(Source("tenant", name), Activity(requests=30, sent=3000), Guard(), 1.0)
        meter.exchange(name, Operation.GetObject, 200, "done", 123_456, 789_012_345 + number, 0.1, 0.1)
    edge.sources.runaways.tick(2.0)
    for number in range(MOST_SHOWN):
        edge.sources.runaways.pin(Source("client", f"10.200.100.{number}"), 5.0, 2.0)
    edge.sources.runaways.tick(3.0)
    flow = Flow(
        123_456_789, names[0], "10.200.100.123", "GetObject", "read", "a-bucket-with-a-long-name", "k" * MOST_KEY,
        "node-63.storage.example.com:9000", FlowState.RECEIVING, 2**40, 2**40, 2**40, 123_456.7, 12_345.6, 12,
    )  # fmt: skip
    frame = filmed(edge, before, meter.snapshot(), 1.0)
    assert (len(frame["nodes"]), len(frame["tenants"]), len(frame["sources"])) == (64, 100, 100)
    frame["flows"] = described(Query(), {0: Found(10_000, 10_000, (flow,) * 100)})
    assert len(json.dumps(frame, separators=(",", ":"))) < FRAME_LIMIT
