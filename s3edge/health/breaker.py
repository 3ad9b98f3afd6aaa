"""When live traffic takes a node away and how it comes back: one table.

| state   | tripped | tried   | good   | bad          | left          |
|---------|---------|---------|--------|--------------|---------------|
| closed  | open    | stays   | stays  | stays        | stays         |
| open    | stays   | probing | stays  | stays        | stays         |
| probing | stays   | stays   | closed | open, longer | open, no wait |

A closed breaker lets attempts through, and what they show is weighed elsewhere (`outliers.py`), which trips it. An open
one lets none through until its time is over, then one; its end decides.
"""

from dataclasses import dataclass
from enum import StrEnum

from s3edge.config.health import Ejection


class State(StrEnum):
    """Whether attempts may be made: closed, all; open, none for a time; probing, none beside the one under way."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


class Signal(StrEnum):
    """What happened to a node. Of attempts, only those that decide are signalled; see `Breaker.is_decided_by`."""

    TRIPPED = "tripped"  # it was found to be an outlier
    TRIED = "tried"  # an attempt is begun
    GOOD = "good"  # the attempt was answered well
    BAD = "bad"  # the attempt failed, and the node is to blame
    LEFT = "left"  # the attempt ended and says nothing of the node: the client left, another answer came first


_NEXT = {
    (State.CLOSED, Signal.TRIPPED): State.OPEN,
    (State.OPEN, Signal.TRIED): State.PROBING,
    (State.PROBING, Signal.GOOD): State.CLOSED,
    (State.PROBING, Signal.BAD): State.OPEN,
    (State.PROBING, Signal.LEFT): State.OPEN,
}


@dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of one node: its state, when that began, and until when it is open.

    `ejections` are those that make the next one longer.
    """

    state: State = State.CLOSED
    since: float = 0.0
    until: float = 0.0
    ejections: int = 0

    def may_try(self, now: float) -> bool:
        """Whether an attempt may be begun."""
        return self.state is State.CLOSED or (self.state is State.OPEN and now >= self.until)

    def is_decided_by(self, began: float) -> bool:
        """Whether the end of an attempt that began at `began` decides: one from before the ejection proves nothing."""
        return self.state is State.PROBING and began >= self.since

    def after(self, signal: Signal, now: float, settings: Ejection) -> "Breaker":
        """The breaker after `signal`; the same object if that changes nothing."""
        state = _NEXT.get((self.state, signal))
        if state is None:
            return self
        if state is not State.OPEN:
            return Breaker(state, now, self.until, self.ejections)
        if signal is Signal.LEFT:
            return Breaker(state, now, now, self.ejections)
        return self._opened(now, settings)

    def _opened(self, now: float, settings: Ejection) -> "Breaker":
        """Open for `time`, doubled for each ejection that is not forgotten, but for `longest` at most.

        One is forgotten for each `longest` that the node served. So does Envoy (`base_ejection_time`,
        `max_ejection_time`), but it multiplies by the count, and forgets one at each check without an ejection.
        """
        served = now - self.since if self.state is State.CLOSED else 0.0
        ejections = max(0, self.ejections - int(served / settings.longest))
        length = settings.time * 2**ejections
        if length >= settings.longest:  # counting on would only take longer to forget
            return Breaker(State.OPEN, now, now + settings.longest, ejections)
        return Breaker(State.OPEN, now, now + length, ejections + 1)
