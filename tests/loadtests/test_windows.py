import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.windows import jain, settled_at, window_sums


def test_jains_index_is_one_for_equal_shares_and_one_nth_when_one_has_all() -> None:
    assert jain([3.0] * 20) == pytest.approx(1.0)
    assert jain([5.0, 0.0, 0.0, 0.0]) == 0.25
    assert jain([3.0, 1.0]) == 0.8
    assert jain([]) == 0.0


@given(st.lists(st.integers(0, 1000), max_size=30), st.integers(1, 10))
def test_every_window_is_summed_and_no_other(series: list[int], length: int) -> None:
    expected = [sum(series[first : first + length]) for first in range(len(series) - length + 1)]
    assert window_sums(series, length) == expected


def test_a_series_has_settled_where_it_stays_near_the_value_and_not_where_it_passes_by() -> None:
    series = [60.0, 60.0, 40.0, 20.0, 0.0, 20.0, 21.0, 19.0, 20.0]
    assert settled_at(series, 20.0, 0.1, 1) == 5
    assert settled_at(series, 20.0, 0.1, 3) == 5, "the mean of 40, 20 and 0 is on its way through"
    assert settled_at(series, 40.0, 0.1, 3) is None
