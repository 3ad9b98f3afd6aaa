import json

import pytest

from s3edge.events import (
    AttemptFailed,
    BodyBroken,
    BodyCut,
    BodyResumed,
    Cause,
    ConfigApplied,
    ConfigRefused,
    End,
    Event,
    EventsLeftOut,
    Hedged,
    HedgeWon,
    NodeEjected,
    NodeProbed,
    NodeReturned,
    NodeThrottled,
    NodeTurned,
    NodeUnthrottled,
    RequestShed,
    Retried,
    SourceObserved,
    SourceReleased,
    SourceThrottled,
    WorkerReplaced,
)
from s3edge.s3.operation import Operation
from s3edge.telemetry.families import FAMILIES, Kind
from s3edge.telemetry.meter import BOUNDS, Meter

# Each kind of event, and what it adds to.
COUNTED: list[tuple[Event, dict[str, list[tuple[list[str], int]]]]] = [
    (Retried("n2", None), {"s3edge_retries_total": [(["n2"], 1)]}),
    (Hedged("n2", None, 0.05), {"s3edge_hedges_total": [(["sent"], 1), (["won"], 0)]}),
    (HedgeWon("n2", None), {"s3edge_hedges_total": [(["sent"], 0), (["won"], 1)]}),
    (BodyBroken("n1", None, End.STALLED, 5), {"s3edge_bodies_broken_total": [(["n1", "stalled"], 1)]}),
    (
        BodyResumed("n2", None, 5, 0.01, 700),
        {"s3edge_resumes_total": [(["n2"], 1)], "s3edge_refetched_bytes_total": [([], 700)]},
    ),
    (BodyCut("n1", None, 5, "no other node"), {"s3edge_bodies_cut_total": [([], 1)]}),
    (
        RequestShed("", None, "default", Cause.GUARD, "too many wait"),
        {
            "s3edge_shed_total": [
                (["default", "limit"], 0),
                (["default", "guard"], 1),
                (["default", "capacity"], 0),
            ]
        },
    ),
    (NodeEjected("n1", None, "5 failures in a row", 2.0), {"s3edge_node_ejections_total": [(["n1"], 1)]}),
    (AttemptFailed("n1", None, End.CLOSED, ""), {}),
    (NodeProbed("n1", None), {}),
    (NodeReturned("n1", None), {}),
    (NodeThrottled("n1", None, 400.0), {}),
    (NodeUnthrottled("n1", None), {}),
    (NodeTurned("n1", None, "down", "no answer within 1 s"), {}),
    (SourceThrottled("", None, "tenant rag", 25.0, None, "list storm"), {}),
    (SourceReleased("", None, "tenant rag", "calm for 30 s"), {}),
    (SourceObserved("", None, "tenant rag", "list storm"), {}),
    (ConfigApplied("", None, "limits"), {}),
    (ConfigRefused("", None, "a fault"), {}),
    (WorkerReplaced("", None, 0, "exited with code 1"), {}),
    (EventsLeftOut("", None, 3), {}),
]


def busy_meter() -> Meter:
    """A meter with a sample in every family that it fills by itself."""
    meter = Meter()
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 4096, 0.002, 0.003)
    meter.attempt("n1", "complete")
    meter.connection("n1", "opened")
    meter.waited("default", 0.25)
    for event, _ in COUNTED:
        meter.event(event)
    return meter


def test_exchanges_are_told_apart_by_operation_status_and_outcome() -> None:
    meter = Meter()
    for _ in range(3):
        meter.exchange("default", Operation.GetObject, 200, "complete", 0, 10, 0.1, 0.1)
    meter.exchange("default", Operation.GetObject, 200, "client_left", 0, 10, 0.1, 0.1)
    meter.exchange("default", Operation.GetObject, 404, "complete", 0, 10, 0.1, 0.1)
    meter.exchange("default", Operation.PutObject, 200, "complete", 10, 0, 0.1, 0.1)
    assert sorted(meter.snapshot()["s3edge_exchanges_total"]) == [
        (["GetObject", "200", "client_left"], 1),
        (["GetObject", "200", "complete"], 3),
        (["GetObject", "404", "complete"], 1),
        (["PutObject", "200", "complete"], 1),
    ]


def test_bytes_are_added_up_for_each_operation() -> None:
    meter = Meter()
    meter.exchange("default", Operation.PutObject, 200, "complete", 700, 1, 0.1, 0.1)
    meter.exchange("default", Operation.PutObject, 503, "refused", 50, 20, 0.1, 0.1)
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 4096, 0.1, 0.1)
    snapshot = meter.snapshot()
    assert snapshot["s3edge_received_bytes_total"] == [(["PutObject"], 750), (["GetObject"], 0)]
    assert snapshot["s3edge_sent_bytes_total"] == [(["PutObject"], 21), (["GetObject"], 4096)]


def test_the_requests_and_bytes_of_a_tenant_are_told_apart_by_class_and_outcome() -> None:
    meter = Meter()
    meter.exchange("rag", Operation.GetObject, 200, "done", 0, 4096, 0.1, 0.1)
    meter.exchange("rag", Operation.HeadObject, 404, "done", 0, 10, 0.1, 0.1)
    meter.exchange("rag", Operation.GetObject, 503, "failed", 0, 20, 0.1, 0.1)
    meter.exchange("training", Operation.PutObject, 200, "done", 700, 1, 0.1, 0.1)
    meter.exchange("training", Operation.ListObjectsV2, 200, "done", 0, 300, 0.1, 0.1)
    snapshot = meter.snapshot()
    assert snapshot["s3edge_tenant_exchanges_total"] == [
        (["rag", "read", "done"], 2),
        (["rag", "read", "failed"], 1),
        (["training", "write", "done"], 1),
        (["training", "list", "done"], 1),
    ]
    assert snapshot["s3edge_tenant_received_bytes_total"] == [(["rag"], 0), (["training"], 700)]
    assert snapshot["s3edge_tenant_sent_bytes_total"] == [(["rag"], 4126), (["training"], 301)]


def test_an_operation_is_counted_once_however_many_tenants_use_it() -> None:
    meter = Meter()
    for tenant in ("rag", "training", "rag"):
        meter.exchange(tenant, Operation.GetObject, 200, "done", 1, 10, 0.1, 0.1)
    snapshot = meter.snapshot()
    assert snapshot["s3edge_exchanges_total"] == [(["GetObject", "200", "done"], 3)]
    assert snapshot["s3edge_received_bytes_total"] == [(["GetObject"], 3)]
    assert snapshot["s3edge_sent_bytes_total"] == [(["GetObject"], 30)]


def test_the_time_that_the_requests_of_a_tenant_waited_adds_up() -> None:
    meter = Meter()
    for tenant, seconds in (("rag", 0.25), ("rag", 0.5), ("training", 2.0)):
        meter.waited(tenant, seconds)
    snapshot = meter.snapshot()
    assert snapshot["s3edge_tenant_waits_total"] == [(["rag"], 2), (["training"], 1)]
    assert snapshot["s3edge_tenant_waiting_seconds_total"] == [(["rag"], 0.75), (["training"], 2.0)]


@pytest.mark.parametrize("index", range(len(BOUNDS)))
def test_a_time_counts_in_the_first_bucket_whose_bound_it_does_not_exceed(index: int) -> None:
    meter = Meter()
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 0, None, BOUNDS[index])
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 0, None, BOUNDS[index] * 1.0001)
    [(_, counts)] = meter.snapshot()["s3edge_exchange_seconds"]
    assert isinstance(counts, list)
    assert [counts[index], counts[index + 1], sum(counts[:-1])] == [1, 1, 2]
    assert counts[-1] == pytest.approx(BOUNDS[index] * 2.0001)


def test_an_exchange_without_an_answer_has_no_time_to_first_byte() -> None:
    meter = Meter()
    meter.exchange("default", Operation.GetObject, 0, "client_left", 0, 0, None, 1.0)
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 0, 0.5, 1.0)
    [(_, first_byte)] = meter.snapshot()["s3edge_first_byte_seconds"]
    assert isinstance(first_byte, list)
    assert (sum(first_byte[:-1]), first_byte[-1]) == (1, 0.5)


@pytest.mark.parametrize("event,added", COUNTED, ids=lambda value: value.name if isinstance(value, Event) else "")
def test_an_event_adds_to_its_own_counters_and_to_no_other(event: Event, added: dict[str, object]) -> None:
    meter = Meter()
    before = meter.snapshot()
    meter.event(event)
    assert meter.snapshot() == before | added


def test_every_kind_of_event_is_known_to_count_or_not() -> None:
    # By name: `slots=True` makes each class twice.
    assert {event.name for event, _ in COUNTED} == {kind.__name__ for kind in Event.__subclasses__()}


def test_events_of_one_kind_add_up_for_each_node() -> None:
    meter = Meter()
    for node in ("n1", "n2", "n1"):
        meter.event(BodyResumed(node, None, 5, 0.01, 100))
    assert meter.snapshot()["s3edge_resumes_total"] == [(["n1"], 2), (["n2"], 1)]
    assert meter.snapshot()["s3edge_refetched_bytes_total"] == [([], 300)]


def test_counters_without_a_node_are_there_before_their_first_event() -> None:
    snapshot = Meter().snapshot()
    assert snapshot["s3edge_hedges_total"] == [(["sent"], 0), (["won"], 0)]
    for family in ("s3edge_refetched_bytes_total", "s3edge_bodies_cut_total"):
        assert snapshot[family] == [([], 0)]
    assert snapshot["s3edge_shed_total"] == [(["default", cause], 0) for cause in Cause]


def test_levels_kept_elsewhere_are_read_when_the_snapshot_is_taken() -> None:
    meter, inflight = Meter(), [4]
    meter.gauge("s3edge_node_inflight", ("n1",), lambda: inflight[0])
    inflight[0] = 7
    assert meter.snapshot()["s3edge_node_inflight"] == [(["n1"], 7)]


def test_levels_whose_labels_come_and_go_are_those_of_the_moment() -> None:
    meter, inflight = Meter(), {"rag": 4}
    meter.levels("s3edge_tenant_inflight", lambda: inflight)
    assert meter.snapshot()["s3edge_tenant_inflight"] == [(["rag"], 4)]
    inflight.clear()
    inflight["training"] = 1
    assert meter.snapshot()["s3edge_tenant_inflight"] == [(["training"], 1)]


def test_what_somebody_else_counts_is_read_for_each_snapshot() -> None:
    meter, exported = Meter(), [3]
    meter.counter("s3edge_spans_total", ("exported",), lambda: exported[0])
    assert meter.snapshot()["s3edge_spans_total"] == [(["exported"], 3)]
    exported[0] = 5
    assert meter.snapshot()["s3edge_spans_total"] == [(["exported"], 5)]
    with pytest.raises(ValueError, match="s3edge_node_inflight is no counter"):
        meter.counter("s3edge_node_inflight", ("n1",), lambda: 1)


def test_a_counter_is_no_gauge() -> None:
    with pytest.raises(ValueError, match="s3edge_attempts_total is no gauge"):
        Meter().gauge("s3edge_attempts_total", ("n1", "complete"), lambda: 1)
    with pytest.raises(ValueError, match="s3edge_tenant_waits_total is no gauge"):
        Meter().levels("s3edge_tenant_waits_total", dict)


def test_every_sample_fits_its_family_in_the_table() -> None:
    for name, samples in busy_meter().snapshot().items():
        family = FAMILIES[name]
        assert samples, f"{name} has no sample in this test"
        for labels, value in samples:
            assert len(labels) == len(family.labels)
            assert isinstance(value, list) == (family.kind is Kind.HISTOGRAM)


def test_a_snapshot_survives_a_trip_through_json() -> None:
    snapshot = busy_meter().snapshot()
    as_lists = {name: [list(sample) for sample in samples] for name, samples in snapshot.items()}
    assert json.loads(json.dumps(snapshot)) == as_lists


def test_a_snapshot_does_not_change_when_counting_goes_on() -> None:
    meter = busy_meter()
    before = meter.snapshot()
    kept = json.dumps(before)
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 4096, 0.002, 0.003)
    meter.connections_accepted += 1
    assert json.dumps(before) == kept
