import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.nodes import MIB
from loadtests.records import Readings, Record, load, percentile, save, summarise, timeline

GOOD = Record(started=0.1, first_byte=0.010, stall=0.002, took=0.1, size=MIB, outcome="ok")
SLOW = Record(started=0.2, first_byte=0.030, stall=0.5, took=0.9, size=MIB, outcome="ok")
CUT = Record(started=0.6, first_byte=0.020, stall=0.7, took=0.8, size=0, outcome="truncated")
LOST = Record(started=0.6, first_byte=None, stall=0.0, took=2.0, size=0, outcome="timed out")
LIE = Record(started=0.6, first_byte=0.001, stall=0.0, took=0.1, size=0, outcome="wrong bytes")


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    readings = Readings([GOOD, LOST], [1, 2, 3])
    save(readings, tmp_path / "records")
    assert load(tmp_path / "records") == readings


def test_a_summary_counts_failures_by_what_they_were() -> None:
    summary = summarise([GOOD, SLOW, CUT, CUT, LOST, LIE], seconds=2.0)
    assert (summary.requests, summary.failed, summary.lies) == (6, 4, 1)
    assert summary.outcomes == {"timed out": 1, "truncated": 2, "wrong bytes": 1}
    assert summary.failed_share == pytest.approx(4 / 6)


def test_rates_and_percentiles_are_those_of_good_requests_only() -> None:
    summary = summarise([GOOD, SLOW, CUT, LOST], seconds=2.0)
    assert (summary.requests_per_second, summary.mib_per_second) == (1.0, 1.0)
    assert (summary.p50, summary.p99, summary.mean_first_byte) == (0.010, 0.030, 0.020)
    assert summary.mean_latency == pytest.approx(0.5)


def test_the_longest_waits_are_those_of_failed_requests_too() -> None:
    summary = summarise([GOOD, CUT, LOST], seconds=2.0)
    assert (summary.longest_wait, summary.longest_stall) == (2.0, 0.7)


def test_a_run_without_requests_has_failed_and_has_no_figures() -> None:
    summary = summarise([], seconds=2.0)
    assert summary.failed_share == 1.0
    assert math.isnan(summary.p99)
    assert math.isnan(summary.longest_wait)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(values: list[float], share: float) -> None:
    ascending = sorted(values)
    found = percentile(ascending, share)
    below = sum(value < found for value in ascending)
    not_above = sum(value <= found for value in ascending)
    assert found in ascending
    assert below < share * len(ascending) <= not_above


def test_requests_count_where_they_ended_and_first_bytes_where_they_came() -> None:
    first, second, third = timeline(Readings([GOOD, SLOW, CUT], [MIB, 0]), seconds=1.5)
    assert (first.at, first.requests, first.errors, first.mib_per_second) == (0.0, 1, 0, 2.0)
    assert (first.p50, first.longest) == (0.010, 0.030)
    assert (second.requests, second.errors, second.mib_per_second, second.longest) == (0, 0, 0.0, 0.020)
    assert (third.requests, third.errors, third.mib_per_second) == (2, 1, 0.0)
    assert math.isnan(third.longest)


def test_a_timeline_leaves_out_what_ended_after_the_run() -> None:
    assert [point.requests for point in timeline(Readings([LOST], []), seconds=1.0)] == [0, 0]
