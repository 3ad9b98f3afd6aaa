"""Figures over the size of something: curves with a logarithmic axis for the size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from loadtests.timeline_chart import COLOURS, SPARE_COLOURS


@dataclass(frozen=True)
class Curves:
    """One figure: for each name its values at `sizes`, which `axis` says what of; None where it has none."""

    label: str
    axis: str
    sizes: Sequence[int]
    lines: Mapping[str, Sequence[float | None]]
    is_log: bool = False


def draw_curves(title: str, panels: Sequence[Curves], path: Path) -> None:
    """The panels in rows of two, as a PNG at `path`."""
    rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(11, 1 + 3 * rows), layout="constrained")  # without pyplot: needs no display
    figure.suptitle(title)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, 2, number)
        spare = iter(SPARE_COLOURS)
        for name, values in panel.lines.items():
            points = [(size, value) for size, value in zip(panel.sizes, values, strict=True) if value is not None]
            colour = COLOURS.get(name) or next(spare, "black")
            axes.plot([size for size, _ in points], [value for _, value in points], "o-", color=colour, label=name)
        axes.set_xscale("log")
        axes.set_xticks(panel.sizes, [f"{size:,}" for size in panel.sizes])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(panel.axis)
        axes.set_ylabel(panel.label)
        if panel.is_log:
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
        else:
            axes.set_ylim(bottom=0)
        axes.grid(linewidth=0.3)
        axes.legend(fontsize=8)
    figure.savefig(path, dpi=120)
