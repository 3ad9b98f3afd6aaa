"""What is known of one node: the facts that probes and name look-ups brought."""

from dataclasses import dataclass

from s3edge.health.presets import Verdict
from s3edge.health.thresholds import Health, NodeState, Thresholds


@dataclass(slots=True)
class NodeStatus:
    """One node as the supervisor knows it. Times are seconds of the clock that the caller takes `now` from."""

    name: str
    url: str
    cluster: str
    thresholds: Thresholds
    health: Health
    addresses: tuple[str, ...] = ()
    last_probe: Verdict | None = None
    probes_good: int = 0
    probes_bad: int = 0

    @property
    def state(self) -> NodeState:
        """What the probes say of the node."""
        return self.health.state

    def probed(self, verdict: Verdict, now: float) -> bool:
        """Take in the result of a probe; whether it turned the node's state."""
        before = self.health.state
        self.health = self.thresholds.after(self.health, verdict.is_good, now)
        self.last_probe = verdict
        if verdict.is_good:
            self.probes_good += 1
        else:
            self.probes_bad += 1
        return self.health.state is not before
