"""A run over time, proxy by proxy: what came through, what failed, how long first bytes took, and where faults were."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from loadtests.faults import Mark
from loadtests.records import BUCKET_SECONDS, Point

COLOURS = {"s3edge": "tab:blue", "haproxy": "tab:orange", "nginx": "tab:green", "sidekick": "tab:purple"}
"""The same proxy has the same colour on every chart; variants take from SPARE_COLOURS."""

SPARE_COLOURS = ("tab:brown", "tab:cyan", "tab:pink", "tab:olive")

MOST_LABELS = 12
"""Marks that are labelled; with more the text would cover the lines, and only their instants are drawn."""


def draw_timeline(title: str, lines: Mapping[str, Sequence[Point]], marks: Sequence[Mark], path: Path) -> None:
    """Three panels, one line per proxy, as a PNG at `path`. `marks` are those of one run; all have the same plan."""
    figure = Figure(figsize=(10, 9), layout="constrained")  # without pyplot: needs no display
    throughput, errors, first_byte = figure.subplots(3, sharex=True)
    figure.suptitle(title)
    spare = iter(SPARE_COLOURS)
    for proxy, points in lines.items():
        colour = COLOURS.get(proxy) or next(spare, "black")
        at = [point.at + BUCKET_SECONDS / 2 for point in points]
        throughput.plot(at, [point.mib_per_second for point in points], color=colour, label=proxy)
        errors.plot(at, [point.errors for point in points], color=colour, drawstyle="steps-mid")
        for style, figures in (
            ("solid", [point.p50 for point in points]),
            ("dashed", [point.p99 for point in points]),
            ("dotted", [point.longest for point in points]),
        ):
            first_byte.plot(at, [seconds * 1e3 for seconds in figures], color=colour, linestyle=style)
    throughput.set_ylabel("MiB/s")
    throughput.set_ylim(bottom=0)
    errors.set_ylabel(f"failed requests in {BUCKET_SECONDS:g} s")
    errors.set_ylim(bottom=0)
    first_byte.set_ylabel("first byte, ms\n(p50 solid, p99 dashed, longest dotted)")
    if any(point.longest > 0 for points in lines.values() for point in points):  # else there is nothing to scale
        first_byte.set_yscale("log")
    for set_formatter in (first_byte.yaxis.set_major_formatter, first_byte.yaxis.set_minor_formatter):
        set_formatter(StrMethodFormatter("{x:,g}"))
    first_byte.set_xlabel("seconds")
    first_byte.set_xlim(left=0)
    for axes in (throughput, errors, first_byte):
        draw_marks(axes, marks)
    if len(marks) <= MOST_LABELS:
        for mark in marks:
            throughput.annotate(mark.text, (mark.at, 1), xycoords=("data", "axes fraction"), rotation=90, fontsize=7)
    throughput.legend(loc="lower left", ncols=len(lines), fontsize=8)
    figure.savefig(path, dpi=120)


def draw_marks(axes: Axes, marks: Sequence[Mark]) -> None:
    """A line down `axes` at each mark, and thin lines across to read heights by."""
    for mark in marks:
        axes.axvline(mark.at, color="tab:red", linewidth=0.6, linestyle="dotted")
    axes.grid(axis="y", linewidth=0.3)
