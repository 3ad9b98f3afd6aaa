"""What is known of one node: the facts that probes, name look-ups and the operator brought."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from s3edge.health.thresholds import Health, NodeState, Thresholds
from s3edge.health.verdict import Sign, Verdict, bad


@dataclass(slots=True)
class Probed:
    """What one kind of probe found at a node so far."""

    thresholds: Thresholds
    health: Health = field(default_factory=Health)
    last: Verdict | None = None
    counts: Counter[Sign] = field(default_factory=Counter)

    def take(self, verdict: Verdict) -> None:
        """Take in one more result."""
        self.health = self.thresholds.after(self.health, verdict.sign)
        self.last = verdict
        self.counts[verdict.sign] += 1


@dataclass(slots=True)
class NodeStatus:
    """One node as the supervisor knows it.

    `since` is the time at which its state began, in seconds of the clock that the caller takes `now` from, and `reason`
    why it did, in words. `deep` is None where no deep probe is configured. `share` is the part of `weight` that the
    node is given for now.
    """

    name: str
    url: str
    cluster: str
    shallow: Probed
    since: float
    deep: Probed | None = None
    weight: int = 1
    zone: str | None = None
    tier: int = 0
    addresses: tuple[str, ...] = ()
    share: float = 1.0
    state: NodeState = NodeState.UNKNOWN
    reason: str = "not probed yet"
    is_drained: bool = False

    def probed(self, verdict: Verdict, now: float) -> bool:
        """Take in the result of a probe; whether it turned the node's state."""
        self.shallow.take(verdict)
        return self._settle(now)

    def probed_deeply(self, verdict: Verdict, now: float) -> bool:
        """Take in the result of a deep probe; whether it turned the node's state."""
        if self.deep is None:
            raise ValueError(f"{self.name} has no deep probe")
        self.deep.take(verdict)
        return self._settle(now)

    def judge_alone(self, verdict: Verdict, nodes: Iterable["NodeStatus"]) -> Verdict:
        """What a deep probe's result says of this node alone, among the nodes of its cluster.

        If all nodes refuse the probe, its keys or its bucket are wrong; if only this one does, the node is.
        """
        if verdict.sign is Sign.REFUSED and any(node.has_deep_success for node in nodes if node is not self):
            return bad(verdict.reason)
        return verdict

    @property
    def has_deep_success(self) -> bool:
        """Whether its last deep probe succeeded."""
        return self.deep is not None and self.deep.last is not None and self.deep.last.sign is Sign.GOOD

    def set_drained(self, is_drained: bool, now: float) -> bool:
        """Take the node away, or give it back to the probes, as the operator says; whether that turned its state."""
        self.is_drained = is_drained
        return self._settle(now)

    def _settle(self, now: float) -> bool:
        state, reason = self._judge()
        if state is self.state:
            return False
        self.state, self.reason, self.since = state, reason, now
        return True

    def _judge(self) -> tuple[NodeState, str]:
        """The operator decides before the node itself, and the node before the probes, which must agree that it is up.

        A deep probe without a result yet has no say: it comes late, and the other one has found an S3 service.
        """
        state, reason = self.shallow.health.state, _last_reason(self.shallow)
        if self.is_drained:
            return NodeState.DRAINED, "drained by the operator"
        if state is NodeState.DRAINING:
            return state, reason
        if state is not NodeState.DOWN and self.deep is not None and self.deep.health.state is NodeState.DOWN:
            return NodeState.DOWN, f"deep probe: {_last_reason(self.deep)}"
        return state, reason


def _last_reason(probed: Probed) -> str:
    return "not probed yet" if probed.last is None else probed.last.reason
