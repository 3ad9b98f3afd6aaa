"""One sum over all workers, the dead ones included: a counter that fell would read as a burst of traffic."""

from collections.abc import Iterable

from s3edge.telemetry.families import FAMILIES, Kind
from s3edge.telemetry.meter import Snapshot, Value


class Rollup:
    """Adds up snapshots. What a dead worker counted stays; the levels that it had are gone."""

    def __init__(self) -> None:
        self._dead: Snapshot = {}

    def retire(self, last: Snapshot) -> None:
        """Take over the last snapshot of a worker that is no more."""
        counted = {name: samples for name, samples in last.items() if FAMILIES[name].kind is not Kind.GAUGE}
        self._dead = add((self._dead, counted))

    def total(self, living: Iterable[Snapshot]) -> Snapshot:
        """The sum of the given snapshots, one per living worker, and of all retired ones."""
        return add((self._dead, *living))


def add(snapshots: Iterable[Snapshot]) -> Snapshot:
    """The sum, sample by sample; the snapshots stay as they are."""
    sums: dict[str, dict[tuple[str, ...], Value]] = {}
    for snapshot in snapshots:
        for name, samples in snapshot.items():
            family = sums.setdefault(name, {})
            for labels, value in samples:
                key = tuple(labels)
                family[key] = _sum(family[key], value) if key in family else value
    return {name: [(list(labels), value) for labels, value in family.items()] for name, family in sums.items()}


def _sum(one: Value, other: Value) -> Value:
    if isinstance(one, list) and isinstance(other, list):
        return [a + b for a, b in zip(one, other, strict=True)]
    if isinstance(one, list) or isinstance(other, list):
        raise TypeError("a histogram and a number do not add up")
    return one + other
