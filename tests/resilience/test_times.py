"""Quantiles of recent times: close to the true ones, and quick to follow a change."""

from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.resilience.times import LEAST_KNOWN, SHORTEST, Times

BUCKET = 2 ** (1 / 8)


def times_of(*runs: tuple[float, int]) -> Times:
    """Each of the times, as often as said."""
    times = Times()
    for seconds, count in runs:
        for _ in range(count):
            times.add(seconds)
    return times


def test_nothing_is_known_of_fewer_than_32_times() -> None:
    times = times_of((0.01, LEAST_KNOWN - 1))
    assert times.quantile(0.5) is None
    times.add(0.01)
    assert times.quantile(0.5) == pytest.approx(0.01, rel=0.09)
    assert LEAST_KNOWN == times.count == 32


@given(st.lists(st.floats(0.0006, 60), min_size=32, max_size=500), st.floats(0.01, 0.999))
def test_a_quantile_is_the_true_one_or_at_most_nine_percent_more(values: list[float], share: float) -> None:
    times = Times()
    for value in values:
        times.add(value)
    found = times.quantile(share)
    assert found is not None
    true = sorted(values)[ceil(share * len(values) - 1e-9) - 1]
    assert true <= found * (1 + 1e-9)
    assert found <= true * 1.0906


@pytest.mark.parametrize(
    "seconds, expected", [(0.0, SHORTEST), (SHORTEST, SHORTEST), (65.536, 65.536), (66.0, 65.536), (1e9, 65.536)]
)
def test_times_beyond_the_buckets_count_as_the_nearest(seconds: float, expected: float) -> None:
    assert times_of((seconds, 64)).quantile(0.5) == pytest.approx(expected)


def test_a_quantile_is_looked_up_anew_every_64_times() -> None:
    times = times_of((0.01, 64))
    assert times.quantile(0.99) == pytest.approx(0.01, rel=0.09)
    for _ in range(63):
        times.add(1.0)
    assert times.quantile(0.99) == pytest.approx(0.01, rel=0.09)
    times.add(1.0)
    assert times.quantile(0.99) == pytest.approx(1.0, rel=0.09)


def test_each_share_is_looked_up_for_itself() -> None:
    times = times_of((0.01, 90), (0.1, 8), (1.0, 2))
    assert times.quantile(0.9) == pytest.approx(0.01, rel=0.09)
    assert times.quantile(0.95) == pytest.approx(0.1, rel=0.09)
    assert times.quantile(0.99) == pytest.approx(1.0, rel=0.09)


@pytest.mark.parametrize("before", [1024, 10_240, 102_400])
def test_a_change_shows_within_as_many_times_however_long_it_was_otherwise(before: int) -> None:
    times = times_of((0.01, before))
    while (times.quantile(0.5) or 0) < 0.09 and times.count < before + 3000:
        times.add(0.1)
    assert 512 <= times.count - before <= 1536


def test_a_rare_time_is_not_forgotten_when_counts_are_halved() -> None:
    """Halved integers lose the single counts of a long tail, and with them the high quantiles."""
    rng = Random(3)
    times = Times()
    for _ in range(1024):
        times.add(rng.uniform(0.1, 10.0) if rng.random() < 0.03 else 0.01)
    assert (times.quantile(0.98) or 0) > 0.09
