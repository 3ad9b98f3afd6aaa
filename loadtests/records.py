"""What became of each request of the readers, and what that adds up to."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from loadtests.nodes import MIB

OK = "ok"
REFUSED = "refused"
RESET = "reset"
TRUNCATED = "truncated"
TIMED_OUT = "timed out"
MALFORMED = "malformed"
WRONG_HEAD = "wrong head"
WRONG_BYTES = "wrong bytes"
"""Outcomes: whole and true; no connection; the connection ended before the head, or in the body; no end within the
reader's patience; no HTTP; an ETag, length or range that the object does not have; bytes that it does not have. Any
other outcome is the status of an error, with its S3 code if it has one."""

LIES = frozenset({WRONG_HEAD, WRONG_BYTES})

BUCKET_SECONDS = 0.5
"""What one point of a timeline stands for: faults last 1 s and more."""


Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Record:
    """One request. `started` is seconds since the run began, in an open loop when it was due; all others are durations.

    `first_byte` is None when not one byte of an answer came; `stall` is the longest time between two reads of an
    answer, or from the last one to a premature end; `size` counts the body bytes of a good answer.
    """

    started: float
    first_byte: float | None
    stall: float
    took: float
    size: int
    outcome: str

    @property
    def wait(self) -> float:
        """Seconds until the first byte, or until it was clear that there would be none."""
        return self.took if self.first_byte is None else self.first_byte


@dataclass(frozen=True)
class Readings:
    """A run of readers: its records, and the bytes that arrived, heads too, in each bucket of BUCKET_SECONDS."""

    records: Sequence[Record]
    received: Sequence[int]


def save(readings: Readings, path: Path) -> None:
    """Write JSON lines: the received bytes first, then a list for each record."""
    with path.open("w") as file:
        file.write(json.dumps(list(readings.received)) + "\n")
        for one in readings.records:
            fields = (one.started, one.first_byte, one.stall, one.took, one.size, one.outcome)
            file.write(json.dumps(fields) + "\n")


def load(path: Path) -> Readings:
    """Read what `save` wrote."""
    with path.open() as file:
        received = json.loads(next(file))
        return Readings([Record(*json.loads(line)) for line in file], received)


@dataclass(frozen=True)
class Summary:
    """Figures of a run. Times are seconds; percentiles and `mean_*` are of the requests that went well.

    `longest_wait` is the longest time to a first byte, of any request, failed ones too. `outcomes` counts failures by
    what they were.
    """

    requests: int
    failed: int
    lies: int
    outcomes: dict[str, int]
    p50: float
    p99: float
    mean_first_byte: float
    mean_latency: float
    longest_wait: float
    longest_stall: float
    requests_per_second: float
    mib_per_second: float

    @property
    def failed_share(self) -> float:
        return self.failed / self.requests if self.requests else 1.0


def summarise(records: Iterable[Record], seconds: float) -> Summary:
    """Add up what `seconds` of a run brought; `nan` where there is nothing to take a figure of."""
    every = list(records)
    good = [one for one in every if one.outcome == OK]
    first_bytes = sorted(one.wait for one in good)
    outcomes = Counter(one.outcome for one in every if one.outcome != OK)
    return Summary(
        requests=len(every),
        failed=len(every) - len(good),
        lies=sum(outcomes[kind] for kind in LIES),
        outcomes=dict(sorted(outcomes.items())),
        p50=percentile(first_bytes, 0.50),
        p99=percentile(first_bytes, 0.99),
        mean_first_byte=_mean(first_bytes),
        mean_latency=_mean([one.took for one in good]),
        longest_wait=max((one.wait for one in every), default=math.nan),
        longest_stall=max((one.stall for one in every), default=math.nan),
        requests_per_second=len(good) / seconds,
        mib_per_second=sum(one.size for one in good) / seconds / MIB,
    )


def percentile(ascending: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all are not above (nearest rank); `nan` of none."""
    if not ascending:
        return math.nan
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@dataclass(frozen=True)
class Point:
    """One bucket of a timeline, from `at` seconds on. First bytes are seconds, `nan` when none came."""

    at: float
    requests: int
    errors: int
    mib_per_second: float
    p50: float
    p99: float
    longest: float


def timeline(readings: Readings, seconds: float) -> list[Point]:
    """One point per bucket of `seconds`. A request counts where it ended, a first byte where it came."""
    count = math.ceil(seconds / BUCKET_SECONDS)
    ended: list[list[Record]] = [[] for _ in range(count)]
    waits: list[list[float]] = [[] for _ in range(count)]
    for one in readings.records:
        _put(ended, one.started + one.took, one)
        _put(waits, one.started + one.wait, one.wait)
    return [
        Point(
            at=number * BUCKET_SECONDS,
            requests=len(ended[number]),
            errors=sum(one.outcome != OK for one in ended[number]),
            mib_per_second=(readings.received[number] if number < len(readings.received) else 0) / BUCKET_SECONDS / MIB,
            p50=percentile(ascending := sorted(waits[number]), 0.50),
            p99=percentile(ascending, 0.99),
            longest=percentile(ascending, 1.0),
        )
        for number in range(count)
    ]


def _put(buckets: list[list[Value]], at: float, value: Value) -> None:
    """What ends after the last bucket (the run is over, its last answers come in) is left out."""
    number = int(at / BUCKET_SECONDS)
    if 0 <= number < len(buckets):
        buckets[number].append(value)
