import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.s3.operation import Operation
from s3edge.telemetry.meter import Columns, Meter, Snapshot
from s3edge.telemetry.rollup import Rollup


def counted(exchanges: int, connections_open: int = 0) -> Columns:
    """What a worker sends after so many exchanges, as it comes from its JSON."""
    meter = Meter()
    meter.connections_open = connections_open
    for _ in range(exchanges):
        meter.exchange("default", Operation.GetObject, 200, "complete", 0, 100, 0.002, 0.004)
    columns: Columns = json.loads(json.dumps(meter.columns()))
    return columns


def exchanges_in(snapshot: Snapshot) -> float:
    """The number of exchanges in a sum."""
    return sum(value for _, value in snapshot["s3edge_exchanges_total"] if not isinstance(value, list))


def test_counters_levels_and_histograms_of_workers_add_up() -> None:
    total = Rollup().total([counted(2, 5), counted(3, 7)])
    assert total["s3edge_exchanges_total"] == [(["GetObject", "200", "complete"], 5)]
    assert total["s3edge_connections_open"] == [([], 12)]
    [(labels, histogram)] = total["s3edge_exchange_seconds"]
    assert isinstance(histogram, list)
    assert (labels, sum(histogram[:-1])) == (["GetObject"], 5)
    assert histogram[-1] == pytest.approx(0.02)


def test_samples_that_only_one_worker_has_are_kept() -> None:
    one, other = Meter(), Meter()
    one.attempt("n1", "complete")
    other.attempt("n2", "complete")
    total = Rollup().total((one.columns(), other.columns()))
    assert total["s3edge_attempts_total"] == [(["n1", "complete"], 1), (["n2", "complete"], 1)]


def test_what_a_dead_worker_counted_stays_and_its_levels_vanish() -> None:
    rollup = Rollup()
    rollup.retire(counted(4, connections_open=9))
    total = rollup.total([counted(1, connections_open=2)])
    assert exchanges_in(total) == 5
    assert total["s3edge_connections_open"] == [([], 2)]


def test_without_living_workers_the_dead_still_count() -> None:
    rollup = Rollup()
    rollup.retire(counted(4))
    assert exchanges_in(rollup.total([])) == 4


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=20))
def test_counters_never_fall_whoever_dies(steps: list[tuple[int, bool]]) -> None:
    """Each step: a worker counts some exchanges, and then may die and be replaced by one that starts at zero."""
    rollup, meter, seen = Rollup(), Meter(), 0.0
    for count, dies in steps:
        for _ in range(count):
            meter.exchange("default", Operation.GetObject, 200, "complete", 0, 1, None, 0.1)
        if dies:
            rollup.retire(meter.columns())
            meter = Meter()
        now = exchanges_in(rollup.total([meter.columns()]))
        assert now >= seen
        seen = now
    assert seen == sum(count for count, _ in steps)


def test_adding_leaves_what_was_counted_as_it_is() -> None:
    one, other, rollup = counted(1), counted(2), Rollup()
    before = json.dumps([one, other])
    rollup.retire(one)
    rollup.total((one, other))
    assert json.dumps([one, other]) == before
    assert exchanges_in(rollup.total(())) == 1


def test_numbers_of_a_histogram_that_are_too_few_are_a_fault() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Rollup().total(({"s3edge_exchange_seconds": (["GetObject"], [1.0, 2.0])},))
