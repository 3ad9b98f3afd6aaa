"""Jumps: by which measure a source does too much, how that is said, and what it is held to at first."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Guard
from s3edge.qos.activity import Activity
from s3edge.qos.jump import Cap, Jump, Rates, find_jump, first_cap, rates

MIB = float(1 << 20)
GUARD = Guard()
USUAL = Rates(requests=40.0, sent=20 * MIB, errors=1.0, missing=1.0, lists=4.0, connections=0.5, distinct=40.0)


def present(**changes: float) -> Rates:
    """The usual with some other rates; all requests are for different things if nothing else is said."""
    return USUAL._replace(**{"distinct": changes.get("requests", USUAL.requests), **changes})


@pytest.mark.parametrize(
    "rates,reason",
    [
        (present(requests=1240.0), "1,240 requests/s, 31 times its usual 40"),
        (present(requests=600.0, failed=299.0, distinct=200.0), "600 requests/s, 15 times its usual 40"),
        (present(requests=600.0, failed=400.0, distinct=200.0), "retry storm: 600 requests/s, 15 times its usual 40"),
        (
            present(requests=600.0, shed=580.0, distinct=20.0),
            "retry storm: 580 requests/s for what was just asked for, usually none",
        ),
        (
            present(requests=100.0, distinct=1.0),
            "the same over and over: 99 requests/s for what was just asked for, usually none",
        ),
        (
            present(errors=30.0, missing=20.0),
            "404 loop: 30 requests/s for what does not exist, 30 times its usual 1.0",
        ),
        (present(errors=30.0, denied=20.0), "30 requests/s that are denied, 30 times its usual 1.0"),
        (present(errors=30.0, missing=10.0, denied=10.0), "30 requests/s with errors, 30 times its usual 1.0"),
        (present(lists=200.0), "list storm: 200 lists/s, 50 times its usual 4.0"),
        (present(connections=50.0), "50 new connections/s, 100 times its usual 0.5"),
        (present(sent=2048 * MIB), "2.0 GiB/s sent, 102 times its usual 20 MiB/s"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_kind_of_storm_is_said_in_plain_words(rates: Rates, reason: str) -> None:
    jump = find_jump(rates, USUAL, GUARD, is_new=False)
    assert jump is not None
    assert jump.reason == reason


@pytest.mark.parametrize(
    "rates",
    [
        USUAL,
        present(requests=400.0),
        present(requests=55.0, distinct=6.0),  # 49 repeats, and the floor is 50
        present(requests=200.0, distinct=30.0),  # 85% repeats
        present(errors=20.0),
        present(lists=40.0),
        present(connections=20.0),
        present(sent=200 * MIB),
        present(received=10_000 * MIB),  # a checkpoint
        present(failed=30.0),  # the storage is sick, and the client is not to blame
    ],
    ids=str,
)
def test_up_to_factor_times_the_usual_or_up_to_the_floor_is_no_jump(rates: Rates) -> None:
    assert find_jump(rates, USUAL, GUARD, is_new=False) is None


def test_who_always_asks_for_the_same_may_go_on() -> None:
    usual = Rates(requests=200.0, distinct=5.0)
    assert find_jump(usual._replace(requests=1900.0), usual, GUARD, is_new=False) is None


def test_the_worst_measure_gives_the_reason() -> None:
    rates = present(requests=800.0, lists=400.0)
    assert find_jump(rates, USUAL, GUARD, is_new=False) == Jump(
        10.0, "list storm: 400 lists/s, 100 times its usual 4.0"
    )


def test_a_new_source_may_do_factor_times_the_floors() -> None:
    assert find_jump(Rates(requests=500.0, sent=1000 * MIB, distinct=500.0), Rates(), GUARD, is_new=True) is None
    jump = find_jump(Rates(requests=550.0, distinct=550.0), Rates(), GUARD, is_new=True)
    assert jump == Jump(1.1, "550 requests/s of a source that is new")


def test_a_new_source_that_does_more_than_the_floors_may_go_on_with_it() -> None:
    usual = Rates(requests=900.0, distinct=900.0)
    assert find_jump(usual, usual, GUARD, is_new=True) is None
    jump = find_jump(Rates(requests=9900.0, distinct=9900.0), usual, GUARD, is_new=True)
    assert jump == Jump(1.1, "9,900 requests/s, 11 times its usual 900")


def test_what_is_shed_would_have_been_errors_like_the_rest() -> None:
    rates = present(requests=60.0, errors=5.0, missing=5.0, shed=55.0)
    assert rates.likely_errors == 60.0
    jump = find_jump(rates, USUAL, GUARD, is_new=False)
    assert jump == Jump(3.0, "404 loop: 60 requests/s for what does not exist, 60 times its usual 1.0")


def test_if_all_is_shed_nothing_is_known_of_errors() -> None:
    assert present(requests=60.0, errors=0.0, shed=60.0).likely_errors == 0.0


def test_the_factor_and_the_floors_are_those_of_the_policy() -> None:
    guard = Guard(factor=2.0, requests=10.0)
    assert find_jump(present(requests=80.0), USUAL, guard, is_new=False) is None
    assert find_jump(present(requests=88.0), USUAL, guard, is_new=False) == Jump(
        1.1, "88 requests/s, 2.2 times its usual 40"
    )


def test_at_first_a_source_is_held_to_half_of_where_a_jump_begins() -> None:
    assert first_cap(present(requests=1240.0), USUAL, GUARD, is_new=False) == Cap(200.0, None)
    assert first_cap(present(requests=1240.0), USUAL, GUARD, is_new=True) == Cap(250.0, None)


def test_a_source_that_asks_for_less_than_that_is_held_to_what_it_asks_for() -> None:
    assert first_cap(present(requests=130.0, errors=90.0), USUAL, GUARD, is_new=False) == Cap(130.0, None)


def test_only_egress_that_jumps_is_held_to_a_bandwidth() -> None:
    assert first_cap(present(sent=1024 * MIB), USUAL, GUARD, is_new=False) == Cap(40.0, 100 * MIB)
    assert first_cap(present(sent=200 * MIB), USUAL, GUARD, is_new=False).bandwidth is None


def test_rates_are_counts_per_second() -> None:
    activity = Activity({1, 2}, 30, 4000, 8000, 6, 4, 2, 8, 10, 12, 14)
    assert rates(activity, 2.0) == Rates(15, 2000, 4000, 3, 2, 1, 4, 5, 6, 7, activity.distinct() / 2)
    assert len(astuple(activity)) == len(Rates())


FIGURES = st.floats(0.0, 1e9)
ANY_RATES = st.builds(Rates, *[FIGURES] * 11).map(
    lambda rates: rates._replace(distinct=min(rates.distinct, rates.requests), shed=min(rates.shed, rates.requests))
)


@given(ANY_RATES, ANY_RATES, st.booleans())
def test_a_jump_is_above_the_floor_of_some_measure(present: Rates, usual: Rates, is_new: bool) -> None:
    jump = find_jump(present, usual, GUARD, is_new)
    if jump is not None:
        assert jump.strain > 1.0
        assert (
            present.requests > GUARD.requests
            or present.sent > GUARD.bandwidth
            or present.likely_errors > GUARD.errors
            or present.lists > GUARD.lists
            or present.connections > GUARD.connections
        )


@given(ANY_RATES, st.booleans())
def test_the_usual_is_never_a_jump(usual: Rates, is_new: bool) -> None:
    assert find_jump(usual, usual, GUARD, is_new) is None


@given(ANY_RATES, ANY_RATES)
def test_the_first_cap_is_never_above_what_the_source_does(present: Rates, usual: Rates) -> None:
    cap = first_cap(present, usual, GUARD, is_new=False)
    assert cap.rate <= present.requests
    assert cap.bandwidth is None or cap.bandwidth < present.sent
