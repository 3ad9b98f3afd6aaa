"""Outliers: nodes that do worse than their peers, and how many of them may be ejected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.health import Ejection
from s3edge.health.outliers import ENOUGH, KEPT, NOT_SLOW, Record, may_eject, outliers

SETTINGS = Ejection(error_rate=0.2, slowness=10.0)


def record(goods: int, bads: int = 0, first_byte: float = 0.01) -> Record:
    made = Record()
    for _ in range(bads):
        made.bad()
    for _ in range(goods):
        made.good(first_byte)
    return made


def named(*records: Record) -> dict[str, Record]:
    return dict(zip("abcdefgh", records, strict=False))


# What is counted.


def test_a_streak_counts_failures_since_the_last_good_answer() -> None:
    counted = Record()
    streaks = []
    for mark in "--+---":
        if mark == "+":
            counted.good(0.01)
        else:
            counted.bad()
        streaks.append(counted.streak)
    assert streaks == [1, 2, 0, 1, 2, 3]


def test_what_was_counted_fades_but_a_streak_does_not() -> None:
    counted = record(10, first_byte=0.5)
    for _ in range(4):
        counted.bad()
    counted.fade()
    assert [counted.goods, counted.bads, counted.first_bytes] == pytest.approx([10 * KEPT, 4 * KEPT, 5 * KEPT])
    assert counted.streak == 4


def test_counts_stand_for_about_the_last_five_seconds() -> None:
    counted = Record()
    for _ in range(60):
        for _ in range(100):
            counted.good(0.01)
        counted.fade()
    assert counted.goods == pytest.approx(400, rel=0.01)
    for _ in range(20):
        counted.fade()
    assert counted.goods < ENOUGH


def test_a_record_that_was_forgotten_is_as_new() -> None:
    counted = record(30, 30, 9.0)
    counted.forget()
    assert (counted.streak, counted.goods, counted.bads, counted.first_bytes) == (0, 0, 0, 0)


# Error rates.


@pytest.mark.parametrize(
    "bads, is_out",
    [(0, False), (20, False), (21, True), (100, True)],
)
def test_a_node_is_out_if_its_error_rate_is_so_much_above_its_peers(bads: int, is_out: bool) -> None:
    records = named(record(100 - bads, bads), record(100), record(100))
    assert list(outliers(records, SETTINGS)) == (["a"] if is_out else [])


def test_an_error_rate_that_all_have_is_the_requests_fault() -> None:
    assert outliers(named(record(40, 60), record(45, 55), record(50, 50)), SETTINGS) == {}
    assert list(outliers(named(record(25, 75), record(45, 55), record(50, 50)), SETTINGS)) == ["a"]


def test_one_bad_peer_does_not_hide_another() -> None:
    records = named(record(0, 100), record(10, 90), record(100), record(100), record(100))
    assert list(outliers(records, SETTINGS)) == ["a", "b"]


def test_the_reason_says_what_was_compared() -> None:
    records = named(record(60, 40), record(95, 5), record(95, 5))
    assert outliers(records, SETTINGS) == {"a": "40% of its attempts failed, 5% of its peers'"}


# Times to first byte.


@pytest.mark.parametrize(
    "seconds, is_out",
    [(0.1, False), (0.19, False), (0.21, True), (5.0, True)],
)
def test_a_node_is_out_if_it_is_so_much_slower_than_its_peers(seconds: float, is_out: bool) -> None:
    records = named(record(50, first_byte=seconds), *[record(50, first_byte=0.02)] * 3)
    assert list(outliers(records, SETTINGS)) == (["a"] if is_out else [])


def test_a_node_is_not_slow_only_because_its_peers_are_fast() -> None:
    assert NOT_SLOW == 0.05
    fast = [record(50, first_byte=0.0005)] * 2
    assert outliers(named(record(50, first_byte=0.049), *fast), SETTINGS) == {}
    reason = {"a": "first byte after 51 ms, 0.5 ms at its peers"}
    assert outliers(named(record(50, first_byte=0.051), *fast), SETTINGS) == reason


def test_failures_do_not_count_as_fast_answers() -> None:
    records = named(record(50, 15, first_byte=0.21), *[record(50, first_byte=0.02)] * 2)
    assert list(outliers(records, SETTINGS)) == ["a"]


def test_errors_are_the_better_reason_of_two() -> None:
    records = named(record(50, 50, first_byte=9.0), record(50), record(50))
    assert outliers(records, SETTINGS) == {"a": "50% of its attempts failed, 0% of its peers'"}


# How much evidence there must be.


def test_few_attempts_prove_nothing() -> None:
    peers = [record(100), record(100)]
    assert outliers(named(record(0, ENOUGH - 1), *peers), SETTINGS) == {}
    assert list(outliers(named(record(0, ENOUGH), *peers), SETTINGS)) == ["a"]
    assert outliers(named(record(ENOUGH - 1, first_byte=9.0), *peers), SETTINGS) == {}
    assert list(outliers(named(record(ENOUGH, first_byte=9.0), *peers), SETTINGS)) == ["a"]


def test_one_peer_is_not_enough_to_tell_who_is_the_odd_one() -> None:
    assert outliers(named(record(0, 100), record(100)), SETTINGS) == {}
    assert outliers(named(record(0, 100), record(100), record(ENOUGH - 1)), SETTINGS) == {}
    assert outliers({}, SETTINGS) == {}


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.floats(0.0001, 10)), max_size=8))
def test_a_node_that_is_no_worse_than_all_its_peers_is_no_outlier(state: list[tuple[int, int, float]]) -> None:
    records = dict(enumerate(record(*counts) for counts in state))
    found = outliers(records, SETTINGS)
    rates = {key: one.bads / (one.goods + one.bads) for key, one in records.items() if one.goods + one.bads >= ENOUGH}
    means = {key: one.first_bytes / one.goods for key, one in records.items() if one.goods >= ENOUGH}
    for key in found:
        assert rates[key] > min(rates.values()) or means[key] > min(means.values())


# The ceiling.


@pytest.mark.parametrize(
    "nodes, at_most, ejectable",
    [
        (1, 1.0, 0),
        (2, 0.5, 1),
        (2, 1.0, 1),
        (3, 0.5, 1),
        (4, 0.5, 2),
        (4, 0.2, 0),
        (5, 1.0, 4),
        (10, 0.0, 0),
        (100, 0.29, 29),
    ],
)
def test_no_more_are_ejected_than_the_settings_allow_and_never_the_last(
    nodes: int, at_most: float, ejectable: int
) -> None:
    settings = Ejection(at_most=at_most)
    assert [may_eject(nodes, out, settings) for out in range(nodes + 1)] == [
        out < ejectable for out in range(nodes + 1)
    ]
