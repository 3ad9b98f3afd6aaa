"""From counts to rates and times."""

from bisect import bisect_left
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.telemetry.families import TIMES
from s3edge.telemetry.meter import Snapshot
from s3edge.telemetry.rates import WINDOW, Recent, histograms, per_second, quantile, summed, total

SHED: Snapshot = {
    "s3edge_shed_total": [(["rag", "limit"], 3), (["rag", "guard"], 4), (["training", "limit"], 5)],
    "s3edge_connections_open": [([], 9)],
}


def counts(*seconds: float) -> list[float]:
    """The buckets of a histogram that took in these times."""
    buckets = [0.0] * (len(TIMES) + 1)
    for each in seconds:
        buckets[bisect_left(TIMES, each)] += 1
    return buckets


def histogram(*seconds: float) -> list[float]:
    """The same as a snapshot has it."""
    return [*counts(*seconds), sum(seconds)]


def test_samples_are_added_up_by_their_first_label() -> None:
    assert summed(SHED, "s3edge_shed_total") == {"rag": 7, "training": 5}
    assert summed(SHED, "s3edge_connections_open") == {"": 9}
    assert summed(SHED, "s3edge_hedges_total", "s3edge_shed_total") == {"rag": 7, "training": 5}


def test_samples_can_be_chosen_by_a_label_of_their_family() -> None:
    assert summed(SHED, "s3edge_shed_total", label="cause", values=("limit", "capacity")) == {"rag": 3, "training": 5}


def test_a_rate_is_what_was_added_over_the_time_that_passed() -> None:
    assert per_second({"rag": 10, "gone": 5}, {"rag": 30, "new": 4}, 2.0) == {"rag": 10.0, "new": 2.0}


def test_what_falls_has_a_rate_of_zero_and_so_has_what_took_no_time() -> None:
    assert per_second({"rag": 30}, {"rag": 10}, 2.0) == {"rag": 0.0}
    assert per_second({"rag": 10}, {"rag": 30}, 0.0) == {"rag": 0.0}


def test_histograms_are_added_up_by_their_first_label() -> None:
    snapshot: Snapshot = {
        "s3edge_first_byte_seconds": [(["GetObject"], histogram(0.002, 70.0)), (["GetObject"], histogram(0.002))]
    }
    assert histograms(snapshot, "s3edge_first_byte_seconds") == {"GetObject": counts(0.002, 0.002, 70.0)}
    assert histograms(snapshot, "s3edge_exchange_seconds") == {}


def test_several_histograms_are_one_in_all() -> None:
    assert total({"a": counts(0.002), "b": counts(0.002, 3.0)}) == counts(0.002, 0.002, 3.0)
    assert total({}) == []


def test_what_was_counted_before_anybody_looked_is_not_recent() -> None:
    recent = Recent()
    assert recent.take({"n1": counts(1.0, 1.0)}, 100.0) == {"n1": counts()}
    assert recent.take({"n1": counts(1.0, 1.0, 2.0)}, 101.0) == {"n1": counts(2.0)}


def test_what_is_older_than_the_window_is_not_recent() -> None:
    recent, counted = Recent(), list[float]()
    for second in range(15):
        counted.append(TIMES[second % len(TIMES)])
        shown = recent.take({"n1": counts(*counted)}, float(second))
        assert shown == {"n1": counts(*counted[max(1, second + 1 - int(WINDOW)) :])}


def test_after_a_pause_longer_than_the_window_the_whole_pause_is_recent() -> None:
    recent = Recent()
    recent.take({"n1": counts(1.0)}, 0.0)
    assert recent.take({"n1": counts(1.0, 2.0)}, 60.0) == {"n1": counts(2.0)}
    assert recent.take({"n1": counts(1.0, 2.0, 3.0)}, 61.0) == {"n1": counts(2.0, 3.0)}
    assert recent.take({"n1": counts(1.0, 2.0, 3.0)}, 70.0) == {"n1": counts(3.0)}


def test_a_node_that_was_not_there_before_is_recent_as_a_whole() -> None:
    recent = Recent()
    recent.take({}, 0.0)
    assert recent.take({"n2": counts(1.0)}, 1.0) == {"n2": counts(1.0)}


@pytest.mark.parametrize(
    "share,seconds,expected",
    [
        (0.5, [0.001], 0.0005),  # the middle of the first bucket
        (0.5, [0.002] * 4, 0.00175),  # the middle of the second one
        (0.99, [0.002] * 99 + [4.0], 0.0025),  # all of those below, and none of the one above
        (0.5, [0.002, 0.002, 4.0], 0.001 + 0.0015 * 0.75),
        (1.0, [0.002, 4.0], 5.0),
        (0.99, [70.0], 60.0),  # beyond the last bound
        (0.5, [], None),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(
    share: float, seconds: list[float], expected: float | None
) -> None:
    found = quantile(share, counts(*seconds))
    assert found == (None if expected is None else pytest.approx(expected))


times = st.lists(st.floats(0.00001, 100.0), min_size=1, max_size=60)


@given(times, st.floats(0.01, 1.0))
def test_a_quantile_lies_in_the_bucket_of_the_time_that_has_its_rank(seconds: list[float], share: float) -> None:
    found = quantile(share, counts(*seconds))
    assert found is not None
    ranked = sorted(seconds)[max(0, ceil(share * len(seconds) - 1e-9) - 1)]
    bucket = bisect_left(TIMES, ranked)
    low = TIMES[bucket - 1] if bucket else 0.0
    high = TIMES[min(bucket, len(TIMES) - 1)]
    assert min(low, TIMES[-1]) - 1e-9 <= found <= high + 1e-9


@given(times, st.floats(0.01, 1.0), st.floats(0.01, 1.0))
def test_a_larger_share_never_took_less(seconds: list[float], one: float, other: float) -> None:
    low, high = (quantile(share, counts(*seconds)) for share in sorted((one, other)))
    assert low is not None
    assert high is not None
    assert low <= high + 1e-12
