"""Who takes the next attempt: fair among equals, by weight among others, never twice."""

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.policy import Balance
from s3edge.routing.balance import ConsistentHash, LeastInflight, PeakEwma, RoundRobin, balancer
from s3edge.routing.node import Node
from tests.routing.fleet import fill, nodes, picks, shares

BALANCERS = pytest.mark.parametrize("balance", list(Balance))
SEEDS = pytest.mark.parametrize("seed", range(3))


# What holds for all.


@BALANCERS
def test_a_policy_names_its_balancer(balance: Balance) -> None:
    expected = {
        Balance.LEAST_INFLIGHT: LeastInflight,
        Balance.PEAK_EWMA: PeakEwma,
        Balance.ROUND_ROBIN: RoundRobin,
        Balance.CONSISTENT_HASH: ConsistentHash,
    }
    assert type(balancer(balance, Random(0))) is expected[balance]


@BALANCERS
def test_nodes_that_were_tried_are_never_picked(balance: Balance) -> None:
    among = nodes(1, 1, 1, 1)
    pick = balancer(balance, Random(0)).pick
    names = Counter(node.name for number in range(100) if (node := pick(among, among[1:3], b"%d" % number, 0.0)))
    assert set(names) == {"a", "d"}
    assert min(names.values()) > 30


@BALANCERS
def test_without_a_node_that_was_not_tried_nothing_is_picked(balance: Balance) -> None:
    among = nodes(1, 2)
    pick = balancer(balance, Random(0)).pick
    assert pick((), (), b"", 0.0) is None
    assert pick((), among, b"", 0.0) is None
    assert pick(among, among, b"", 0.0) is None
    assert pick(among, among[:1], b"", 0.0) is among[1]
    assert pick(among[:1], (), b"", 0.0) is among[0]


@BALANCERS
def test_a_request_that_tries_again_comes_to_every_node_once(balance: Balance) -> None:
    among = nodes(1, 3, 1, 2)
    among[1].inflight, among[2].inflight = 50, 3
    pick = balancer(balance, Random(0)).pick
    tried: list[Node] = []
    while node := pick(among, tried, b"key", 0.0):
        tried.append(node)
    assert sorted(node.name for node in tried) == ["a", "b", "c", "d"]


@BALANCERS
def test_a_pick_alone_puts_nothing_under_way(balance: Balance) -> None:
    among = nodes(1, 1)
    picks(balancer(balance, Random(0)), among, 10)
    assert [node.inflight for node in among] == [0, 0]


@BALANCERS
def test_a_node_of_a_tenth_of_its_weight_takes_its_part_of_what_is_under_way_at_most(balance: Balance) -> None:
    """A node that has just come back, while its weight is low."""
    among = nodes(10, 10, 10)
    among[1].weight = 1.0
    returned = fill(balancer(balance, Random(0)), among, 210)[1]
    assert 5 <= returned <= 13  # 10 by weight, and 1.25 times that by consistent_hash


@pytest.mark.parametrize("balance", [Balance.LEAST_INFLIGHT, Balance.PEAK_EWMA])
def test_the_same_seed_picks_the_same_nodes(balance: Balance) -> None:
    first, second = (picks(balancer(balance, Random(7)), nodes(1, 1, 1), 50) for _ in range(2))
    assert first == second
    assert picks(balancer(balance, Random(8)), nodes(1, 1, 1), 50) != first


@pytest.mark.parametrize("balance", [Balance.LEAST_INFLIGHT, Balance.PEAK_EWMA])
@pytest.mark.parametrize("count", [2, 3, 5, 16])
@SEEDS
def test_among_equals_each_has_the_same_chance(balance: Balance, count: int, seed: int) -> None:
    parts = shares(balancer(balance, Random(seed)), nodes(*[1] * count), 2000 * count)
    assert len(parts) == count
    # 2,000 expected for each, of which the standard deviation is below 45: five of them.
    assert all(abs(part * count - 1) < 0.115 for part in parts.values())


# Least in flight.


def test_the_node_with_the_fewest_attempts_under_way_is_picked() -> None:
    among = nodes(1, 1, 1)
    for node, inflight in zip(among, (3, 1, 2), strict=True):
        node.inflight = inflight
    assert picks(LeastInflight(Random(0)), among, 20) == "b" * 20


def test_attempts_under_way_count_by_weight() -> None:
    among = nodes(1, 4)
    among[0].inflight, among[1].inflight = 1, 3
    assert picks(LeastInflight(Random(0)), among, 20) == "b" * 20
    among[1].inflight = 5
    assert picks(LeastInflight(Random(0)), among, 20) == "a" * 20


@SEEDS
def test_among_idle_nodes_chance_follows_the_weights(seed: int) -> None:
    """Regression: an edge with little to do gave a node of weight 3 no more than one of weight 1."""
    assert shares(LeastInflight(Random(seed)), nodes(1, 3, 1, 5), 10_000) == {
        "a": pytest.approx(0.1, abs=0.015),
        "b": pytest.approx(0.3, abs=0.023),
        "c": pytest.approx(0.1, abs=0.015),
        "d": pytest.approx(0.5, abs=0.025),
    }


def test_equals_at_the_end_of_the_list_have_the_same_chance_as_those_at_its_start() -> None:
    among = nodes(1, 1, 1, 1, 1)
    among[0].inflight = among[2].inflight = 1
    parts = shares(LeastInflight(Random(1)), among, 6000)
    assert set(parts) == {"b", "d", "e"}
    assert all(part == pytest.approx(1 / 3, abs=0.03) for part in parts.values())


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), min_size=1, max_size=8), st.integers(0, 99))
def test_nobody_is_less_busy_than_the_one_that_is_picked(state: list[tuple[int, int]], seed: int) -> None:
    among = nodes(*(weight for weight, _ in state))
    for node, (_, inflight) in zip(among, state, strict=True):
        node.inflight = inflight
    picked = LeastInflight(Random(seed)).pick(among, (), b"", 0.0)
    assert picked is not None
    assert picked.inflight / picked.weight == min(node.inflight / node.weight for node in among)


def test_attempts_that_stay_under_way_are_spread_by_weight() -> None:
    assert fill(LeastInflight(Random(0)), nodes(1, 2, 5), 800) == [100, 200, 500]


# Round robin.


def test_nodes_of_one_weight_take_turns_in_the_order_of_the_configuration() -> None:
    assert picks(RoundRobin(), nodes(1, 1, 1), 7) == "abcabca"


@pytest.mark.parametrize(
    "weights, turns",
    [
        ((5, 1, 1), "aabacaa"),  # the example of nginx's commit 52327e0627f4
        ((2, 1), "aba"),
        ((3, 2), "ababa"),
        ((1, 4), "bbabb"),
        ((2, 2, 1), "abcab"),
    ],
)
def test_heavier_nodes_have_more_turns_spread_evenly(weights: tuple[int, ...], turns: str) -> None:
    assert picks(RoundRobin(), nodes(*weights), 3 * len(turns)) == 3 * turns


@given(st.lists(st.integers(1, 10), min_size=1, max_size=6))
def test_each_round_gives_each_node_exactly_its_weight(weights: list[int]) -> None:
    among, robin = nodes(*weights), RoundRobin()
    for _ in range(3):
        assert Counter(picks(robin, among, sum(weights))) == {node.name: node.base_weight for node in among}
        assert [node.turns for node in among] == [0] * len(among)


def test_a_node_that_is_away_loses_its_turns_and_does_not_catch_up() -> None:
    among, robin = nodes(1, 1, 1), RoundRobin()
    assert picks(robin, (among[0], among[2]), 6) == "acacac"
    assert picks(robin, among, 6) == "abcabc"


def test_turns_follow_a_weight_that_changes() -> None:
    among, robin = nodes(1, 1), RoundRobin()
    among[1].weight = 0.25
    assert Counter(picks(robin, among, 100)) == {"a": 80, "b": 20}
    among[1].weight = 1.0
    assert Counter(picks(robin, among, 100)) == {"a": 50, "b": 50}


def test_a_request_that_tries_again_takes_the_turn_of_another_node() -> None:
    among, robin = nodes(1, 1, 1), RoundRobin()
    tried: list[Node] = []
    while node := robin.pick(among, tried, b"", 0.0):
        tried.append(node)
    assert [node.name for node in tried] == ["a", "b", "c"]
