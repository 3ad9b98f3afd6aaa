"""Who takes the next attempt: fair among equals, by weight among others, never down, never twice."""

from collections import Counter
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.policy import Balance
from s3edge.routing.balance import Balancer, LeastInflight, RoundRobin, balancer
from s3edge.routing.node import Node


def nodes(*weights: int) -> list[Node]:
    """Nodes called a, b, c ... of these weights."""
    return [
        Node(chr(ord("a") + number), "storage", "host", 9000, weight=weight) for number, weight in enumerate(weights)
    ]


def picks(balancer: Balancer, among: Sequence[Node], count: int) -> str:
    """The names of the nodes that take `count` attempts, each of which ends before the next."""
    names = []
    for _ in range(count):
        node = balancer.pick(among, ())
        assert node is not None
        names.append(node.name)
    return "".join(names)


def share(balancer: Balancer, among: Sequence[Node], count: int) -> dict[str, float]:
    """Which part of `count` attempts each node takes."""
    return {name: times / count for name, times in Counter(picks(balancer, among, count)).items()}


BALANCERS = pytest.mark.parametrize("balance", list(Balance))


@BALANCERS
def test_a_policy_names_its_balancer(balance: Balance) -> None:
    expected = {Balance.LEAST_INFLIGHT: LeastInflight, Balance.ROUND_ROBIN: RoundRobin}
    assert type(balancer(balance, Random(0))) is expected[balance]


@BALANCERS
def test_nodes_that_are_down_or_tried_are_never_picked(balance: Balance) -> None:
    among = nodes(1, 1, 1, 1)
    among[0].is_up = False
    among[1].is_up = True
    pick = balancer(balance, Random(0)).pick
    names = Counter(node.name for _ in range(100) if (node := pick(among, [among[2]])))
    assert set(names) == {"b", "d"}
    assert min(names.values()) > 30


@BALANCERS
def test_without_a_node_that_may_be_used_nothing_is_picked(balance: Balance) -> None:
    among = nodes(1, 2)
    pick = balancer(balance, Random(0)).pick
    assert pick([], ()) is None
    assert pick(among, among) is None
    for node in among:
        node.is_up = False
    assert pick(among, ()) is None
    among[1].is_up = True
    assert pick(among, ()) is among[1]


@BALANCERS
def test_a_pick_alone_puts_nothing_under_way(balance: Balance) -> None:
    among = nodes(1, 1)
    picks(balancer(balance, Random(0)), among, 10)
    assert [node.inflight for node in among] == [0, 0]


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


@pytest.mark.parametrize("count", [2, 3, 5, 16])
@pytest.mark.parametrize("seed", range(3))
def test_among_equals_each_has_the_same_chance(count: int, seed: int) -> None:
    shares = share(LeastInflight(Random(seed)), nodes(*[1] * count), 2000 * count)
    assert len(shares) == count
    # 2,000 expected for each, of which the standard deviation is below 45: five of them.
    assert all(abs(part * count - 1) < 0.115 for part in shares.values())


@pytest.mark.parametrize("seed", range(3))
def test_among_idle_nodes_chance_follows_the_weights(seed: int) -> None:
    """Regression: an edge with little to do gave a node of weight 3 no more than one of weight 1."""
    shares = share(LeastInflight(Random(seed)), nodes(1, 3, 1, 5), 10_000)
    assert shares == {
        "a": pytest.approx(0.1, abs=0.015),
        "b": pytest.approx(0.3, abs=0.023),
        "c": pytest.approx(0.1, abs=0.015),
        "d": pytest.approx(0.5, abs=0.025),
    }


def test_equals_at_the_end_of_the_list_have_the_same_chance_as_those_at_its_start() -> None:
    among = nodes(1, 1, 1, 1, 1)
    among[0].inflight = among[2].inflight = 1
    shares = share(LeastInflight(Random(1)), among, 6000)
    assert set(shares) == {"b", "d", "e"}
    assert all(part == pytest.approx(1 / 3, abs=0.03) for part in shares.values())


def test_the_same_seed_picks_the_same_nodes() -> None:
    first, second = (picks(LeastInflight(Random(7)), nodes(1, 1, 1), 50) for _ in range(2))
    assert first == second
    assert picks(LeastInflight(Random(8)), nodes(1, 1, 1), 50) != first


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 30)), min_size=1, max_size=8), st.integers(0, 99))
def test_nobody_is_less_busy_than_the_one_that_is_picked(state: list[tuple[int, int]], seed: int) -> None:
    among = nodes(*(weight for weight, _ in state))
    for node, (_, inflight) in zip(among, state, strict=True):
        node.inflight = inflight
    picked = LeastInflight(Random(seed)).pick(among, ())
    assert picked is not None
    assert picked.inflight / picked.weight == min(node.inflight / node.weight for node in among)


def test_attempts_that_stay_under_way_are_spread_by_weight() -> None:
    among = nodes(1, 2, 5)
    least = LeastInflight(Random(0))
    for _ in range(800):
        node = least.pick(among, ())
        assert node is not None
        node.inflight += 1
    assert [node.inflight for node in among] == [100, 200, 500]


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
        assert Counter(picks(robin, among, sum(weights))) == {node.name: node.weight for node in among}
        assert [node.turns for node in among] == [0] * len(among)


def test_a_node_that_is_down_loses_its_turns_and_does_not_catch_up() -> None:
    among, robin = nodes(1, 1, 1), RoundRobin()
    among[1].is_up = False
    assert picks(robin, among, 6) == "acacac"
    among[1].is_up = True
    assert picks(robin, among, 6) == "abcabc"


def test_a_request_that_tries_again_takes_the_turn_of_another_node() -> None:
    among, robin = nodes(1, 1, 1), RoundRobin()
    tried: list[Node] = []
    while node := robin.pick(among, tried):
        tried.append(node)
    assert [node.name for node in tried] == ["a", "b", "c"]
