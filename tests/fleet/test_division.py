"""How one limit is divided among its holders."""

from collections.abc import Sequence
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.fleet.division import RESERVE, TURN, divide_level, divide_rate

uses = st.lists(st.one_of(st.just(inf), st.floats(0.0, 1e9)), min_size=1, max_size=8)
levels = st.lists(
    st.tuples(st.one_of(st.just(inf), st.integers(0, 40).map(float)), st.integers(0, 40).map(float)),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    "used, leases",
    [
        ([inf, inf], [50.0, 50.0]),
        ([inf, 0.0], [99.5, 0.5]),
        ([inf, 30.0], [69.5, 30.5]),
        ([80.0, inf], [50.0, 50.0]),
        ([inf, 0.0, 19.5, inf], [40.0, 0.25, 19.75, 40.0]),
        ([0.0, 20.0], [0.5, 20.5]),
    ],
)
def test_who_wants_more_shares_evenly_what_the_others_do_not_need(used: list[float], leases: list[float]) -> None:
    assert RESERVE == 0.01
    assert divide_rate(100.0, used) == leases


@given(st.floats(1e-3, 1e12), uses)
def test_a_rate_is_divided_wholly_and_fairly(total: float, used: list[float]) -> None:
    leases = divide_rate(total, used)
    assert sum(leases) <= total * (1 + 1e-12)
    if inf in used:
        assert sum(leases) == pytest.approx(total)
    wanting = [lease for lease, each in zip(leases, used, strict=True) if each == inf]
    most = max(leases)
    assert all(lease == pytest.approx(most) for lease in wanting)
    for lease, each in zip(leases, used, strict=True):
        assert lease == pytest.approx(most) or lease == pytest.approx(each + total * RESERVE / len(used))


@given(st.integers(1, 100).map(float), levels, st.floats(0.0, 1e6))
def test_a_level_is_divided_wholly_into_whole_numbers(
    total: float, holders: Sequence[tuple[float, float]], now: float
) -> None:
    used = [each for each, _ in holders]
    leases = divide_level(total, used, [lease for _, lease in holders], now)
    assert all(lease >= 0 and lease.is_integer() for lease in leases)
    if inf in used:
        assert sum(leases) == total
    else:
        assert sum(leases) <= total
    wanting = [lease for lease, each in zip(leases, used, strict=True) if each == inf]
    assert not wanting or max(wanting) - min(wanting) <= 1
    assert all(lease <= each + total * RESERVE for lease, each in zip(leases, used, strict=True) if each != inf)


def test_what_does_not_divide_of_a_level_stays_where_it_is() -> None:
    assert divide_level(7.0, [inf, inf], [4.0, 3.0], 0.0) == [4.0, 3.0]
    assert divide_level(7.0, [inf, inf], [3.0, 4.0], 0.0) == [3.0, 4.0]


def test_each_holder_has_its_turn_where_a_level_is_too_small_for_all() -> None:
    turns = [divide_level(1.0, [inf] * 4, [0.0] * 4, turn * TURN) for turn in range(4)]
    assert sorted(turns) == [[0, 0, 0, 1], [0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]]
    assert divide_level(1.0, [inf] * 4, [0.0] * 4, 0.99 * TURN) == turns[0]
