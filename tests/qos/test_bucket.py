"""Buckets: whoever finds no debt takes what it needs, and the rate holds over any time."""

from dataclasses import dataclass
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.qos.bucket import Bucket

TICK = 1 / 128


@dataclass(frozen=True)
class Take:
    at: float
    amount: float


def greedy(bucket: Bucket, sizes: list[float], start: float, seconds: float) -> list[Take]:
    """Takes by one that is asked once per tick and then takes, in sizes that repeat, until there is a debt."""
    takes: list[Take] = []
    for tick in range(round(seconds / TICK)):
        now = start + tick * TICK
        while not bucket.delay(now):
            takes.append(Take(now, sizes[len(takes) % len(sizes)]))
            bucket.take(takes[-1].amount, now)
    return takes


def most_in_any(takes: list[Take], window: float) -> float:
    """The most that was taken within `window` seconds."""
    most = held = 0.0
    first = 0
    for take in takes:
        held += take.amount
        while take.at - takes[first].at > window:
            held -= takes[first].amount
            first += 1
        most = max(most, held)
    return most


def test_a_new_bucket_has_its_burst_and_one_take_may_go_beyond_it() -> None:
    bucket = Bucket(100.0, 0.25)
    taken = 0
    while not bucket.delay(1000.0):
        bucket.take(1.0, 1000.0)
        taken += 1
    assert taken == 26
    assert bucket.delay(1000.0) == pytest.approx(0.01)


def test_a_take_that_finds_no_debt_may_be_of_any_size_and_the_next_waits_for_all_of_it() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.take(640.0, 8.0)
    assert bucket.delay(8.0) == 9.75
    assert bucket.delay(17.5) == 0.25
    assert bucket.delay(17.75) == 0.0


def test_who_does_not_ask_adds_to_the_debt() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.take(64.0, 8.0)
    bucket.take(64.0, 8.0)
    assert bucket.delay(8.0) == 1.75


def test_a_pause_of_any_length_saves_one_burst() -> None:
    bucket = Bucket(64.0, 0.5)
    bucket.take(64.0, 0.0)
    bucket.take(64.0, 1000.0)
    assert bucket.delay(1000.0) == 0.5


def test_what_is_given_back_may_be_taken_at_once() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.take(48.0, 8.0)
    assert bucket.delay(8.0) == 0.5
    bucket.give_back(32.0)
    assert bucket.delay(8.0) == 0.0
    assert bucket.taken == 16.0


def test_what_is_given_back_late_saves_no_more_than_one_burst() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.take(64.0, 8.0)
    bucket.give_back(64.0)
    bucket.take(64.0, 100.0)
    assert bucket.delay(100.0) == 0.75


def test_a_rest_that_no_timer_can_wait_for_is_no_debt() -> None:
    bucket = Bucket(1.0, 0.25)
    bucket.take(0.25 + 0.9e-6, 8.0)
    assert bucket.delay(8.0) == 0.0


# What its reader counts.


def test_it_counts_what_was_taken_and_not_given_back() -> None:
    bucket = Bucket(100.0, 0.25)
    bucket.take(30.0, 1.0)
    bucket.take(20.0, 2.0)
    bucket.give_back(5.0)
    assert bucket.taken == 45.0


def test_it_is_wanted_once_somebody_was_told_to_wait() -> None:
    bucket = Bucket(100.0, 0.25)
    bucket.take(26.0, 1.0)
    bucket.delay(1.5)
    assert not bucket.is_wanted
    bucket.delay(1.0)
    assert bucket.is_wanted


# Changes.


@pytest.mark.parametrize("rate, delay", [(128.0, 0.375), (32.0, 1.5), (64.0, 0.75), (inf, 0.0)])
def test_a_debt_stays_the_same_in_units_when_the_rate_changes(rate: float, delay: float) -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.take(64.0, 8.0)
    bucket.change(rate, 0.5, 8.0)
    assert bucket.delay(8.0) == delay


def test_a_part_of_a_debt_that_was_paid_at_the_old_rate_stays_paid() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.take(80.0, 8.0)
    bucket.change(16.0, 0.25, 8.5)
    assert bucket.delay(8.5) == 2.0


def test_a_rate_that_rises_brings_no_units_at_once() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.change(6400.0, 0.25, 8.0)
    bucket.take(16.0 + 640.0, 8.0)
    assert bucket.delay(8.0) == pytest.approx(0.1)


def test_a_rate_that_falls_leaves_no_more_than_its_own_burst() -> None:
    bucket = Bucket(6400.0, 0.25)
    bucket.take(1.0, 0.0)
    bucket.change(64.0, 0.25, 8.0)
    bucket.take(16.0 + 64.0, 8.0)
    assert bucket.delay(8.0) == 1.0


def test_a_bucket_without_a_rate_lets_everything_through() -> None:
    bucket = Bucket(64.0, 0.25)
    bucket.change(inf, 0.25, 8.0)
    bucket.take(1e12, 8.0)
    assert bucket.delay(8.0) == 0.0


# When it may be forgotten.


def test_it_is_full_when_the_whole_burst_is_back() -> None:
    bucket = Bucket(64.0, 0.25)
    assert bucket.is_full(0.0)
    bucket.take(32.0, 8.0)
    assert not bucket.is_full(8.25)  # the debt is paid, and nothing is saved
    assert not bucket.is_full(8.375)
    assert bucket.is_full(8.5)


# Any time.

RATES = st.floats(1, 1e9)
BURSTS = st.floats(0.01, 2.0)
SIZES = st.lists(st.floats(0.001, 0.2), min_size=1, max_size=5)  # in seconds of the rate


@given(RATES, BURSTS, SIZES, st.floats(0, 1e6), st.sampled_from([TICK, 0.1, 1.0, 5.0]))
def test_within_any_time_no_more_is_taken_than_rate_burst_and_one_take(
    rate: float, burst: float, sizes: list[float], start: float, window: float
) -> None:
    amounts = [size * rate for size in sizes]
    takes = greedy(Bucket(rate, burst), amounts, start, 10.0)
    assert most_in_any(takes, window) <= rate * (window + burst + 1e-5) + max(amounts)


@given(RATES, BURSTS, st.lists(st.floats(0.001, 0.02), min_size=1, max_size=5), st.floats(0, 1e6))
def test_a_greedy_taker_gets_the_rate_within_a_hundredth_in_ten_seconds(
    rate: float, burst: float, sizes: list[float], start: float
) -> None:
    bucket = Bucket(rate, burst)
    takes = greedy(bucket, [size * rate for size in sizes], start, 12.0)
    steady = sum(take.amount for take in takes if start + 2.0 <= take.at < start + 12.0)  # the burst is gone by then
    assert steady == pytest.approx(10.0 * rate, rel=0.01)
    assert bucket.taken == pytest.approx(sum(take.amount for take in takes))


@given(st.floats(0, 1e6), RATES, BURSTS, st.lists(st.floats(0.001, 3.0), min_size=1, max_size=30))
def test_who_waits_for_the_delay_may_take_then(start: float, rate: float, burst: float, sizes: list[float]) -> None:
    bucket, now = Bucket(rate, burst), start
    for size in sizes:
        now += bucket.delay(now)
        assert bucket.delay(now) == 0.0
        bucket.take(size * rate, now)


@given(
    BURSTS,
    st.lists(st.tuples(st.floats(0.01, 1.0), st.floats(0.01, 2.0)), min_size=1, max_size=40),
    st.floats(0.001, 0.05),
)
def test_changing_the_rate_over_and_over_gains_nothing(
    burst: float, spells: list[tuple[float, float]], size: float
) -> None:
    """Two workers pass a lease to and fro: each gets what its rates give, and one burst."""
    bucket, now, earned, taken = Bucket(1000.0, burst), 0.0, 1000.0 * burst, 0.0
    for part, seconds in spells:
        bucket.change(1000.0 * part, burst, now)
        taken += sum(take.amount for take in greedy(bucket, [1000.0 * size], now, seconds))
        now += seconds
        earned += 1000.0 * part * seconds
    assert taken <= earned + 1000.0 * size + 0.1
