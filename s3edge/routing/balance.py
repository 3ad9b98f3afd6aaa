"""Which node of a cluster takes the next attempt."""

from collections.abc import Collection, Sequence
from random import Random
from typing import Protocol

from s3edge.config.policy import Balance
from s3edge.routing.node import Node


class Balancer(Protocol):
    """Picks among the nodes of one cluster."""

    def pick(self, nodes: Sequence[Node], tried: Collection[Node]) -> Node | None:
        """The node for the next attempt: up and not yet `tried` by this request, or None if there is none."""


class LeastInflight:
    """The node with the fewest attempts under way per weight.

    Among equals chance decides, by weight: on an idle edge nearly every pick is a tie, and the first in the list would
    get all of them.
    """

    def __init__(self, rng: Random) -> None:
        self._random = rng.random

    def pick(self, nodes: Sequence[Node], tried: Collection[Node]) -> Node | None:
        """The least busy node; O(nodes)."""
        best: Node | None = None
        least = 0.0
        ties = 0  # the weight of all nodes that are as little busy as `best`
        for node in nodes:
            if not node.is_up or (tried and node in tried):
                continue
            load = node.inflight / node.weight
            if best is None or load < least:
                best, least, ties = node, load, node.weight
            elif load == least:
                ties += node.weight
                if self._random() * ties < node.weight:  # replaces the others with its share of the weight so far
                    best = node
        return best


class RoundRobin:
    """Each node in turn, `weight` times as often as one of weight 1, evenly spread (nginx: smooth weighted)."""

    def pick(self, nodes: Sequence[Node], tried: Collection[Node]) -> Node | None:
        """The node whose turn it is; O(nodes)."""
        best: Node | None = None
        total = 0
        for node in nodes:
            if not node.is_up or (tried and node in tried):
                continue
            node.turns += node.weight
            total += node.weight
            if best is None or node.turns > best.turns:
                best = node
        if best is not None:
            best.turns -= total
        return best


def balancer(balance: Balance, rng: Random) -> Balancer:
    """The balancer that a policy names."""
    return RoundRobin() if balance is Balance.ROUND_ROBIN else LeastInflight(rng)
