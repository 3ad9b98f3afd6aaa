"""A rate that is held by spending first and waiting later.

A token bucket would ask whether there is enough before something moves, so a body of 64 KiB could stop halfway through.
Here who finds no debt takes whatever it needs, and who comes next waits until that is paid. The sum is the same.
"""

from math import inf
from typing import Final

# Seconds. Sums of floats leave such rests, which no timer can wait for.
_INSTANT: Final = 1e-6


class Bucket:
    """At most `rate` units per second, bytes or requests, and after a pause `burst` seconds of the rate at once.

    In any T seconds at most `rate * (T + burst)` units are taken, and one take beyond that. A new bucket has its whole
    burst. `taken` are the units since its reader last set it to 0; `is_wanted` is set when somebody is told to wait.

    The state is one float, the instant at which the debt is paid (the "theoretical arrival time" of GCRA, ITU-T I.371).
    A call costs 0.1 us.
    """

    __slots__ = ("_due", "burst", "is_wanted", "rate", "taken")

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self.taken = 0.0
        self.is_wanted = False
        self._due = -inf

    def delay(self, now: float) -> float:
        """The seconds until the debt is paid; who finds 0 may take."""
        delay = self._due - now
        if delay <= _INSTANT:
            return 0.0
        self.is_wanted = True
        return delay

    def take(self, amount: float, now: float) -> None:
        """Take `amount` units, also if that makes a debt or adds to it."""
        self.taken += amount
        earliest = now - self.burst
        if self._due < earliest:
            self._due = earliest + amount / self.rate
        else:
            self._due += amount / self.rate

    def give_back(self, amount: float) -> None:
        """`amount` units that were taken were not needed."""
        self._due -= amount / self.rate
        self.taken -= amount

    def change(self, rate: float, burst: float, now: float) -> None:
        """Go on with another rate and burst; what is owed or saved stays the same in units. A rate of `inf` is none."""
        saved = max(self._due - now, -self.burst)
        self._due = now + saved * self.rate / rate
        self.rate = rate
        self.burst = burst

    def is_full(self, now: float) -> bool:
        """Whether the whole burst is there: a new bucket would do the same."""
        return self._due <= now - self.burst
