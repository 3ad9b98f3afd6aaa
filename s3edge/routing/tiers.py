"""In which order the nodes of a cluster serve: by tier, the edge's own zone first, over to the next when too few can.

A rank is all nodes of a tier that are in the edge's own zone, or all that are not. The first rank takes all requests as
long as enough of its nodes, by weight, can be used; what is missing goes to the next, as with Envoy's priority levels
(https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/load_balancing/priority).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

from s3edge.routing.node import Node

# Envoy's overprovisioning factor: a rank takes all requests until less than 1 / 1.4 = 71% of it can be used.
OVERPROVISIONING = 1.4

Rank = tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Ranks:
    """The nodes that can be used, in ranks `by_preference`. No rank is empty; there is none if no node can be used.

    `shares` is the part of the requests that each rank is tried first by; together they are 1. `is_spilling` tells that
    not all requests try the first rank first.
    """

    by_preference: tuple[Rank, ...]
    shares: tuple[float, ...]
    is_spilling: bool
    _orders: tuple[tuple[Rank, ...], ...]
    _bounds: tuple[float, ...]

    def draw(self, chance: float) -> tuple[Rank, ...]:
        """The ranks in the order in which one request tries them, for an even `chance` in [0, 1).

        The first is drawn by the shares, the others follow by preference. Unless `is_spilling`, this is always
        `by_preference`.
        """
        for bound, order in zip(self._bounds, self._orders, strict=True):
            if chance < bound:
                return order
        return self.by_preference


def arrange(nodes: Sequence[Node], own_zone: str | None) -> Ranks:
    """The ranks of a cluster's `nodes` as they are now, for an edge in `own_zone`.

    To be asked again when `is_up` or `is_ejected` of one changes. An edge without a zone makes no difference between
    zones; to one with a zone, nodes without are in another.
    """

    def place(node: Node) -> tuple[int, bool]:
        return node.tier, own_zone is not None and node.zone != own_zone

    ranks: list[Rank] = []
    fitness: list[float] = []
    for _, group in groupby(sorted(nodes, key=place), key=place):
        rank = tuple(group)
        usable = tuple(node for node in rank if node.is_up and not node.is_ejected)
        if usable:
            ranks.append(usable)
            fitness.append(min(1.0, OVERPROVISIONING * _weight(usable) / _weight(rank)))
    shares = _shares(fitness)
    orders = tuple((rank, *ranks[:number], *ranks[number + 1 :]) for number, rank in enumerate(ranks))
    return Ranks(tuple(ranks), shares, bool(shares) and shares[0] < 1.0, orders, tuple(accumulate(shares)))


def _weight(nodes: Sequence[Node]) -> int:
    return sum(node.base_weight for node in nodes)


def _shares(fitness: Sequence[float]) -> tuple[float, ...]:
    """Each rank takes what it is fit for of what is left; where all together are not fit for all, each takes more."""
    total = min(1.0, sum(fitness))
    left = 1.0
    shares = []
    for part in fitness:
        share = min(left, part / total)
        shares.append(share)
        left -= share
    return tuple(shares)
