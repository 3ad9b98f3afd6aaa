"""What requests add up to, of which each adds to one series: read in pieces, since a thousand tenants make it long."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from itertools import pairwise
from typing import Final, TypeAlias

from s3edge.s3.operation import KINDS, Operation
from s3edge.telemetry.families import SIZES, TIMES

Chunk: TypeAlias = tuple[str, list[str], list[float], int]
"""Some samples of one family: its name, the label values of all of them, their numbers, how many counts were read."""

# Counts that are read, written and sent in one go: that takes about half a millisecond of the worker's loop.
PART: Final = 1000

# Nodes may answer any number of three digits; 0 stands for no answer.
_STATUSES: Final = frozenset({0, *map(int, HTTPStatus)})


class _Use:
    """How many of them one tenant had, and their body bytes."""

    __slots__ = ("count", "received", "sent")

    def __init__(self) -> None:
        self.count = 0
        self.received = 0
        self.sent = 0


class Series:
    """What is known of all exchanges with one operation, status and outcome.

    `sizes` counts bodies by the powers of two: the one at place n those of more than 2^(n-1) bytes and of at most 2^n.
    To count them costs a third less than a bisection.
    """

    __slots__ = ("duration", "duration_sum", "first_byte", "first_byte_sum", "sizes", "uses")

    def __init__(self) -> None:
        self.uses: defaultdict[str, _Use] = defaultdict(_Use)  # by tenant
        self.first_byte = [0] * (len(TIMES) + 1)
        self.first_byte_sum = 0.0
        self.duration = [0] * (len(TIMES) + 1)
        self.duration_sum = 0.0
        self.sizes = [0] * 65  # a length has at most 64 bits


class AllSeries(dict[tuple[Operation, int | str, str], Series]):
    """By operation, status and outcome. A status that is none of HTTP's counts among its hundred, as `5xx`."""

    def __missing__(self, key: tuple[Operation, int | str, str]) -> Series:
        operation, status, outcome = key
        if isinstance(status, int) and status not in _STATUSES:
            return self[operation, f"{status // 100}xx", outcome]
        series = self[key] = Series()
        return series


class Totals:
    """Adds up series: bytes and times by operation, and by tenant only what a thousand tenants can have."""

    def __init__(self) -> None:
        self._received: defaultdict[str, int] = defaultdict(int)
        self._sent: defaultdict[str, int] = defaultdict(int)
        # By operation, the numbers of a histogram.
        self._first_byte: defaultdict[str, list[float]] = defaultdict(lambda: [0] * (len(TIMES) + 2))
        self._duration: defaultdict[str, list[float]] = defaultdict(lambda: [0] * (len(TIMES) + 2))
        self._size: defaultdict[str, list[float]] = defaultdict(lambda: [0] * (len(SIZES) + 2))
        self._received_of: defaultdict[str, int] = defaultdict(int)  # by tenant
        self._sent_of: defaultdict[str, int] = defaultdict(int)
        # By class, status and outcome, then by tenant.
        self._of_tenants: defaultdict[tuple[str, str, str], defaultdict[str, int]]
        self._of_tenants = defaultdict(lambda: defaultdict(int))

    def add(self, operation: Operation, status: int | str, outcome: str, series: Series) -> Chunk:
        """Add the exchanges with one operation, status and outcome; the sample of those."""
        of_tenants = self._of_tenants[KINDS[operation], str(status), outcome]
        received_of, sent_of = self._received_of, self._sent_of
        count = received = sent = 0
        for tenant, use in series.uses.items():
            count += use.count
            received += use.received
            sent += use.sent
            of_tenants[tenant] += use.count
            received_of[tenant] += use.received
            sent_of[tenant] += use.sent
        self._received[operation] += received
        self._sent[operation] += sent
        _add(self._first_byte[operation], (*series.first_byte, series.first_byte_sum))
        _add(self._duration[operation], (*series.duration, series.duration_sum))
        _add(self._size[operation], (*_by_bounds(series.sizes), received + sent))
        return "s3edge_exchanges_total", [operation, str(status), outcome], [count], len(series.uses)

    def chunks(self) -> Iterator[Chunk]:
        """The samples of all families but that of the exchanges."""
        yield "s3edge_tenant_exchanges_total", [], [], 0
        for labels, counts in self._of_tenants.items():
            for family, tenants, numbers, weight in column("s3edge_tenant_exchanges_total", counts):
                yield family, [label for tenant in tenants for label in (tenant, *labels)], numbers, weight
        yield from column("s3edge_tenant_received_bytes_total", self._received_of)
        yield from column("s3edge_tenant_sent_bytes_total", self._sent_of)
        yield from column("s3edge_received_bytes_total", self._received)
        yield from column("s3edge_sent_bytes_total", self._sent)
        for family, histograms in (
            ("s3edge_first_byte_seconds", self._first_byte),
            ("s3edge_exchange_seconds", self._duration),
            ("s3edge_exchange_bytes", self._size),
        ):
            numbers = [number for histogram in histograms.values() for number in histogram]
            yield family, [*histograms], numbers, len(numbers)


def columns(family: str, counts: Mapping[tuple[str, ...], float]) -> Iterator[Chunk]:
    """The samples of counts by the values of the labels, as they are now; an empty chunk if there are none."""
    keys, numbers = list(counts), list(counts.values())
    for at in range(0, max(1, len(keys)), PART):
        some = keys[at : at + PART]
        yield family, [label for key in some for label in key], numbers[at : at + PART], len(some)


def column(family: str, counts: Mapping[str, float]) -> Iterator[Chunk]:
    """The same by the value of the only label."""
    labels, numbers = list(counts), list(counts.values())
    for at in range(0, max(1, len(labels)), PART):
        some = labels[at : at + PART]
        yield family, some, numbers[at : at + PART], len(some)


def _by_bounds(sizes: list[int]) -> Iterator[int]:
    """The counts of the buckets between SIZES, which are powers of two, from those of `Series.sizes`."""
    ends = [0, *(bound.bit_length() for bound in SIZES), len(sizes)]
    return (sum(sizes[begin:end]) for begin, end in pairwise(ends))


def _add(total: list[float], more: Iterable[float]) -> None:
    for index, number in enumerate(more):
        total[index] += number
