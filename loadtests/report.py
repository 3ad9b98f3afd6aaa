"""From measurements to a table and a chart."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from loadtests.cases import Case
from loadtests.measure import Measurement, median_of_pairs
from loadtests.nodes import GIB
from loadtests.rivals import REFERENCE, SUBJECT

COLUMNS = (
    "case",
    "proxy",
    "requests/s",
    "GiB/s",
    "CPU µs/request",
    "CPU s/GiB",
    "p50 ms",
    "p99 ms",
    f"CPU over {REFERENCE}",
    "limit",
    "failures",
)


BAND = 0.8
"""Share of a case's place on the chart that its bars fill; the rest parts it from the next case."""


class Verdict(StrEnum):
    """How a finding stands against its limit; TOO_SHORT when the run does not tell."""

    MET = "met"
    MISSED = "missed"
    TOO_SHORT = "too short to judge"


@dataclass(frozen=True)
class Row:
    """One proxy in one case, the medians of its rounds. `ratio` is None without the reference in the same run."""

    case: Case
    proxy: str
    requests_per_second: float
    gib_per_second: float
    cpu_per_request: float
    cpu_per_gib: float
    p50: float
    p99: float
    ratio: float | None
    errors: dict[str, int]

    def cells(self) -> list[str]:
        """The row as text, in the order of COLUMNS."""
        is_subject = self.proxy == SUBJECT
        return [
            self.case.title,
            self.proxy,
            f"{self.requests_per_second:,.0f}",
            f"{self.gib_per_second:.2f}",
            f"{self.cpu_per_request * 1e6:,.1f}",
            f"{self.cpu_per_gib:.2f}",
            f"{self.p50 * 1e3:.2f}",
            f"{self.p99 * 1e3:.2f}",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            f"{self.case.limit:.2f}" if is_subject else "",
            ", ".join(f"{count} x {kind}" for kind, count in self.errors.items()),
        ]


def summarise(cases: Sequence[Case], measurements: Sequence[Measurement]) -> list[Row]:
    """One row per case and proxy, in the order in which they were first measured. Rounds pair up by their order."""
    rows: list[Row] = []
    for case in cases:
        by_proxy: dict[str, list[Measurement]] = {}
        for measurement in measurements:
            if measurement.case == case.key:
                by_proxy.setdefault(measurement.proxy, []).append(measurement)
        references = [measurement.cost(case) for measurement in by_proxy.get(REFERENCE, [])]
        rows.extend(_row(case, rounds, references) for rounds in by_proxy.values())
    return rows


def _row(case: Case, rounds: Sequence[Measurement], references: Sequence[float]) -> Row:
    def middle(figure: Callable[[Measurement], float]) -> float:
        return median(figure(measurement) for measurement in rounds)

    kinds = {kind for measurement in rounds for kind in measurement.errors}
    return Row(
        case=case,
        proxy=rounds[0].proxy,
        requests_per_second=middle(lambda one: one.requests / one.seconds),
        gib_per_second=middle(lambda one: one.moved / one.seconds / GIB),
        cpu_per_request=middle(lambda one: one.cpu_per_request),
        cpu_per_gib=middle(lambda one: one.cpu_per_gib),
        p50=middle(lambda one: one.p50),
        p99=middle(lambda one: one.p99),
        ratio=median_of_pairs([one.cost(case) for one in rounds], references) if references else None,
        errors={kind: sum(one.errors.get(kind, 0) for one in rounds) for kind in sorted(kinds)},
    )


def markdown_table(columns: Sequence[str], lines: Sequence[Sequence[str]], texts: int = 2) -> str:
    """A Markdown table; the first columns, so many, are text, the others numbers."""
    rule = ["---" if number < texts else "---:" for number in range(len(columns))]
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, rule, *lines)) + "\n"


def draw_chart(rows: Sequence[Row], path: Path) -> None:
    """Bars of each proxy's cost over the reference's, case by case, with the limits as marks; a PNG at `path`."""
    cases = list(dict.fromkeys(row.case for row in rows))
    proxies = [proxy for proxy in dict.fromkeys(row.proxy for row in rows) if proxy != REFERENCE]
    figure = Figure(figsize=(9, 1.5 + 0.6 * len(cases)), layout="constrained")  # without pyplot: needs no display
    axes = figure.subplots()
    height = BAND / max(1, len(proxies))
    for number, proxy in enumerate(proxies):
        ratios = {row.case: row.ratio for row in rows if row.proxy == proxy and row.ratio is not None}
        places = [cases.index(case) + number * height for case in ratios]
        axes.barh(places, list(ratios.values()), height, align="edge", label=proxy)
    starts = range(len(cases))
    limits = [case.limit for case in cases]
    axes.vlines(limits, starts, [start + BAND for start in starts], "black", "dotted", label=f"limit of {SUBJECT}")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_yticks([start + BAND / 2 for start in starts], [case.title for case in cases])
    axes.invert_yaxis()
    axes.set_xlabel(f"processor time over {REFERENCE}'s, median of pairs (less is better)")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(proxies) + 1)  # above the bars, where none is
    figure.savefig(path, dpi=120)
