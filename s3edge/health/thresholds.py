"""When probes turn a node's state: one table, so that a single lost probe moves no traffic.

| state   | good probe                   | bad probe                     |
|---------|------------------------------|-------------------------------|
| unknown | up                           | down                          |
| up      | stays, streak 0              | down after `fall` in a row    |
| down    | up after `rise` in a row     | stays, streak 0               |

The first probe decides alone (as Envoy does for good ones): at the start there is nothing to weigh it against, and a
cluster should be known to serve one probe after the start, not `rise` probes after.
"""

from dataclasses import dataclass
from enum import StrEnum


class NodeState(StrEnum):
    """What the probes say of a node; unknown until the first one ends."""

    UNKNOWN = "unknown"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Health:
    """A node's state, the time at which it began, and how many probes in a row have spoken against it."""

    state: NodeState
    since: float
    streak: int = 0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many probes in a row it takes to bring a node back (`rise`) and to take it away (`fall`)."""

    rise: int
    fall: int

    def after(self, health: Health, is_good: bool, now: float) -> Health:
        """The health after one more probe. The state turned if, and only if, it differs from the one before."""
        says = NodeState.UP if is_good else NodeState.DOWN
        if says is health.state:
            return Health(health.state, health.since)
        needed = {NodeState.UNKNOWN: 1, NodeState.UP: self.fall, NodeState.DOWN: self.rise}[health.state]
        streak = health.streak + 1
        if streak < needed:
            return Health(health.state, health.since, streak)
        return Health(says, now)
