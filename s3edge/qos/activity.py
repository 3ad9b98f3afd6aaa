"""What each tenant and each client address did since the last report, as one worker counts it for the runaway guard.

A source that runs away asks for the same few things over and over, so it is counted how many different ones it asked
for: each sets one of some 2,000 marks, and from the marks that are left free follows how many there were (Whang,
Vander-Zanden and Taylor, "A Linear-Time Probabilistic Counting Algorithm", 1990). The same thing has the same mark in
all workers, so that reports can be added up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log
from typing import Final, Literal, NamedTuple, TypeAlias
from zlib import crc32

from s3edge.s3.operation import OperationClass

# The estimate is off by 2% (one standard deviation) for 1,000 different things, by 5% for 10,000. A prime: keys that
# differ in a few digits have CRC-32s of which the low bits are far from random, and 2,048 marks were off by half.
MARKS: Final = 2039
# Sources that one worker counts between two reports. Real ones are hundreds; a flood of addresses must not fill memory.
MOST_SOURCES: Final = 10_000

_LIST: Final = OperationClass.LIST

Report: TypeAlias = list[tuple[Literal["tenant", "client"], str, list[int], list[int]]]
"""One row for each source: its kind, its name, its counts, its marks. It survives a trip through JSON."""


class Source(NamedTuple):
    """A tenant by its name, or a client by its address."""

    kind: Literal["tenant", "client"]
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def mark(target: bytes, byte_range: bytes = b"") -> int:
    """The mark of what a request asks for: its raw target, with the value of its `Range` header.

    With the range, since one large object that is read piece by piece is not the same thing over and over.
    """
    check = crc32(target)
    return (crc32(byte_range, check) if byte_range else check) % MARKS


@dataclass(slots=True)
class Activity:
    """What one source did since the last report: plain integers that the data path adds to.

    `requests` are all that came, also the `shed` ones, which s3edge refused since a limit was met; these are in no
    other count but `lists`. `errors` are answers 4xx, of them `missing` 404 and `denied` 403; `failed` are answers 5xx,
    which are not the client's fault. `received` and `sent` are body bytes from and to the client, `connections` those
    that it opened.
    """

    marks: set[int] = field(default_factory=set)
    requests: int = 0
    received: int = 0
    sent: int = 0
    errors: int = 0
    missing: int = 0
    denied: int = 0
    failed: int = 0
    lists: int = 0
    connections: int = 0
    shed: int = 0

    def count(self, kind: OperationClass, status: int, received: int, sent: int, asked: int) -> None:
        """A request came to its end. `asked` is its `mark`; `status` is what the client was sent, 0 if nothing was.

        `received` and `sent` are only those body bytes that were not added while they moved: a body of gigabytes would
        look like a jump if it were counted as a whole at its end.
        """
        self.requests += 1
        self.received += received
        self.sent += sent
        self.marks.add(asked)
        if kind is _LIST:
            self.lists += 1
        if status >= 400:
            self._error(status)

    def count_shed(self, kind: OperationClass, asked: int) -> None:
        """A request was refused with SlowDown by s3edge itself.

        It is counted at the source whose limit it was, and at none that the request would have been charged to next: a
        tenant must not look wild for what one held client of it goes on to ask for.
        """
        self.requests += 1
        self.shed += 1
        self.marks.add(asked)
        if kind is _LIST:
            self.lists += 1

    def _error(self, status: int) -> None:
        if status >= 500:
            self.failed += 1
            return
        self.errors += 1
        if status == 404:
            self.missing += 1
        elif status == 403:
            self.denied += 1

    def merge(self, other: "Activity") -> None:
        """Add what another worker counted."""
        self.requests += other.requests
        self.received += other.received
        self.sent += other.sent
        self.errors += other.errors
        self.missing += other.missing
        self.denied += other.denied
        self.failed += other.failed
        self.lists += other.lists
        self.connections += other.connections
        self.shed += other.shed
        self.marks |= other.marks

    def counts(self) -> list[int]:
        """All counts but the marks, in the order of the fields."""
        return [
            self.requests,
            self.received,
            self.sent,
            self.errors,
            self.missing,
            self.denied,
            self.failed,
            self.lists,
            self.connections,
            self.shed,
        ]

    def distinct(self) -> float:
        """About how many different things were asked for: never more than requests came.

        When all marks are set (from some 15,000 on), nothing is known, and they count as all different.
        """
        free = MARKS - len(self.marks)
        return min(self.requests, MARKS * log(MARKS / free)) if free else self.requests


class Activities:
    """The activity of each source in one worker, of at most `most` sources."""

    __slots__ = ("_active", "_most", "_rest")

    def __init__(self, most: int = MOST_SOURCES) -> None:
        self._most = most
        self._active: dict[Source, Activity] = {}
        self._rest = Activity()

    def of(self, source: Source) -> Activity:
        """Where to count what a source does, until the next report; who counts later asks again.

        Sources beyond the first `most` are counted together and not reported.
        """
        activity = self._active.get(source)
        if activity is None:
            if len(self._active) >= self._most:
                return self._rest
            activity = self._active[source] = Activity()
        return activity

    def take(self) -> Report:
        """What all sources did since the last report; counting begins anew."""
        active, self._active, self._rest = self._active, {}, Activity()
        return [(*source, activity.counts(), list(activity.marks)) for source, activity in active.items()]


def read_report(report: Report) -> Iterator[tuple[Source, Activity]]:
    """The sources of a report, each with what it did."""
    for kind, name, counts, marks in report:
        yield Source(kind, name), Activity(set(marks), *counts)
