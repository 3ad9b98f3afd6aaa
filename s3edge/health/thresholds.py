"""When probes turn a node's state: one table, so that a single lost probe moves no traffic.

| state    | good probe               | bad probe                  | draining probe | refused probe |
|----------|--------------------------|----------------------------|----------------|---------------|
| unknown  | up                       | down                       | draining       | stays         |
| up       | stays                    | down after `fall` in a row | draining       | unknown       |
| down     | up after `rise` in a row | stays                      | draining       | unknown       |
| draining | up after `rise` in a row | down after `fall` in a row | stays          | unknown       |

The first probe decides alone (as Envoy does for good ones): at the start there is nothing to weigh it against, and a
cluster should be known to serve one probe after the start, not `rise` probes after. A node that says it drains is
believed at once, since no accident says so. A probe that is refused no longer knows anything.
"""

from dataclasses import dataclass
from enum import StrEnum

from s3edge.health.verdict import Sign


class NodeState(StrEnum):
    """Whether a node may be used: `unknown` (it may) until a first probe ends, `drained` by the operator."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"
    DRAINING = "draining"
    DRAINED = "drained"

    @property
    def is_usable(self) -> bool:
        """Whether new requests may go to the node."""
        return self in (NodeState.UNKNOWN, NodeState.UP)


_STATES = {
    Sign.GOOD: NodeState.UP,
    Sign.BAD: NodeState.DOWN,
    Sign.DRAINING: NodeState.DRAINING,
    Sign.REFUSED: NodeState.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Health:
    """What one kind of probe makes of a node, and how many in a row (`streak`) have lately pointed to another state."""

    state: NodeState = NodeState.UNKNOWN
    streak: int = 0
    toward: NodeState = NodeState.UNKNOWN


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many probes in a row it takes to bring a node back (`rise`) and to take it away (`fall`)."""

    rise: int
    fall: int

    def after(self, health: Health, sign: Sign) -> Health:
        """The health after one more probe. The state turned if, and only if, it differs from the one before."""
        says = _STATES[sign]
        if says is health.state:
            return Health(says)
        streak = health.streak + 1 if says is health.toward else 1
        return Health(says) if streak >= self._needed(health.state, says) else Health(health.state, streak, says)

    def _needed(self, state: NodeState, says: NodeState) -> int:
        if state is NodeState.UNKNOWN:
            return 1
        return {NodeState.UP: self.rise, NodeState.DOWN: self.fall}.get(says, 1)
