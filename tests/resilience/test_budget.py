"""Budgets: never more than a share, and a little of it even when there is little to share."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.resilience.budget import MOST_SAVED, HedgeBudget, RetryBudget

# Retries.


def taken_at(budget: RetryBudget, live: int) -> int:
    """How many permits there are in one go."""
    count = 0
    while budget.take(live):
        count += 1
    return count


@pytest.mark.parametrize(
    "share, live, retries",
    [(0.2, 0, 3), (0.2, 15, 3), (0.2, 19, 3), (0.2, 20, 4), (0.2, 1000, 200), (0.0, 1000, 3), (1.0, 50, 50)],
)
def test_retries_under_way_are_a_share_of_the_live_requests_and_at_least_three(
    share: float, live: int, retries: int
) -> None:
    assert taken_at(RetryBudget(share), live) == retries


def test_a_permit_that_is_given_back_may_be_taken_again() -> None:
    budget = RetryBudget(0.2, least=1)
    assert budget.take(0)
    assert not budget.take(0)
    budget.give_back()
    assert budget.taken == 0
    assert budget.take(0)


def test_when_requests_end_no_permit_is_taken_until_enough_retries_have_ended() -> None:
    budget = RetryBudget(0.5, least=0)
    assert taken_at(budget, 20) == 10
    assert not budget.take(10)
    for _ in range(5):
        budget.give_back()
    assert not budget.take(10)
    budget.give_back()
    assert budget.take(10)


@given(
    st.floats(0, 1),
    st.integers(0, 5),
    st.lists(st.tuples(st.booleans(), st.integers(0, 100)), max_size=100),
)
def test_no_permit_goes_beyond_the_budget_whatever_comes(
    share: float, least: int, steps: list[tuple[bool, int]]
) -> None:
    budget = RetryBudget(share, least)
    for is_take, live in steps:
        if is_take:
            is_taken = budget.take(live)
            assert not is_taken or budget.taken <= max(least, share * live)
            assert is_taken or budget.taken + 1 > max(least, share * live)
        elif budget.taken:
            budget.give_back()


# Hedges.


def test_a_hedge_needs_as_many_requests_as_its_share_says() -> None:
    budget = HedgeBudget(0.25)
    hedges = 0
    for requests in range(1, 41):
        budget.requests += 1
        hedges += budget.take()
        assert hedges == requests // 4


def test_without_a_request_there_is_no_hedge() -> None:
    assert not HedgeBudget(1.0).take()


def test_a_share_of_nothing_allows_no_hedge() -> None:
    budget = HedgeBudget(0.0)
    for _ in range(1000):
        budget.requests += 1
    assert not budget.take()


def test_a_quiet_hour_pays_for_a_hundred_hedges_and_no_more() -> None:
    budget = HedgeBudget(0.5)
    for _ in range(100_000):
        budget.requests += 1
    assert [budget.take() for _ in range(101)] == [True] * 100 + [False]
    assert MOST_SAVED == 100.0


@given(st.floats(0, 1), st.lists(st.booleans(), max_size=300))
def test_hedges_are_at_no_time_more_than_their_share_of_the_requests(share: float, steps: list[bool]) -> None:
    budget, requests, hedges = HedgeBudget(share), 0, 0
    for is_request in steps:
        if is_request:
            requests += 1
            budget.requests += 1
        else:
            hedges += budget.take()
        assert hedges <= share * requests + 1e-9  # sums of floats


@given(st.floats(0, 1), st.integers(0, 500), st.integers(0, 20))
def test_what_is_left_is_what_could_be_taken(share: float, live: int, taken: int) -> None:
    budget = RetryBudget(share)
    for _ in range(taken):
        budget.take(live)
    left = budget.left(live)
    assert taken_at(budget, live) == left
    assert budget.left(live) == 0


def test_no_less_than_nothing_is_left_when_the_load_falls() -> None:
    budget = RetryBudget(0.5)
    taken_at(budget, 100)
    assert budget.left(0) == 0


@given(st.floats(0.01, 0.5), st.integers(0, 10_000), st.integers(0, 50))
def test_the_hedges_that_are_left_are_those_that_could_be_taken(share: float, requests: int, taken: int) -> None:
    budget = HedgeBudget(share)
    budget.requests = requests
    for _ in range(taken):
        budget.take()
    left = budget.left
    count = 0
    while budget.take():
        count += 1
    assert count == int(left)
