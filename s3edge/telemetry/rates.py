"""From what was counted to what happens per second, and how long it takes: pure arithmetic on snapshots.

Counters of a snapshot never fall, since `Rollup` keeps what dead workers counted. What falls nevertheless, such as the
bytes of bodies that move in a worker that dies, makes a rate of 0 and not a negative one.
"""

from collections import deque
from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import Final, TypeAlias

from s3edge.telemetry.families import FAMILIES, TIMES
from s3edge.telemetry.meter import Snapshot

# Seconds. Shorter, a p99 would be made of a handful of requests; longer, it would tell of what is over.
WINDOW: Final = 10.0

Sums: TypeAlias = dict[str, float]
"""By the first label of what was summed; that is a tenant or a node in all families that are asked for."""

Histograms: TypeAlias = dict[str, list[float]]
"""Counts per bucket, the last unbounded, by a label; see `Value`."""


def summed(snapshot: Snapshot, *families: str, label: str = "", values: Collection[str] = ()) -> Sums:
    """The samples of some families, added up by their first label, or under an empty one if they have none.

    With a `label`, those count that have one of its `values`. A family that is missing has no samples.
    """
    sums: Sums = {}
    for family in families:
        place = FAMILIES[family].labels.index(label) if label else None
        for labels, value in snapshot.get(family, ()):
            if not isinstance(value, list) and (place is None or labels[place] in values):
                name = labels[0] if labels else ""
                sums[name] = sums.get(name, 0) + value
    return sums


def histograms(snapshot: Snapshot, family: str) -> Histograms:
    """The counts of a family of histograms, added up by their first label."""
    sums: Histograms = {}
    for labels, value in snapshot.get(family, ()):
        if isinstance(value, list):
            name = labels[0] if labels else ""
            counts = value[:-1]
            sums[name] = [a + b for a, b in zip(sums[name], counts, strict=True)] if name in sums else counts
    return sums


def per_second(before: Sums, after: Sums, seconds: float) -> Sums:
    """What was added per second, by the labels of `after`; 0 for a time that is none."""
    if seconds <= 0.0:
        return dict.fromkeys(after, 0.0)
    return {name: max(0.0, count - before.get(name, 0)) / seconds for name, count in after.items()}


class Recent:
    """What came into histograms in the last `WINDOW` seconds, or since the last look before that."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, Histograms]] = deque()

    def take(self, counted: Histograms, now: float) -> Histograms:
        """Take in what was counted until now; what of it is recent. The first time, nothing is."""
        taken = self._taken
        taken.append((now, counted))
        while len(taken) > 1 and now - taken[1][0] >= WINDOW:
            taken.popleft()
        past = taken[0][1]
        return {name: _added(past.get(name), counts) for name, counts in counted.items()}


def _added(before: Sequence[float] | None, after: list[float]) -> list[float]:
    if before is None:
        return after
    return [max(0.0, b - a) for a, b in zip(before, after, strict=True)]


def total(counted: Histograms) -> list[float]:
    """All of them as one."""
    return [sum(counts) for counts in zip(*counted.values(), strict=True)]


def quantile(share: float, counts: Sequence[float]) -> float | None:
    """The seconds within which this share of what was counted, by `TIMES`, was done; None if nothing was counted.

    Within a bucket it is interpolated, and what is beyond the last bound counts as that bound, as Prometheus'
    `histogram_quantile` does.
    """
    if not sum(counts):
        return None
    rank = share * sum(counts)
    below = 0.0
    low = 0.0
    for bound, count, up_to in zip(TIMES, counts, accumulate(counts), strict=False):
        if count and up_to >= rank:
            return low + (bound - low) * (rank - below) / count
        low, below = bound, up_to
    return TIMES[-1]
