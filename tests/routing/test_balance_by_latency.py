"""Peak EWMA: who is likely to answer first is asked, and who was slow is not forgotten."""

from math import log
from random import Random

import pytest

from s3edge.routing.balance import NOISE, PeakEwma
from s3edge.routing.node import MEMORY, Node
from tests.routing.fleet import fill, nodes, picks, shares

SEEDS = pytest.mark.parametrize("seed", range(3))


def observed(*milliseconds: float) -> tuple[Node, ...]:
    """Nodes that took these times to the first byte at 0."""
    among = nodes(*[1] * len(milliseconds))
    for node, time in zip(among, milliseconds, strict=True):
        node.observe(time / 1000, 0.0)
    return among


def test_of_two_busy_nodes_the_one_that_costs_less_is_picked() -> None:
    among = observed(9, 19)  # with the noise that is added, one is twice as fast: worth four times the attempts
    among[0].inflight, among[1].inflight = 6, 1
    assert picks(PeakEwma(Random(0)), among, 20) == "a" * 20
    among[0].inflight = 8
    assert picks(PeakEwma(Random(0)), among, 20) == "b" * 20


def test_the_slowest_of_several_busy_nodes_is_never_picked() -> None:
    among = observed(10, 10, 40, 10)
    for node in among:
        node.inflight = 1
    assert set(picks(PeakEwma(Random(0)), among, 1000)) == {"a", "b", "d"}


@SEEDS
def test_idle_nodes_are_asked_by_weight_and_speed(seed: int) -> None:
    among = nodes(3, 1)
    assert shares(PeakEwma(Random(seed)), among, 10_000)["a"] == pytest.approx(3 / 4, abs=0.02)
    for node, time in zip(among, (0.019, 0.009), strict=True):
        node.observe(time, 0.0)
    assert shares(PeakEwma(Random(seed)), among, 10_000)["a"] == pytest.approx(3 / (3 + 8), abs=0.025)


def test_attempts_that_stay_under_way_are_spread_by_weight() -> None:
    assert fill(PeakEwma(Random(0)), nodes(1, 2, 5), 800) == [
        pytest.approx(100, abs=2),
        pytest.approx(200, abs=2),
        pytest.approx(500, abs=2),
    ]


def test_times_that_show_the_edge_and_not_the_node_weigh_little() -> None:
    among = observed(0.1, 0.3)
    assert NOISE == 0.001
    assert shares(PeakEwma(Random(0)), among, 10_000)["b"] == pytest.approx(1.1**3 / (1.1**3 + 1.3**3), abs=0.025)


def test_a_node_of_which_nothing_is_known_gets_its_part_and_no_flood() -> None:
    among = (*observed(5, 5, 5), *nodes(1))
    assert fill(PeakEwma(Random(0)), among, 400) == [pytest.approx(100, abs=2)] * 4


def test_a_node_that_was_slow_is_asked_again_when_that_is_long_ago() -> None:
    among = observed(11, 2000)
    among[0].inflight = 1  # costs 2 x 12 ms squared
    even = MEMORY * log(2.0 / (0.012 * 2 ** (1 / 2) - NOISE))
    for now, name in ((0.0, "a"), (even - 0.1, "a"), (even + 0.1, "b")):
        among[0].observe(0.011, now)
        assert picks(PeakEwma(Random(0)), among, 20, now) == name * 20


def test_failures_that_count_as_slow_answers_do_not_draw_attempts() -> None:
    """The trap of the fewest under way: a node that refuses at once is always idle."""
    among = observed(20, 20, 20, 20)
    now = 0.0
    balancer = PeakEwma(Random(0))
    served = dict.fromkeys(among, 0)
    for node in among[1:]:
        node.inflight = 10
    for _ in range(2000):
        now += 0.001
        picked = balancer.pick(among, (), b"", now)
        assert picked is not None
        served[picked] += 1
        picked.observe(1.0 if picked is among[0] else 0.02, now)
    assert served[among[0]] == 1


def test_an_idle_cluster_for_months_is_as_good_as_new() -> None:
    among = observed(10, 3000)
    assert shares(PeakEwma(Random(0)), among, 10_000, now=1e7)["b"] == pytest.approx(0.5, abs=0.025)
