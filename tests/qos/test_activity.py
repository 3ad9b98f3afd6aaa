"""Counting what sources do: what a request adds to, how different things are counted, how reports travel."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.qos.activity import MARKS, Activities, Activity, Report, Source, mark, read_report
from s3edge.s3.operation import OperationClass

READ, WRITE, LIST = OperationClass.READ, OperationClass.WRITE, OperationClass.LIST
RAG = Source("tenant", "rag")
CLIENT = Source("client", "10.0.0.1")


NAMES = [b"/datasets/train/%06d.tar", b"/b/%d", b"/b/part-%05d-of-10000.parquet", b"/m/model.bin?partNumber=%x"]


def asked(count: int, different: int, name: bytes = NAMES[0]) -> Activity:
    """The activity of `count` reads, of so many `different` keys in turn."""
    activity = Activity()
    for number in range(count):
        activity.count(READ, 200, 0, 0, mark(name % (number % different)))
    return activity


@pytest.mark.parametrize(
    "kind,status,counts",
    [
        (READ, 206, Activity(requests=1)),
        (WRITE, 200, Activity(requests=1)),
        (LIST, 200, Activity(requests=1, lists=1)),
        (READ, 0, Activity(requests=1)),
        (READ, 304, Activity(requests=1)),
        (READ, 400, Activity(requests=1, errors=1)),
        (READ, 404, Activity(requests=1, errors=1, missing=1)),
        (WRITE, 403, Activity(requests=1, errors=1, denied=1)),
        (READ, 499, Activity(requests=1, errors=1)),
        (LIST, 500, Activity(requests=1, lists=1, failed=1)),
        (READ, 503, Activity(requests=1, failed=1)),
    ],
    ids=str,
)
def test_a_request_adds_to_what_its_kind_and_status_say(kind: OperationClass, status: int, counts: Activity) -> None:
    activity = Activity()
    activity.count(kind, status, 0, 0, 7)
    counts.marks = {7}
    assert activity == counts


def test_a_shed_request_is_demand_and_no_error() -> None:
    activity = Activity()
    activity.count_shed(READ, 7)
    activity.count_shed(LIST, 8)
    assert activity == Activity({7, 8}, requests=2, shed=2, lists=1)


def test_bytes_are_added_in_both_directions() -> None:
    activity = Activity()
    activity.count(READ, 200, 0, 4096, 1)
    activity.count(WRITE, 200, 100, 10, 2)
    activity.sent += 1 << 20  # what a long body adds while it moves
    assert (activity.received, activity.sent) == (100, 4106 + (1 << 20))


def test_a_mark_is_the_same_in_all_workers() -> None:
    assert mark(b"/datasets/train/000001.tar") == 1888  # not salted as hash() is


def test_another_range_of_one_object_is_another_thing() -> None:
    target = b"/models/llama.safetensors"
    marks = {mark(target, b"bytes=%d-%d" % (start << 23, (start + 1 << 23) - 1)) for start in range(100)}
    assert len(marks) > 90
    assert mark(target, b"bytes=0-1") == mark(target, b"bytes=0-1")
    assert mark(target) not in marks


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("different,most_off", [(1, 0.01), (50, 0.04), (1000, 0.07), (10_000, 0.2)])
def test_different_things_are_counted_within_four_standard_deviations(
    different: int, most_off: float, name: bytes
) -> None:
    assert asked(20_000, different, name).distinct() == pytest.approx(different, rel=most_off)


def test_when_no_mark_is_left_free_everything_counts_as_different() -> None:
    activity = Activity(set(range(MARKS)), requests=1_000_000)
    assert activity.distinct() == 1_000_000


@given(st.lists(st.binary(max_size=4), max_size=300))
def test_there_are_never_more_different_things_than_requests(targets: list[bytes]) -> None:
    activity = Activity()
    for target in targets:
        activity.count(READ, 200, 0, 0, mark(target))
    assert bool(targets) <= activity.distinct() <= len(targets)


def test_two_workers_that_were_asked_for_the_same_were_asked_for_one_thing() -> None:
    both = asked(300, 3)
    both.merge(asked(200, 3))
    assert both.requests == 500
    assert both.distinct() == pytest.approx(3, abs=0.01)


@given(st.lists(st.lists(st.integers(0, 10**12), min_size=10, max_size=10), min_size=2, max_size=4))
def test_merging_adds_every_count(rows: list[list[int]]) -> None:
    total = Activity()
    for row in rows:
        total.merge(Activity(set(), *row))
    assert total.counts() == [sum(column) for column in zip(*rows, strict=True)]


def test_a_report_has_what_was_active_and_survives_json() -> None:
    activities = Activities()
    activities.of(RAG).count(READ, 404, 0, 300, 5)
    activities.of(CLIENT).connections += 1
    report: Report = json.loads(json.dumps(activities.take()))
    assert dict(read_report(report)) == {
        RAG: Activity({5}, requests=1, sent=300, errors=1, missing=1),
        CLIENT: Activity(connections=1),
    }


def test_what_was_reported_is_not_reported_again() -> None:
    activities = Activities()
    activities.of(RAG).count(READ, 200, 0, 1, 5)
    activities.take()
    assert activities.take() == []
    activities.of(RAG).count(READ, 200, 0, 2, 6)
    assert dict(read_report(activities.take())) == {RAG: Activity({6}, requests=1, sent=2)}


def test_a_flood_of_addresses_takes_no_memory_and_no_place_of_those_that_are_counted() -> None:
    activities = Activities(most=2)
    for number in range(100):
        activities.of(Source("client", f"10.0.0.{number}")).requests += 1
    activities.of(Source("client", "10.0.0.1")).requests += 1
    assert [(source.name, activity.requests) for source, activity in read_report(activities.take())] == [
        ("10.0.0.0", 1),
        ("10.0.0.1", 2),
    ]
    activities.of(RAG).requests += 1
    assert [source for source, _ in read_report(activities.take())] == [RAG]


def test_a_tenant_and_a_client_of_one_name_are_two_sources() -> None:
    activities = Activities()
    activities.of(Source("tenant", "10.0.0.1")).requests += 1
    activities.of(CLIENT).requests += 2
    assert [activity.requests for _, activity in read_report(activities.take())] == [1, 2]
    assert str(CLIENT) == "client 10.0.0.1"
