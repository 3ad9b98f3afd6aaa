"""One sum over all workers, the dead ones included: a counter that fell would read as a burst of traffic."""

from collections.abc import Iterable
from typing import TypeAlias

from s3edge.telemetry.families import FAMILIES, Kind
from s3edge.telemetry.meter import Columns, Snapshot, Value, keyed

_Sums: TypeAlias = dict[str, dict[tuple[str, ...], Value]]


class Rollup:
    """Adds up what workers counted. What a dead one counted stays; the levels that it had are gone."""

    def __init__(self) -> None:
        self._dead: _Sums = {}

    def retire(self, last: Columns) -> None:
        """Take over what a worker that is no more told last."""
        _add(self._dead, {name: columns for name, columns in last.items() if FAMILIES[name].kind is not Kind.GAUGE})

    def total(self, living: Iterable[Columns]) -> Snapshot:
        """The sum of what the living workers counted, each of the given ones, and all retired ones."""
        sums = {family: dict(values) for family, values in self._dead.items()}
        for counted in living:
            _add(sums, counted)
        return {family: [(list(labels), value) for labels, value in values.items()] for family, values in sums.items()}


def _add(sums: _Sums, counted: Columns) -> None:
    """Add sample by sample; what was counted stays as it is."""
    for family, columns in counted.items():
        values = sums.setdefault(family, {})
        for labels, value in keyed(family, *columns):
            before = values.get(labels)
            if before is None:
                values[labels] = value
            elif isinstance(before, list) and isinstance(value, list):
                values[labels] = [a + b for a, b in zip(before, value, strict=True)]
            else:
                values[labels] = before + value  # type: ignore[operator]  # of one family, so both are numbers
