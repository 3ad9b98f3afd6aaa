"""A storage node as the edge sees it: where it is, whether it may be used, how much it does now and how fast."""

from dataclasses import dataclass, field
from math import exp

# The mean lifetime of what was observed. Finagle's and Linkerd's default: long against one request, and short enough
# that a node which was slow is asked again before an operator wonders why it is idle.
MEMORY = 10.0


@dataclass(slots=True, eq=False)
class Node:
    """One storage node of a cluster.

    `base_weight` is its configured share against its peers, `weight` the share it is given now, which its owner lowers
    while the node asks for less or has just come back; always above 0. `is_up` is what the supervisor's probes say; a
    new node is used before its first probe has ended. `is_ejected` is what this worker's own traffic says. `addresses`
    are the IP addresses that `host` stands for now, and `inflight` counts the attempts under way from this worker.

    `latency` is the node's time to first byte in seconds as it was at `latency_at`; 0 while nothing is known, or while
    what was known is no longer believed.
    """

    name: str
    cluster: str
    host: str
    port: int
    is_tls: bool = False
    zone: str | None = None
    tier: int = 0
    base_weight: int = 1
    addresses: tuple[str, ...] = ()
    is_up: bool = True
    is_ejected: bool = False
    weight: float = field(init=False)
    inflight: int = 0
    latency: float = 0.0
    latency_at: float = 0.0
    turns: float = field(default=0.0, repr=False)

    def __post_init__(self) -> None:
        self.weight = float(self.base_weight)

    def observe(self, seconds: float, now: float) -> None:
        """Take in one time to first byte: a longer one counts at once, shorter ones bring it down bit by bit.

        This is Finagle's Peak EWMA (PeakEwma.scala): quick to see that a node slows, slow to believe that it is over.
        """
        if seconds < self.latency:
            if now == self.latency_at:
                return  # no time to forget anything
            kept = exp((self.latency_at - now) / MEMORY)
            seconds += (self.latency - seconds) * kept
        self.latency = seconds
        self.latency_at = now

    def expected(self, now: float) -> float:
        """Seconds to the first byte of an attempt that starts now; 0 if nothing is known.

        It shrinks while nothing is observed, so that a node that was slow is asked again.
        """
        return self.latency * exp((self.latency_at - now) / MEMORY)
