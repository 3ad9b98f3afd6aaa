"""When a first byte is late: late enough to ask a second node as well (a hedge), or to give the first one up (a retry).

Both depend on what is asked for. A node that is slow by nature must not look late, nor a quick one in time, so recent
times are kept apart by operation and by the amount of data, and the limits follow them.
"""

from collections import defaultdict
from enum import StrEnum
from typing import Final

from s3edge.resilience.times import Times
from s3edge.s3.operation import Operation
from s3edge.s3.ranges import ByteRange, SuffixRange

# Seconds. Below this a hedge mostly answers the jitter of event loops, which serve hundreds of requests in a turn.
FLOOR: Final = 0.02
# Where half of all answers take more than half the delay, nodes are busy rather than late: a second request would wait
# in the same queues and lengthen them.
_HEDGE_FACTOR: Final = 2.0
# After so many observed times the pace is taken anew; it costs some microseconds.
_RENEWED_EVERY: Final = 16
# A node that has not answered after four times what 99% of answers take is not slow, it is gone.
_PATIENCE_QUANTILE: Final = 0.99
_PATIENCE_FACTOR: Final = 4.0
# An answer that takes ten times as long as half of all answers is late, however slow these are.
_SLOW_FACTOR: Final = 10.0
# Seconds. A retry gives up an answer that may be about to come, so it is dearer than a hedge: a short stop of a node
# (garbage collection, a full journal) must not cost one.
LEAST_PATIENCE: Final = 0.25
# Bytes. A range of 64 KiB is one seek for a disk; 1 MiB lies within one stripe or block as they are commonly set up.
_SMALL: Final = 64 * 1024
_MEDIUM: Final = 1024 * 1024


class Amount(StrEnum):
    """How much data a request asks for, as far as its head tells: a range of up to 64 KiB, 1 MiB, more, or all."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"
    WHOLE = "whole"


def amount(wanted: ByteRange | SuffixRange | None) -> Amount:
    """The amount of data in a range; the whole object without one, or with one that is open at its end."""
    if wanted is None:
        return Amount.WHOLE
    if isinstance(wanted, SuffixRange):
        length = wanted.length
    elif wanted.last is None:
        return Amount.WHOLE
    else:
        length = wanted.last - wanted.first + 1
    if length <= _SMALL:
        return Amount.SMALL
    return Amount.MEDIUM if length <= _MEDIUM else Amount.LARGE


class Pace:
    """How soon the first byte of one kind of read is due, for one policy.

    `delay` is the seconds after which to ask a second node, `patience` those after which a node counts as not answering
    at all. Both follow what is observed, some requests behind, and are at most `most`, or ten times the median where
    that is more: what takes seconds by nature is not late after one. While too few times are known, `delay` is
    `unknown`. Plain attributes, since each request reads them. `observed_at` is when one was observed last.
    """

    __slots__ = ("_most", "_quantile", "_times", "_unknown", "_until_renewal", "delay", "observed_at", "patience")

    delay: float
    patience: float

    def __init__(self, times: Times, quantile: float, most: float, unknown: float) -> None:
        self._times = times
        self._quantile = quantile
        self._most = most
        self._unknown = unknown
        self.observed_at = 0.0
        self._renew()

    def observed(self, seconds: float, now: float) -> None:
        """An attempt's first byte came after `seconds`, which are over `now`.

        An attempt that was given up is told, too, with the time it had taken, the least that it would have needed:
        without the losers of races, times would look ever shorter and hedges come ever sooner.
        """
        self.observed_at = now
        self._times.add(seconds)
        self._until_renewal -= 1
        if not self._until_renewal:
            self._renew()

    def _renew(self) -> None:
        self._until_renewal = _RENEWED_EVERY
        times, most = self._times, self._most
        median, usual, worst = times.quantile(0.5), times.quantile(self._quantile), times.quantile(_PATIENCE_QUANTILE)
        if median is None or usual is None or worst is None:
            self.delay, self.patience = min(self._unknown, most), most
            return
        # The median, since a frozen node among four makes a quarter of all times long, but not a half.
        most = max(most, _SLOW_FACTOR * median)
        self.delay = min(max(usual, _HEDGE_FACTOR * median, FLOOR), most)
        self.patience = min(max(_PATIENCE_FACTOR * worst, LEAST_PATIENCE), most)


class Lateness:
    """What is late in one cluster; all policies learn from the same times.

    `unknown` is the delay of a hedge, in seconds, while too few times are known.
    """

    __slots__ = ("_times", "_unknown")

    def __init__(self, unknown: float) -> None:
        self._unknown = unknown
        self._times: defaultdict[tuple[Operation, Amount], Times] = defaultdict(Times)

    def pace(self, operation: Operation, amount: Amount, quantile: float, most: float) -> Pace:
        """The pace of one kind of read, for a policy that hedges after `quantile` and waits `most` seconds at most."""
        return Pace(self._times[operation, amount], quantile, most, self._unknown)
