"""Write docs/metrics.md from the table of metrics in s3edge/telemetry/families.py.

python -m tools.metrics_table
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from s3edge.telemetry.families import LABELS, SECTIONS, SIZES, TIMES, Kind

PAGE: Final = Path(__file__).parents[1] / "docs" / "metrics.md"

_HEAD: Final = """\
# Metrics

What `/metrics` of the admin address shows, in the text form of Prometheus or in OpenMetrics, whichever is asked for.
All values are sums over all workers, those that were replaced included. An exchange is one request and its answer; an
attempt is one try of it at one node. An unknown tenant, bucket, operation or status makes no new series.

This page is written by `python -m tools.metrics_table`; a test compares it with the code.
[compose/prometheus/rules.yml](../compose/prometheus/rules.yml) has recording and alert rules for these metrics,
[compose/grafana/dashboards/s3edge.json](../compose/grafana/dashboards/s3edge.json) is a dashboard for Grafana, and
[operations](operations.md#alerts) says what to do about an alert.
"""


def page() -> str:
    """The whole text of docs/metrics.md."""
    return f"{_HEAD}{''.join(_sections())}\n## Labels\n{_table(('label', 'its values'), _label_rows())}\n{_buckets()}"


def _sections() -> Iterator[str]:
    for title, families in SECTIONS.items():
        rows = [(f"`{each.name}`", each.kind, ", ".join(each.labels), _lowered(each.help)) for each in families]
        yield f"\n## {title}\n{_table(('metric', 'type', 'labels', 'meaning'), rows)}"


def _label_rows() -> Iterator[Sequence[str]]:
    return ((f"`{label}`", values) for label, values in LABELS.items())


def _buckets() -> str:
    times = ", ".join(f"{bound:g}" for bound in TIMES)
    sizes = ", ".join(map(_size, SIZES))
    return (
        f"## Buckets\nThe upper ends of the buckets of a {Kind.HISTOGRAM}, each of which holds those below it: of times"
        f" in seconds {times}; of sizes {sizes}.\n"
    )


def _size(size: int) -> str:
    """A power of two in its unit."""
    unit, bits = next((unit, bits) for unit, bits in (("GiB", 30), ("MiB", 20), ("KiB", 10)) if size >> bits)
    return f"{size >> bits} {unit}"


def _lowered(sentence: str) -> str:
    """A sentence as the cell of a table: without a capital letter, if that only begins it, and without its stop."""
    first, second = sentence[0], sentence[1]
    return (sentence if second.isupper() else first.lower() + sentence[1:]).removesuffix(".")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |\n".replace("|  |", "| |") for row in (head, *rows)]
    lines.insert(1, f"|{'---|' * len(head)}\n")
    return "".join(lines)


def main() -> int:
    """Write the page; the exit code."""
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
