"""Quantiles of recent times, from counts in buckets: exact enough to act on, and cheap enough for every request."""

from bisect import bisect_left
from itertools import accumulate
from math import exp2
from typing import Final

# Buckets per factor of two: a bucket's bound is at most 2**(1/8) - 1 = 9% above any time in it.
_PER_OCTAVE: Final = 8
# Seconds. Less is not worth a decision: it is below the jitter of an event loop.
SHORTEST: Final = 0.0005
_OCTAVES: Final = 17
# The upper bounds of the buckets. Longer times than the last, 65.5 s, count as that; clients give up after 60 s.
_BOUNDS: Final = tuple(SHORTEST * exp2(step / _PER_OCTAVE) for step in range(_OCTAVES * _PER_OCTAVE + 1))
# Below this many times a quantile would say more about chance than about the nodes.
LEAST_KNOWN: Final = 32
# A quantile is looked up anew after this many times; it takes some 5 us.
_RENEWED_EVERY: Final = 64
# After this many times all counts are halved, so that the last thousand weigh as much as all before them: a change
# shows within seconds of traffic, and a quantile of 99% still rests on ten times. A multiple of `_RENEWED_EVERY`.
_HALVED_EVERY: Final = 1024


class Times:
    """Recent times in seconds; `count` tells how many there ever were."""

    __slots__ = ("_counts", "_quantiles", "count")

    def __init__(self) -> None:
        self.count = 0
        # Floats, since halved integers would lose the single counts that a high quantile is made of.
        self._counts = [0.0] * (len(_BOUNDS) + 1)
        self._quantiles: dict[float, float] = {}

    def add(self, seconds: float) -> None:
        """One more time."""
        self._counts[bisect_left(_BOUNDS, seconds)] += 1.0
        self.count = count = self.count + 1
        if not count % _RENEWED_EVERY:
            self._renew()

    def quantile(self, share: float) -> float | None:
        """The time that a `share` (0 to 1) of recent times did not exceed; None while too few are known.

        It is at most 9% too long, and does not know of the last 63 times yet.
        """
        try:
            return self._quantiles[share]
        except KeyError:
            return self._look_up(share) if self.count >= LEAST_KNOWN else None

    def _renew(self) -> None:
        self._quantiles.clear()
        if not self.count % _HALVED_EVERY:
            self._counts = [count / 2 for count in self._counts]

    def _look_up(self, share: float) -> float:
        sums = list(accumulate(self._counts))
        bucket = bisect_left(sums, share * sums[-1])
        self._quantiles[share] = bound = _BOUNDS[min(bucket, len(_BOUNDS) - 1)]
        return bound
