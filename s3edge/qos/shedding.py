"""When a line stands for too long, and how many of those who wait in it are then sent away.

After Nichols and Jacobson's CoDel (RFC 8289): a line that is empty now and then only evens out bursts, and one in which
even the luckiest wait long does nothing but add its length to each wait. So what is judged is the shortest wait, and
what is shed comes faster and faster until that falls. Facebook does the same to requests before servers ("Fail at
scale", 2015).
"""

from math import sqrt
from typing import Final

# Seconds. A quarter of the time that a request waits by default: a line that stands for longer costs every request more
# than most objects take to be read.
TARGET: Final = 0.5
# Seconds. CoDel's is the time in which senders take notice: S3 clients pause for half a second or so after their first
# SlowDown.
INTERVAL: Final = 0.5
# Seconds before the end of its wait from which on a request is late, as it is by default: whoever says that it may wait
# for longer would rather wait than be shed.
LATE_BEFORE_END: Final = 1.5
# Intervals. A line that stands again so soon goes on where it had come to (RFC 8289, section 5.5).
REMEMBERED: Final = 16


def target(wait: float) -> float:
    """Within how many seconds a line should serve a request that may wait for `wait` seconds."""
    return max(TARGET, wait - LATE_BEFORE_END)


class Shedding:
    """How many entries a line has to shed by now."""

    __slots__ = ("_count", "_due", "is_on")

    def __init__(self) -> None:
        self.is_on = False
        self._count = 0
        self._due = 0.0

    def due(self, is_standing: bool, now: float) -> int:
        """The entries to shed now, of a line that stands (or does not): the n-th comes 1/sqrt(n) intervals later."""
        if not is_standing:
            self.is_on = False
            return 0
        if not self.is_on:
            self.is_on = True
            self._count = max(self._count - 2, 0) if now - self._due < REMEMBERED * INTERVAL else 0
            self._due = now
        begun = self._count
        while self._due <= now:
            self._count += 1
            self._due += INTERVAL / sqrt(self._count)
        return self._count - begun
