"""Which nodes live traffic speaks against, compared with their peers."""

from collections.abc import Iterator, Mapping
from statistics import median
from typing import TypeVar

from s3edge.config.health import Ejection

# What is kept of the counts each second: they then stand for about the last five seconds.
KEPT = 0.8
# Fewer attempts than this prove nothing: one failure among them would be 5%.
ENOUGH = 20
# Two peers at least: with only one, nobody can tell which of the two is the odd one.
PEERS = 2
# A node that answers in less than this is not slow, however fast its peers are: it is what a disk under load takes.
NOT_SLOW = 0.05

K = TypeVar("K")


class Record:
    """What one node did lately: attempts answered well (of them reads) and not, and the sum of the reads' first bytes.

    `streak` counts failures since the last good answer.
    """

    __slots__ = ("bads", "first_bytes", "goods", "reads", "streak")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: what was counted has had its consequence, and must not have it twice."""
        self.streak = 0
        self.goods = 0.0
        self.reads = 0.0
        self.bads = 0.0
        self.first_bytes = 0.0

    def good(self, first_byte: float) -> None:
        """A read was answered well after `first_byte` seconds."""
        self.streak = 0
        self.goods += 1
        self.reads += 1
        self.first_bytes += first_byte

    def good_write(self) -> None:
        """Anything else was answered well; how long that took is its client's affair, too."""
        self.streak = 0
        self.goods += 1

    def bad(self) -> None:
        """An attempt failed, and the node is to blame."""
        self.streak += 1
        self.bads += 1

    def fade(self) -> None:
        """A second is over: what was counted counts less. The streak stays."""
        self.goods *= KEPT
        self.reads *= KEPT
        self.bads *= KEPT
        self.first_bytes *= KEPT


def outliers(records: Mapping[K, Record], settings: Ejection) -> dict[K, str]:
    """The nodes that stand out against the median of their peers, each with the reason in words."""
    found = dict(_slow(records, settings))
    found.update(_failing(records, settings))
    return found


def may_eject(nodes: int, out: int, settings: Ejection) -> bool:
    """Whether one more of a cluster's `nodes` may be ejected while `out` of them are down or ejected already.

    At most `at_most` of them, and never the last one that is in use.
    """
    ceiling = int(settings.at_most * nodes + 1e-9)  # 29% of 100 is 28.999999999999996
    return out < min(ceiling, nodes - 1)


def _failing(records: Mapping[K, Record], settings: Ejection) -> Iterator[tuple[K, str]]:
    rates = {
        key: record.bads / attempts
        for key, record in records.items()
        if (attempts := record.goods + record.bads) >= ENOUGH
    }
    for key, rate, usual in _against_peers(rates):
        if rate > usual + settings.error_rate:
            yield key, f"{rate:.0%} of its attempts failed, {usual:.0%} of its peers'"


def _slow(records: Mapping[K, Record], settings: Ejection) -> Iterator[tuple[K, str]]:
    means = {key: record.first_bytes / record.reads for key, record in records.items() if record.reads >= ENOUGH}
    for key, mean, usual in _against_peers(means):
        if mean > max(NOT_SLOW, settings.slowness * usual):
            yield key, f"first byte after {_milliseconds(mean)}, {_milliseconds(usual)} at its peers"


def _against_peers(figures: Mapping[K, float]) -> Iterator[tuple[K, float, float]]:
    """Each with the median of all others, if these are enough to compare with."""
    if len(figures) <= PEERS:
        return
    for key, figure in figures.items():
        yield key, figure, median(other for peer, other in figures.items() if peer != key)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
