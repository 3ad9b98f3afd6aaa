"""Consistent hashing with bounded load: the same node for the same key, while it has room."""

from collections import Counter
from collections.abc import Sequence
from math import ceil
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.routing.balance import BOUND, ConsistentHash
from s3edge.routing.node import Node
from tests.routing.fleet import fill, nodes, shares

KEYS = [b"/training/shard-%06d.tar" % number for number in range(2000)]


def owners(among: Sequence[Node], balancer: ConsistentHash | None = None) -> dict[bytes, str]:
    """The node for each key while nothing is under way."""
    pick = (balancer or ConsistentHash()).pick
    return {key: node.name for key in KEYS if (node := pick(among, (), key, 0.0))}


def test_a_key_belongs_to_the_same_node_in_every_worker_and_after_a_restart() -> None:
    among = nodes(1, 1, 1, 1)
    assert owners(among) == owners(nodes(1, 1, 1, 1)) == owners(among[::-1])
    assert "".join(owners(among).values())[:16] == "dcccbcacaddabcdc"


def test_a_node_that_goes_away_moves_its_own_keys_only() -> None:
    among, balancer = nodes(1, 1, 1, 1), ConsistentHash()
    before = owners(among, balancer)
    without = owners(among[:2] + among[3:], balancer)
    assert {key: name for key, name in before.items() if name != "c"}.items() <= without.items()
    moved = Counter(without[key] for key, name in before.items() if name == "c")
    assert set(moved) == {"a", "b", "d"}
    assert min(moved.values()) > 0.2 * moved.total()
    assert owners(among, balancer) == before


def test_a_node_that_is_new_takes_keys_only_for_itself() -> None:
    among, balancer = nodes(1, 1, 1, 1), ConsistentHash()
    before = owners(among[:3], balancer)
    after = owners(among, balancer)
    assert {name for key, name in after.items() if name != before[key]} == {"d"}
    assert after == owners(among)


def test_a_node_that_was_tried_passes_the_key_on_to_where_it_goes_without_the_node() -> None:
    among, balancer = nodes(1, 1, 1), ConsistentHash()
    without = owners(among[1:])
    for key, name in owners(among).items():
        if name == "a":
            node = balancer.pick(among, among[:1], key, 0.0)
            assert node is not None
            assert node.name == without[key]


@pytest.mark.parametrize("weights", [(1, 1, 1, 1), (1, 2, 5), (1,) * 16])
def test_keys_are_shared_by_weight(weights: tuple[int, ...]) -> None:
    among = nodes(*weights)
    parts = shares(ConsistentHash(), among, 10_000)
    for node in among:
        assert parts[node.name] == pytest.approx(node.base_weight / sum(weights), rel=0.3)


def test_a_weight_that_is_low_for_a_moment_moves_no_keys_of_an_idle_node() -> None:
    among = nodes(1, 1, 1)
    before = owners(among)
    among[1].weight = 0.1
    assert owners(among) == before


def test_a_key_that_all_want_goes_to_the_next_node_when_its_own_has_no_room() -> None:
    among, balancer = nodes(1, 1, 1, 1), ConsistentHash()
    sent = []
    for _ in range(40):
        node = balancer.pick(among, (), b"hot", 0.0)
        assert node is not None
        node.inflight += 1
        sent.append(node)
    assert sorted(node.inflight for node in among) == [2, 12, 13, 13]  # 1.25 x 40 / 4 = 12.5, so the 13th is the last
    assert sent[0].inflight == 13


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(0, 40)), min_size=1, max_size=8),
    st.binary(max_size=20),
    st.randoms(use_true_random=False),
)
def test_the_node_that_is_picked_never_exceeds_its_part(
    state: list[tuple[int, int]], key: bytes, random: Random
) -> None:
    among = nodes(*(weight for weight, _ in state))
    for node, (_, inflight) in zip(among, state, strict=True):
        node.inflight = inflight
        node.weight *= random.choice((0.1, 0.5, 1.0))
    picked = ConsistentHash().pick(among, (), key, 0.0)
    assert picked is not None
    attempts = 1 + sum(node.inflight for node in among)
    part = picked.weight / sum(node.weight for node in among)
    assert picked.inflight + 1 <= ceil(BOUND * attempts * part)


def test_busy_nodes_are_filled_to_a_quarter_above_their_part_at_most() -> None:
    assert max(fill(ConsistentHash(), nodes(*[1] * 8), 800)) <= 125
