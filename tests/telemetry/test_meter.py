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
from s3edge.s3.operation import Operation, OperationClass
from s3edge.s3.payload import PayloadKind
from s3edge.telemetry.families import FAMILIES, SIZES, TIMES, Kind
from s3edge.telemetry.histogram import Histogram
from s3edge.telemetry.meter import Columns, Meter, join
from s3edge.telemetry.totals import PART

# Each kind of event, and what it adds to.
COUNTED: list[tuple[Event, dict[str, list[tuple[list[str], int]]]]] = [
    (Retried("n2", None), {"s3edge_retries_total": [(["n2"], 1)]}),
    (Hedged("n2", None, 0.05), {"s3edge_hedges_total": [(["sent"], 1), (["won"], 0), (["wasted"], 0)]}),
    (HedgeWon("n2", None), {"s3edge_hedges_total": [(["sent"], 0), (["won"], 1), (["wasted"], 0)]}),
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
    meter.waited("default", OperationClass.READ, 0.25)
    meter.stalled["default"] += 0.002
    meter.uploads[PayloadKind.UNSIGNED] += 1
    meter.budget_denied("c", "retry")
    meter.histogram("s3edge_node_first_byte_seconds", ("n1",), Histogram(TIMES))
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


def test_the_requests_of_a_tenant_are_told_apart_by_class_status_and_outcome_and_their_bytes_are_not() -> None:
    meter = Meter()
    meter.exchange("rag", Operation.GetObject, 200, "done", 0, 4096, 0.1, 0.1)
    meter.exchange("rag", Operation.HeadObject, 200, "done", 0, 0, 0.1, 0.1)
    meter.exchange("rag", Operation.HeadObject, 404, "done", 0, 10, 0.1, 0.1)
    meter.exchange("rag", Operation.GetObject, 503, "failed", 0, 20, 0.1, 0.1)
    meter.exchange("training", Operation.PutObject, 200, "done", 700, 1, 0.1, 0.1)
    meter.exchange("training", Operation.ListObjectsV2, 200, "done", 0, 300, 0.1, 0.1)
    snapshot = meter.snapshot()
    assert snapshot["s3edge_tenant_exchanges_total"] == [
        (["rag", "read", "200", "done"], 2),
        (["rag", "read", "404", "done"], 1),
        (["rag", "read", "503", "failed"], 1),
        (["training", "write", "200", "done"], 1),
        (["training", "list", "200", "done"], 1),
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
        meter.waited(tenant, OperationClass.LIST, seconds)
    snapshot = meter.snapshot()
    assert snapshot["s3edge_tenant_waits_total"] == [(["rag"], 2), (["training"], 1)]
    assert snapshot["s3edge_tenant_waiting_seconds_total"] == [(["rag"], 0.75), (["training"], 2.0)]
    waited = {labels[0]: value for labels, value in snapshot["s3edge_waiting_seconds"] if isinstance(value, list)}
    assert {kind: (sum(value[:-1]), value[-1]) for kind, value in waited.items()} == {
        "read": (0, 0), "write": (0, 0), "list": (3, 2.75)
    }  # fmt: skip


@pytest.mark.parametrize("index", range(len(TIMES)))
def test_a_time_counts_in_the_first_bucket_whose_bound_it_does_not_exceed(index: int) -> None:
    meter = Meter()
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 0, None, TIMES[index])
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 0, None, TIMES[index] * 1.0001)
    [(_, counts)] = meter.snapshot()["s3edge_exchange_seconds"]
    assert isinstance(counts, list)
    assert [counts[index], counts[index + 1], sum(counts[:-1])] == [1, 1, 2]
    assert counts[-1] == pytest.approx(TIMES[index] * 2.0001)


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
    assert snapshot["s3edge_hedges_total"] == [(["sent"], 0), (["won"], 0), (["wasted"], 0)]
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
    with pytest.raises(ValueError, match="s3edge_tenant_waits_total is no histogram"):
        Meter().histogram("s3edge_tenant_waits_total", ("rag",), Histogram(TIMES))


def test_every_sample_fits_its_family_in_the_table() -> None:
    for name, samples in busy_meter().snapshot().items():
        family = FAMILIES[name]
        assert samples, f"{name} has no sample in this test"
        for labels, value in samples:
            assert len(labels) == len(family.labels)
            assert isinstance(value, list) == (family.kind is Kind.HISTOGRAM)


def test_columns_survive_a_trip_through_json() -> None:
    columns = busy_meter().columns()
    assert json.loads(json.dumps(columns)) == {name: list(column) for name, column in columns.items()}


def test_parts_make_a_whole_and_each_is_short_however_many_tenants_and_nodes_there_are() -> None:
    meter = Meter()
    for number in range(2500):
        meter.exchange(f"team{number}", Operation.GetObject, 200, "done", 0, number, 0.1, 0.1)
        meter.exchange(f"team{number}", Operation.PutObject, 200, "done", number, 0, 0.1, 0.1)
        meter.attempt(f"n{number}", "done")
    parts = list(meter.parts())
    assert max(len(numbers) for part in parts for _, numbers in part.values()) < 2 * PART
    whole: Columns = {}
    for part in parts:
        join(whole, part)
    assert whole == meter.columns()
    assert sum(whole["s3edge_tenant_exchanges_total"][1]) == sum(whole["s3edge_exchanges_total"][1]) == 5000
    assert sum(whole["s3edge_attempts_total"][1]) == 2500


def test_counting_goes_on_between_two_parts() -> None:
    meter = Meter()
    for number in range(3 * PART):
        meter.exchange(f"team{number}", Operation.GetObject, 200, "done", 0, 1, 0.1, 0.1)
        meter.attempt(f"n{number}", "done")
    seen = 0
    for _ in meter.parts():
        meter.exchange(f"newcomer{seen}", Operation.GetObject, 500 + seen, "done", 0, 1, 0.1, 0.1)
        meter.attempt(f"newcomer{seen}", "done")
        meter.stalled[f"newcomer{seen}"] += 1
        seen += 1
    assert sum(meter.columns()["s3edge_exchanges_total"][1]) == 3 * PART + seen


@pytest.mark.parametrize("index", range(len(SIZES)))
def test_a_body_counts_in_the_first_bucket_whose_bound_it_does_not_exceed(index: int) -> None:
    meter = Meter()
    meter.exchange("default", Operation.GetObject, 200, "done", 0, SIZES[index], 0.1, 0.1)
    meter.exchange("default", Operation.GetObject, 200, "done", 1, SIZES[index], 0.1, 0.1)
    [(_, counts)] = meter.snapshot()["s3edge_exchange_bytes"]
    assert isinstance(counts, list)
    assert [counts[index], counts[index + 1], sum(counts[:-1])] == [1, 1, 2]
    assert counts[-1] == 2 * SIZES[index] + 1


def test_an_exchange_without_a_body_counts_in_the_first_bucket() -> None:
    meter = Meter()
    meter.exchange("default", Operation.HeadObject, 200, "done", 0, 0, 0.1, 0.1)
    assert meter.columns()["s3edge_exchange_bytes"] == (["HeadObject"], [1] + [0] * (len(SIZES) + 1))


def test_statuses_that_http_does_not_know_count_by_their_hundred() -> None:
    meter = Meter()
    for status in range(1000):
        meter.exchange("default", Operation.GetObject, status, "done", 0, 1, 0.1, 0.1)
    statuses = {labels[1]: count for labels, count in meter.snapshot()["s3edge_exchanges_total"]}
    assert (statuses["200"], statuses["404"], statuses["0"]) == (1, 1, 1)
    assert {status for status in statuses if not status.isdigit()} == {f"{hundred}xx" for hundred in range(10)}
    assert len(statuses) < 100
    assert sum(count for count in statuses.values() if not isinstance(count, list)) == 1000


def test_a_table_of_counts_that_are_kept_elsewhere_is_read_when_the_snapshot_is_taken() -> None:
    meter = Meter()
    hits: dict[tuple[str, ...], int] = {("p", "tenant", "requests", "waited"): 4}
    meter.table("s3edge_limit_hits_total", lambda: hits)
    hits["p", "tenant", "requests", "shed"] = 1
    assert meter.snapshot()["s3edge_limit_hits_total"] == [
        (["p", "tenant", "requests", "waited"], 4),
        (["p", "tenant", "requests", "shed"], 1),
    ]


def test_a_histogram_that_is_kept_elsewhere_is_a_copy_in_the_snapshot() -> None:
    meter, histogram = Meter(), Histogram(TIMES)
    meter.histogram("s3edge_node_first_byte_seconds", ("n1",), histogram)
    histogram.observe(0.002)
    snapshot = meter.snapshot()
    histogram.observe(100.0)
    [(labels, counts)] = snapshot["s3edge_node_first_byte_seconds"]
    assert (labels, counts) == (["n1"], [0, 1, *[0] * (len(TIMES) - 1), 0.002])


def test_a_snapshot_does_not_change_when_counting_goes_on() -> None:
    meter = busy_meter()
    before = meter.snapshot()
    kept = json.dumps(before)
    meter.exchange("default", Operation.GetObject, 200, "complete", 0, 4096, 0.002, 0.003)
    meter.connections_accepted += 1
    assert json.dumps(before) == kept
