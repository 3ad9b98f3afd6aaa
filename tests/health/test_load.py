import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.health.load import LEAST, NOISE, next_share

LOADS = st.lists(st.integers(0, 10**9), min_size=1, max_size=9)


def settled(load: int | None, loads: list[int], share: float = 1.0) -> float:
    """The share after many probes with the same result."""
    for _ in range(20):
        share = next_share(share, load, loads)
    return share


@pytest.mark.parametrize(
    "load,loads,share",
    [
        pytest.param(None, [100, 100], 1.0, id="a node that does not tell"),
        pytest.param(100, [], 1.0, id="nothing is known of anybody"),
        pytest.param(400, [400], 1.0, id="a node without peers"),
        pytest.param(200, [200, 200, 200], 1.0, id="all alike"),
        pytest.param(100, [100, 400, 400], 1.0, id="less than the others: not more than its weight"),
        pytest.param(400, [200, 200, 400], 0.6, id="twice the usual load: half, to a step"),
        pytest.param(205, [200, 200, 205], 1.0, id="a difference below the step"),
        pytest.param(9000, [200, 200, 9000], LEAST, id="never below the least"),
        pytest.param(NOISE, [1, 1, NOISE], 1.0, id="small numbers differ by chance"),
    ],
)
def test_a_share_falls_as_the_load_rises_above_the_usual(load: int | None, loads: list[int], share: float) -> None:
    assert settled(load, loads) == share


def test_a_share_goes_half_of_the_way_down_and_up_again() -> None:
    shares = [1.0]
    for load in (400, 400, 400, 100, 100, 100, 100):
        shares.append(next_share(shares[-1], load, [100, 100, load]))
    assert shares == [1.0, 0.6, 0.4, 0.3, 0.6, 0.8, 0.9, 1.0]


@given(LOADS)
def test_at_least_half_of_the_nodes_keep_their_whole_weight(loads: list[int]) -> None:
    shares = [settled(load, loads) for load in loads]
    assert sum(share == 1.0 for share in shares) * 2 >= len(loads)
    assert all(LEAST <= share <= 1.0 for share in shares)


@given(LOADS)
def test_a_busier_node_never_has_the_larger_share(loads: list[int]) -> None:
    shares = [settled(load, loads) for load in sorted(loads)]
    assert shares == sorted(shares, reverse=True)


@given(st.integers(0, 5000), st.integers(200, 5000))
def test_the_share_settles_although_it_changes_the_load(others: int, ours: int) -> None:
    share, seen = 1.0, []
    for _ in range(40):
        load = others + round(share * ours)
        share = next_share(share, load, [ours, ours, load])
        seen.append(share)
    assert len(set(seen[-10:])) == 1
