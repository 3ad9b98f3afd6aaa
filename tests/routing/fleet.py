"""Nodes to choose among, and who is chosen."""

from collections import Counter
from collections.abc import Sequence

from s3edge.routing.balance import Balancer
from s3edge.routing.node import Node


def nodes(*weights: int) -> tuple[Node, ...]:
    """Nodes called a, b, c ... of these weights."""
    return tuple(
        Node(chr(ord("a") + number), "storage", "host", 9000, base_weight=weight)
        for number, weight in enumerate(weights)
    )


def picks(balancer: Balancer, among: Sequence[Node], count: int, now: float = 0.0) -> str:
    """The names of the nodes that take `count` attempts at `now`, each of which ends before the next."""
    names = []
    for number in range(count):
        node = balancer.pick(among, (), b"key-%d" % number, now)
        assert node is not None
        names.append(node.name)
    return "".join(names)


def shares(balancer: Balancer, among: Sequence[Node], count: int, now: float = 0.0) -> dict[str, float]:
    """Which part of `count` attempts each node takes."""
    return {name: times / count for name, times in Counter(picks(balancer, among, count, now)).items()}


def fill(balancer: Balancer, among: Sequence[Node], count: int) -> list[int]:
    """How many attempts are under way at each node when `count` were begun and none ended."""
    for number in range(count):
        node = balancer.pick(among, (), b"key-%d" % number, 0.0)
        assert node is not None
        node.inflight += 1
    return [node.inflight for node in among]
