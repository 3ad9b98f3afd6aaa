"""How often a node is asked that answers 503 SlowDown: it is not dead, it wants less.

The rate of attempts follows additive increase and multiplicative decrease, as TCP's window does. A refusal tells more
than a lost packet, though: the answers that were no refusals are what the node can take, so the rate falls to just
that, and then creeps up until the next refusal. How the node counts, in tokens of a bucket or in requests of a second,
need not be known.
"""

from collections import deque
from math import exp2
from typing import Final

# Seconds in which refusals count as one: they come in bursts, for attempts that were under way before the rate fell.
HOLD_OFF: Final = 0.25
# A fall is at least this part of the rate: room for what is under way, or the next attempts would be refused, too.
_LEAST_FALL: Final = 0.02
# At most this part: that a node takes less and less of what it is sent can have other reasons than the rate.
_MOST_FALL: Final = 0.5
# A rate rises by this part in a second. From one fall to the next it takes seconds, and few attempts are refused.
_RISE: Final = 0.01
# After so many seconds without a refusal the limit is not where it was: the rate doubles in each second, until it is
# met.
_SEARCH_AFTER: Final = 10.0
# The same for a new throttle, since the rate that it begins with is a guess.
_FIRST_SEARCH_AFTER: Final = 0.5
# So many refusals in a row are not those of a rate that is a little too high: the node takes nothing, for instance
# until its present second is over. It is then asked at this part of the rate only, until it takes an attempt.
_CLOSED_AFTER: Final = 8
_TRICKLE: Final = 1 / 8
# Attempts a second; with fewer than one in a hold-off nobody would learn whether the node still refuses.
LEAST_RATE: Final = 1 / HOLD_OFF
# Seconds by which attempts may be late and catch up, since event loops and coarse timers are. A burst of this length is
# far below what a bucket of tokens commonly holds.
SLACK: Final = 0.05
# Seconds. Sums of floats leave such rests, which no timer can wait for.
_INSTANT: Final = 1e-6
# Seconds without an attempt that had to wait, after which the rate is no limit any more.
NEEDED_FOR: Final = 10.0
# Good answers of the last second are counted in so many slots, and one more of which only a part counts.
_SLOTS: Final = 10


class _LastSecond:
    """How many good answers came in the last second. At the start, `count` are taken to have come evenly."""

    __slots__ = ("_counts", "_slot")

    def __init__(self, now: float, count: float) -> None:
        each = count / _SLOTS
        self._counts = deque([each] * _SLOTS + [each * (now * _SLOTS % 1)], maxlen=_SLOTS + 1)
        self._slot = int(now * _SLOTS)

    def add(self, now: float) -> None:
        self._turn(now)
        self._counts[-1] += 1

    def count(self, now: float) -> float:
        self._turn(now)
        return sum(self._counts) - self._counts[0] * (now * _SLOTS % 1)

    def _turn(self, now: float) -> None:
        slot = int(now * _SLOTS)
        self._counts.extend([0.0] * min(slot - self._slot, _SLOTS + 1))
        self._slot = slot


class Throttle:
    """The `rate` of attempts to one node, in attempts per second; made when the node first answers SlowDown.

    At first it is what the node took in the last second or so, as far as that is known. `delay` and `take` pace the
    attempts; `answered` and `slowed` tell how they ended, the first refusal included.
    """

    __slots__ = ("_answers", "_due", "_felt", "_risen", "_search", "_slowed", "_streak", "rate")

    def __init__(self, now: float, rate: float) -> None:
        self.rate = max(rate, LEAST_RATE)
        self._answers = _LastSecond(now, self.rate)
        self._due = now  # when the next attempt may go
        self._felt = now  # when an attempt last had to wait, or was refused
        self._risen = now  # up to when the rate has risen
        self._slowed = now  # when the last hold-off began
        self._search = now + _FIRST_SEARCH_AFTER  # when to look for the limit, without a refusal until then
        self._streak = 0  # refusals in a row

    def delay(self, now: float) -> float:
        """The seconds until the next attempt may go; 0 for at once."""
        delay = self._due - now
        return delay if delay > _INSTANT else 0.0

    def take(self, now: float) -> None:
        """An attempt goes."""
        if self._due > now - SLACK / 2:
            self._felt = now
        pace = self.rate if self._streak < _CLOSED_AFTER else self.rate * _TRICKLE
        self._due = max(self._due, now - SLACK) + 1 / pace

    def answered(self, now: float) -> None:
        """The node has taken an attempt: it has answered, and not with SlowDown."""
        self._answers.add(now)
        if self._streak >= _CLOSED_AFTER:
            self._due = min(self._due, now)
            if self.rate == LEAST_RATE:  # all was refused for so long that the rate says nothing of the node any more
                self._search = now + _FIRST_SEARCH_AFTER
        self._streak = 0
        if now - self._felt < 1.0:  # else nobody tries to go faster, and nothing is learned about the limit
            passed = now - self._risen
            self.rate *= 1 + _RISE * passed if now < self._search else exp2(passed)
        self._risen = now

    def slowed(self, now: float) -> None:
        """The node has refused an attempt with SlowDown."""
        self._felt = now
        self._streak += 1
        if now - self._slowed < HOLD_OFF:
            return
        self._slowed = self._risen = now
        self._search = now + _SEARCH_AFTER
        taken = max(self._answers.count(now), self.rate * (1 - _MOST_FALL))
        self.rate = max(min(self.rate * (1 - _LEAST_FALL), taken), LEAST_RATE)

    def is_needed(self, now: float) -> bool:
        """Whether the rate holds attempts up, or did so a short time ago; if not, the owner may forget it."""
        return now - self._felt < NEEDED_FOR
