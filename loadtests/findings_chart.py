"""What was found beside what is allowed, as bars: the chart of questions whose answer is a few figures."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.figure import Figure

from loadtests.findings import Finding
from loadtests.report import Verdict

COLOURS = {Verdict.MET: "tab:blue", Verdict.MISSED: "tab:orange", Verdict.TOO_SHORT: "tab:gray"}
LETTERS_A_LINE = 48
"""Longer names would leave no room for the bars."""


def by_unit(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """Those that may be more than nothing; figures of one unit can share an axis."""
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.limit > 0:
            groups.setdefault(finding.unit, []).append(finding)
    return groups


def draw_findings(findings: Sequence[Finding], path: Path) -> None:
    """One panel for each unit, a bar for each finding with its limit as a mark; a PNG at `path`."""
    groups = by_unit(findings)
    heights = [0.6 + 0.5 * len(group) for group in groups.values()]
    figure = Figure(figsize=(9, 0.5 + sum(heights)), layout="constrained")  # without pyplot: needs no display
    every_axes = figure.subplots(len(groups), squeeze=False, height_ratios=heights)[:, 0]
    for axes, (unit, group) in zip(every_axes, groups.items(), strict=True):
        places = range(len(group))
        found = [finding.found for finding in group]
        bars = axes.barh(places, found, color=[COLOURS[finding.verdict] for finding in group])
        axes.bar_label(bars, [f"{value:,.2f}" for value in found], padding=3, fontsize=8)
        limits = [finding.limit for finding in group]
        axes.vlines(limits, [at - 0.4 for at in places], [at + 0.4 for at in places], "black", "dotted", label="limit")
        axes.set_yticks(places, [fill(finding.question, LETTERS_A_LINE) for finding in group], fontsize=8)
        axes.invert_yaxis()
        axes.margins(x=0.1)
        axes.set_xlabel(unit)
    every_axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), fontsize=8)
    figure.savefig(path, dpi=120)
