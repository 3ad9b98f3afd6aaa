"""A storage node as the edge sees it: where it is, whether it may be used, how much it does now."""

from dataclasses import dataclass, field
from enum import StrEnum


class NodeState(StrEnum):
    """What the probes say of a node. An unknown node is used: traffic need not wait for the first probe."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(slots=True, eq=False)
class Node:
    """One storage node of a cluster.

    `addresses` are the IP addresses that `host` stands for now, `inflight` counts the attempts under way from
    this worker, `weight` is the node's share against its peers.
    """

    name: str
    cluster: str
    host: str
    port: int
    is_tls: bool = False
    weight: int = 1
    state: NodeState = NodeState.UNKNOWN
    addresses: tuple[str, ...] = ()
    inflight: int = 0
    turns: int = field(default=0, repr=False)

    @property
    def is_up(self) -> bool:
        """Whether new attempts may go to this node."""
        return self.state is not NodeState.DOWN
