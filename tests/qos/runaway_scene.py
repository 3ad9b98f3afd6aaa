"""A runaway guard and one source, second by second."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf

from s3edge.config.qos import Guard
from s3edge.qos.activity import Activity, Source
from s3edge.qos.runaway import Runaways, Verdict

MIB = 1 << 20
TRAINING = Source("tenant", "training")
CLIENT = Source("client", "10.0.0.1")
# Seconds, long enough to be no new source any more: the baseline of 600 s, and what is not learned yet.
KNOWN = 700


def did(requests: float = 0, distinct: float | None = None, **counts: float) -> Activity:
    """One second of a source; all its requests are for different things if nothing else is said."""
    different = requests if distinct is None else distinct
    marks = set(range(min(int(different), 2000)))
    return Activity(marks, requests=int(requests), **{name: int(count) for name, count in counts.items()})


def usual() -> Activity:
    """One second of a healthy source."""
    return did(40, sent=40 * MIB, lists=1, connections=1)


def idle() -> None:
    """One second without anything."""


@dataclass
class Scene:
    """A judge, the second that it is, and what the judge has said in which second."""

    guard: Guard = field(default_factory=Guard)
    judge: Runaways = field(default_factory=lambda: Runaways(0.0))
    now: int = 0
    said: list[tuple[int, Verdict]] = field(default_factory=list)

    def run(self, seconds: int, act: Callable[[], Activity | None], source: Source = TRAINING) -> None:
        """A source does `act()` in each of the next seconds."""
        for _ in range(seconds):
            self.now += 1
            activity = act()
            if activity is not None:
                self.judge.feed(source, activity, self.guard, self.now)
            self.said += [(self.now, verdict) for verdict in self.judge.tick(self.now)]

    @property
    def rate(self) -> float:
        """What was last said that a source may do; infinity for no limit."""
        rate = self.said[-1][1].rate if self.said else None
        return inf if rate is None else rate

    @property
    def steps(self) -> list[tuple[int, int, float | None]]:
        """The second, the step and the rate of each verdict."""
        return [(second, verdict.step, verdict.rate) for second, verdict in self.said]

    def stubborn(self) -> Activity:
        """One second of a client that asks 1,240 times whatever it is told."""
        served = min(1240, self.rate)
        return did(1240, shed=1240 - served, sent=served * MIB)

    def greedy(self) -> Activity:
        """One second of a client that takes up to 1,240 requests, and waits where it may not have more."""
        return did(min(1240, self.rate))


def known(guard: Guard | None = None) -> Scene:
    """A scene in which the training has done its usual for `KNOWN` seconds."""
    scene = Scene(guard or Guard())
    scene.run(KNOWN, usual)
    assert scene.said == []
    return scene
