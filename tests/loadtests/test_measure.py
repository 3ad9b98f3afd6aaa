import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.cases import CASES
from loadtests.measure import Measurement, median_of_pairs
from loadtests.nodes import GIB

COSTS = st.floats(min_value=1e-6, max_value=10)


def measurement(requests: int, moved: int, cpu: float) -> Measurement:
    return Measurement("s3edge", "get-8m", requests, moved, 2.0, cpu, 0.001, 0.002, errors={})


def test_a_disturbed_round_disturbs_both_sides_and_leaves_the_ratio() -> None:
    assert median_of_pairs([20.0, 80.0, 22.0], [10.0, 40.0, 11.0]) == 2.0


def test_the_ratio_is_that_of_the_middle_pair_not_of_the_medians() -> None:
    assert median_of_pairs([1.0, 2.0, 9.0], [1.0, 4.0, 3.0]) == 1.0


@given(costs=st.lists(COSTS, min_size=1, max_size=9))
def test_nothing_costs_more_than_itself(costs: list[float]) -> None:
    assert median_of_pairs(costs, costs) == pytest.approx(1.0)


def test_rounds_without_a_partner_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="shorter"):
        median_of_pairs([1.0, 2.0], [1.0])


def test_large_objects_cost_by_the_byte_and_small_ones_by_the_request() -> None:
    run = measurement(requests=100, moved=2 * GIB, cpu=0.5)
    assert run.cost(CASES["get-8m"]) == 0.25
    assert run.cost(CASES["get-4k"]) == 0.005


def test_a_proxy_that_moved_nothing_is_no_bargain() -> None:
    run = measurement(requests=0, moved=0, cpu=0.5)
    assert run.cost(CASES["get-8m"]) == run.cost(CASES["get-4k"]) == float("inf")
