"""Which node of a cluster takes the next attempt.

The costs stated are for four nodes, none tried, on a core that does a 4 KiB GET in 15 us.
"""

from bisect import bisect
from collections.abc import Collection, Iterable, Sequence
from hashlib import blake2b
from math import exp
from random import Random
from struct import unpack
from typing import Protocol

from s3edge.config.policy import Balance
from s3edge.routing.node import MEMORY, Node

# Seconds added to each expected time to first byte: below this, it shows how busy the edge is and not the node.
NOISE = 0.001
# A node takes at most a quarter more than its part (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with
# Bounded Loads", 2016). HAProxy calls 125 to 200 reasonable for its `hash-balance-factor`.
BOUND = 1.25
# Points on the ring for each unit of weight, as in libketama: shares of equal nodes then differ by about 8%.
POINTS = 160
POINTS_PER_DIGEST = 8


class Balancer(Protocol):
    """Picks among nodes of one cluster."""

    def pick(self, nodes: Sequence[Node], tried: Collection[Node], key: bytes, now: float) -> Node | None:
        """The node for the next attempt: one of `nodes` that this request has not `tried`, or None if there is none.

        All `nodes` can be used. `key` is what names the object, `now` the time in seconds.
        """


class LeastInflight:
    """The node with the fewest attempts under way per weight.

    Among equals chance decides, by weight: on an idle edge nearly every pick is a tie, and the first in the list would
    get all of them.
    """

    def __init__(self, rng: Random) -> None:
        self._random = rng.random

    def pick(self, nodes: Sequence[Node], tried: Collection[Node], key: bytes, now: float) -> Node | None:
        """The least busy node; O(nodes), 0.3 us."""
        best: Node | None = None
        least = 0.0
        ties = 0.0  # the weight of all nodes that are as little busy as `best`
        for node in nodes:
            if tried and node in tried:
                continue
            load = node.inflight / node.weight
            if best is None or load < least:
                best, least, ties = node, load, node.weight
            elif load == least:
                ties += node.weight
                if self._random() * ties < node.weight:  # replaces the others with its share of the weight so far
                    best = node
        return best


class PeakEwma:
    """Of two nodes at random, the one that is likely to answer first: the power of two choices, by Finagle's Peak EWMA.

    Two are enough (Mitzenmacher, 2001), cost the same for any number of nodes, and keep the workers, which do not see
    each other's attempts, from running to the same node.

    The cost of a node is its expected time to first byte, squared, times the attempts that it would have under way, per
    weight. Finagle takes the time as it is, which gives a slow node as much as suits the throughput; but then its
    answers are the slowest hundredth of all. With one of four nodes four times slower, 8 slots at each and 48 clients
    (`tests/routing/test_balance_under_load.py`), against the fewest attempts under way:

    | power | requests/s | 99th percentile of the time to first byte |
    |-------|------------|-------------------------------------------|
    | 1     | -2%        | -30%                                      |
    | 2     | -6%        | -46%                                      |
    | 3     | -7%        | -62%                                      |

    With one slot at each, power 2 brings 1% fewer requests and -61%, and with more slots than clients 21% more and
    -73%. Of two idle nodes the time counts cubed: where there is room everywhere, a slow node has nothing to give.
    """

    def __init__(self, rng: Random) -> None:
        self._random = rng.random

    def pick(self, nodes: Sequence[Node], tried: Collection[Node], key: bytes, now: float) -> Node | None:
        """The better of two; O(1), but O(nodes) if some are `tried`; 0.55 us.

        Of two idle ones chance decides by weight and cost, so that a node with little to do is not forgotten. One of
        which nothing is known is taken to be as fast as the other: it gets its part, and no flood.
        """
        if tried:
            nodes = [node for node in nodes if node not in tried]
        count = len(nodes)
        if count < 2:
            return nodes[0] if count else None
        random = self._random
        number = int(random() * count)
        other = int(random() * (count - 1))
        one, two = nodes[number], nodes[other if other < number else other + 1]
        cost = (one.inflight + 1) / one.weight
        rival = (two.inflight + 1) / two.weight
        if one.latency and two.latency:
            time = NOISE + one.latency * exp((one.latency_at - now) / MEMORY)
            other_time = NOISE + two.latency * exp((two.latency_at - now) / MEMORY)
            cost *= time * time
            rival *= other_time * other_time
            if one.inflight or two.inflight:
                return one if cost < rival else two
            cost *= time
            rival *= other_time
        elif one.inflight or two.inflight:
            return one if cost < rival else two
        return one if random() * (cost + rival) < rival else two


class RoundRobin:
    """Each node in turn, `weight` times as often as one of weight 1, evenly spread (nginx: smooth weighted)."""

    def pick(self, nodes: Sequence[Node], tried: Collection[Node], key: bytes, now: float) -> Node | None:
        """The node whose turn it is; O(nodes), 0.3 us."""
        best: Node | None = None
        total = 0.0
        for node in nodes:
            if tried and node in tried:
                continue
            node.turns += node.weight
            total += node.weight
            if best is None or node.turns > best.turns:
                best = node
        if best is not None:
            best.turns -= total
        return best


class ConsistentHash:
    """The same node for the same key, in all workers and after restarts, unless it has more to do than its part.

    Keys and nodes lie on a ring; a key belongs to the next node that can be used and has room. So a node that goes away
    moves only its own keys, each to the next one on the ring. The points follow the configured weights, since keys
    should not wander while a node's weight changes for a moment; the room follows the present ones.
    """

    def __init__(self) -> None:
        self._nodes: frozenset[Node] = frozenset()
        self._points: list[int] = []
        self._owners: list[Node] = []

    def pick(self, nodes: Sequence[Node], tried: Collection[Node], key: bytes, now: float) -> Node | None:
        """The first node from the key on that has room; O(nodes), 1.1 us."""
        if not self._nodes.issuperset(nodes):
            self._place(nodes)
        if tried:
            nodes = [node for node in nodes if node not in tried]
        if not nodes:
            return None
        attempts = 1
        weight = 0.0
        for node in nodes:
            attempts += node.inflight
            weight += node.weight
        room = BOUND * attempts / weight
        (point,) = unpack("<Q", blake2b(key, digest_size=8).digest())
        place = bisect(self._points, point)
        owners = self._owners
        while True:  # ends: not all nodes can have more than their part
            node = owners[place % len(owners)]
            if node.inflight < room * node.weight and node in nodes:
                return node
            place += 1

    def _place(self, nodes: Iterable[Node]) -> None:
        """Give `nodes` their points on the ring; those that were there keep theirs."""
        self._nodes = self._nodes.union(nodes)
        owners = {point: node for node in self._nodes for point in _points(node)}
        self._points = sorted(owners)
        self._owners = [owners[point] for point in self._points]


def _points(node: Node) -> Iterable[int]:
    for number in range(node.base_weight * POINTS // POINTS_PER_DIGEST):
        yield from unpack(f"<{POINTS_PER_DIGEST}Q", blake2b(f"{node.name} {number}".encode()).digest())


def balancer(balance: Balance, rng: Random) -> Balancer:
    """The balancer that a policy names."""
    match balance:
        case Balance.LEAST_INFLIGHT:
            return LeastInflight(rng)
        case Balance.PEAK_EWMA:
            return PeakEwma(rng)
        case Balance.ROUND_ROBIN:
            return RoundRobin()
        case Balance.CONSISTENT_HASH:
            return ConsistentHash()
