"""What holders of a limit have without being told, and when they speak."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.fleet.shared import EARLY, PERIOD, SETTLE, even_part, until_division, until_report


def test_a_rate_is_divided_evenly() -> None:
    assert even_part(50.0, False, 4) == 12.5


@pytest.mark.parametrize("total, part", [(8.0, 2.0), (7.0, 1.0), (3.0, 0.0)])
def test_what_does_not_divide_of_a_level_is_nobodys(total: float, part: float) -> None:
    assert even_part(total, True, 4) == part


@given(st.integers(0, 10**9).map(lambda ticks: ticks / 1024))
def test_limits_are_divided_a_moment_after_the_reports(now: float) -> None:
    report, division = now + until_report(now), now + until_division(now)
    assert EARLY < until_report(now) <= PERIOD + EARLY
    assert EARLY < until_division(now) <= PERIOD + EARLY
    late = (division - report) % PERIOD
    assert late == pytest.approx(SETTLE, abs=1e-6)


def test_a_timer_that_comes_too_early_makes_no_second_report() -> None:
    assert until_report(8.0 - 0.001) == pytest.approx(PERIOD + 0.001)
    assert until_division(8.0 + SETTLE - 0.001) == pytest.approx(PERIOD + 0.001)
