"""Ranks: the own zone first, the next one when too few can serve."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.routing.node import Node
from s3edge.routing.tiers import Ranks, arrange


def node(name: str, *, zone: str | None = None, tier: int = 0, weight: int = 1, is_up: bool = True) -> Node:
    return Node(name, "storage", "host", 9000, zone=zone, tier=tier, base_weight=weight, is_up=is_up)


def shown(ranks: tuple[tuple[Node, ...], ...]) -> str:
    """The names of the nodes, with a stroke between two ranks."""
    return "|".join("".join(node.name for node in rank) for rank in ranks)


def drawn(ranks: Ranks) -> dict[str, float]:
    """The orders that requests get, each with its part of a thousand evenly spread chances."""
    return {order: times / 1000 for order, times in Counter(shown(ranks.draw(n / 1000)) for n in range(1000)).items()}


def test_nodes_of_one_tier_are_one_rank_in_the_order_of_the_configuration() -> None:
    ranks = arrange([node("a"), node("b", zone="x"), node("c", zone="y")], None)
    assert shown(ranks.by_preference) == "abc"
    assert (ranks.shares, ranks.is_spilling) == ((1.0,), False)
    assert drawn(ranks) == {"abc": 1.0}


def test_the_own_zone_comes_first_and_a_node_without_a_zone_is_in_another() -> None:
    ranks = arrange([node("a"), node("b", zone="x"), node("c", zone="y"), node("d", zone="x")], "x")
    assert shown(ranks.by_preference) == "bd|ac"
    assert drawn(ranks) == {"bd|ac": 1.0}


def test_a_lower_tier_comes_before_the_own_zone() -> None:
    nodes = [node("a", zone="x", tier=1), node("b", tier=1), node("c", zone="y"), node("d", zone="x", tier=7)]
    assert shown(arrange(nodes, "x").by_preference) == "c|a|b|d"


def test_what_is_down_or_ejected_is_in_no_rank() -> None:
    nodes = [node("a"), node("b"), node("c", tier=1), node("d", tier=2)]
    nodes[0].is_up = False
    nodes[2].is_ejected = True
    assert shown(arrange(nodes, None).by_preference) == "b|d"


@pytest.mark.parametrize(
    "down, shares",
    [
        ("", {"abcd|efgh": 1.0}),
        ("a", {"bcd|efgh": 1.0}),  # 75% x 1.4 is more than all
        ("ab", {"cd|efgh": 0.7, "efgh|cd": 0.3}),
        ("abc", {"d|efgh": 0.35, "efgh|d": 0.65}),
        ("abcd", {"efgh": 1.0}),
        ("efgh", {"abcd": 1.0}),
        ("efg", {"abcd|h": 1.0}),
        ("abcefg", {"d|h": 0.5, "h|d": 0.5}),  # 35% each: together they are fit for 70%, and take all
        ("abcefgh", {"d": 1.0}),
        ("abcdefgh", {"": 1.0}),
    ],
)
def test_what_a_rank_lacks_spills_over_to_the_next(down: str, shares: dict[str, float]) -> None:
    nodes = [node(name, tier=int(name > "d"), is_up=name not in down) for name in "abcdefgh"]
    ranks = arrange(nodes, None)
    assert drawn(ranks) == {order: pytest.approx(share, abs=0.0011) for order, share in shares.items()}
    assert ranks.is_spilling is (len(shares) > 1)


def test_how_much_of_a_rank_is_left_counts_by_configured_weight() -> None:
    nodes = [node("a", weight=3, is_up=False), node("b", weight=2), node("c", tier=1)]
    nodes[1].weight = 0.1  # what it is given for the moment changes no ranks
    assert list(arrange(nodes, None).shares) == pytest.approx([0.56, 0.44])  # 1.4 x 2 / 5, and the rest


def test_a_request_that_spills_over_comes_back_to_the_first_rank_before_the_third() -> None:
    nodes = [node("a"), node("b", is_up=False), node("c", tier=1), node("d", tier=2)]
    assert drawn(arrange(nodes, None)) == {
        "a|c|d": pytest.approx(0.7, abs=0.0011),
        "c|a|d": pytest.approx(0.3, abs=0.0011),
    }


NODES = st.lists(
    st.builds(
        node,
        st.sampled_from("abc"),
        zone=st.sampled_from([None, "x", "y"]),
        tier=st.integers(0, 2),
        weight=st.integers(1, 9),
        is_up=st.booleans(),
    ),
    max_size=12,
)


@given(NODES, st.sampled_from([None, "x"]), st.floats(0, 1, exclude_max=True))
def test_every_request_has_every_node_that_can_be_used_once(nodes: list[Node], zone: str | None, chance: float) -> None:
    ranks = arrange(nodes, zone)
    usable = {node for node in nodes if node.is_up}
    order = [node for rank in ranks.draw(chance) for node in rank]
    assert len(order) == len(usable)
    assert set(order) == usable
    assert sum(ranks.shares) == pytest.approx(1.0 if usable else 0.0)
    assert all(ranks.by_preference)
    if not ranks.is_spilling:
        assert ranks.draw(chance) == ranks.by_preference
