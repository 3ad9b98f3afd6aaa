"""A storage node as the edge sees it: where it is, whether it may be used, how much it does now."""

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Node:
    """One storage node of a cluster.

    `is_up` tells whether new attempts may go to it; a new node is used before its first probe has ended. `addresses`
    are the IP addresses that `host` stands for now, `inflight` counts the attempts under way from this worker, and
    `weight` is the node's share against its peers.
    """

    name: str
    cluster: str
    host: str
    port: int
    is_tls: bool = False
    weight: int = 1
    is_up: bool = True
    addresses: tuple[str, ...] = ()
    inflight: int = 0
    turns: int = field(default=0, repr=False)
