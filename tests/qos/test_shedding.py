"""Shedding: slowly at first, faster and faster, and not at all once the line moves again."""

from itertools import pairwise
from math import sqrt

import pytest

from s3edge.qos.shedding import INTERVAL, REMEMBERED, Shedding, target


def test_a_line_that_does_not_stand_sheds_nothing() -> None:
    shedding = Shedding()
    assert [shedding.due(False, now / 10) for now in range(100)] == [0] * 100


def test_the_next_comes_sooner_by_the_root_of_how_many_were_shed() -> None:
    shedding = Shedding()
    times = [tick / 10_000 for tick in range(40_000) for _ in range(shedding.due(True, 10 + tick / 10_000))]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert gaps[:10] == [pytest.approx(INTERVAL / sqrt(count), abs=2e-4) for count in range(1, 11)]


def test_who_looks_seldom_sheds_as_many() -> None:
    often, seldom = Shedding(), Shedding()
    total = sum(often.due(True, tick / 64) for tick in range(641))
    assert total == sum(seldom.due(True, float(second)) for second in range(11)) > 90


def test_a_line_that_moves_again_sheds_no_more() -> None:
    shedding = Shedding()
    shedding.due(True, 10.0)
    assert shedding.due(False, 15.0) == 0
    assert not shedding.is_on


@pytest.mark.parametrize("pause, shed", [(1.0, 3), (REMEMBERED * INTERVAL + 1, 1)])
def test_a_line_that_stands_again_soon_goes_on_where_it_had_come_to(pause: float, shed: int) -> None:
    shedding = Shedding()
    for tick in range(100):
        shedding.due(True, tick / 10)
    shedding.due(False, 10.0)
    begun = 10.0 + pause
    first = shedding.due(True, begun)
    assert first == 1
    assert first + shedding.due(True, begun + INTERVAL / 4) == shed


@pytest.mark.parametrize("wait, seconds", [(0, 0.5), (0.5, 0.5), (2, 0.5), (3, 1.5), (60, 58.5)])
def test_who_may_wait_for_longer_than_usual_is_late_later(wait: float, seconds: float) -> None:
    assert target(wait) == seconds
