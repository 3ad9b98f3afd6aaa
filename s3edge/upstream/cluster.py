"""A cluster as the data path uses it: its nodes, a pool for each, and the balancers that choose among them."""

from collections.abc import Collection, Sequence
from random import Random

from s3edge.config.policy import Balance
from s3edge.routing.balance import Balancer, balancer
from s3edge.routing.node import Node
from s3edge.upstream.pool import Pool


class Cluster:
    """The nodes of one cluster, in the order of the configuration."""

    def __init__(self, name: str, pools: Sequence[Pool], rng: Random) -> None:
        self.name = name
        self.pools = {pool.node: pool for pool in pools}
        self.nodes = tuple(self.pools)
        self._balancers: dict[Balance, Balancer] = {balance: balancer(balance, rng) for balance in Balance}

    def pick(self, balance: Balance, tried: Collection[Node]) -> Pool | None:
        """The pool of the node for the next attempt, or None if every node is down or `tried`."""
        node = self._balancers[balance].pick(self.nodes, tried)
        return None if node is None else self.pools[node]

    def close(self) -> None:
        """Close the idle connections to all nodes."""
        for pool in self.pools.values():
            pool.close()
