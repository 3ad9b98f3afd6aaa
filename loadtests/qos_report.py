"""The command line that all questions about competing tenants share, and how answers are kept: table, charts, JSON."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from loadtests.child import ChildError, end_on_sigterm
from loadtests.command import FINDING_COLUMNS, without_nan
from loadtests.crowd import CrowdError
from loadtests.faults import Mark
from loadtests.findings import RESULTS, Finding
from loadtests.machine import describe_machine
from loadtests.needs import has_programs, raise_descriptor_limit
from loadtests.report import Verdict, markdown_table
from loadtests.scale_chart import Curves, draw_curves
from loadtests.timeline_chart import draw_marks
from loadtests.wrk import LoadError


@dataclass(frozen=True)
class Panel:
    """One figure over time, a line for each name; `every` seconds a value. `limit` is drawn across, `marks` down."""

    label: str
    every: float
    lines: Mapping[str, Sequence[float]]
    limit: float | None = None
    is_log: bool = False
    marks: Sequence[Mark] = ()


@dataclass(frozen=True)
class Report:
    """The answer to a question: a table, what was held against limits, charts by their titles, raw figures for JSON.

    `charts` are over time, `curves` over the size of something.
    """

    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    findings: Sequence[Finding]
    charts: Mapping[str, Sequence[Panel]] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)
    curves: Mapping[str, Sequence[Curves]] = field(default_factory=dict)


Answer = Callable[[float, Sequence[str]], Report]
"""Measures for so many seconds a run, with those of the choices that are named."""


def command(
    name: str, question: str, seconds: float, choices: Sequence[str], answer: Answer, programs: Sequence[str]
) -> int:
    """Answer the question `name` by runs of `seconds` and keep the answer; the exit code.

    0: every limit met; 1: one missed, or something did not run; 2: something that is needed is missing; 130:
    interrupted. `choices` are what may be compared.
    """
    parser = argparse.ArgumentParser(prog=name, description=question)
    parser.add_argument("--seconds", type=float, default=seconds, help="length of each run (default %(default)g)")
    parser.add_argument("--runs", nargs="+", choices=choices, default=choices, metavar="RUN", help=", ".join(choices))
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for table, chart and raw figures")
    arguments = parser.parse_args()
    return conclude(name, question, lambda: answer(arguments.seconds, arguments.runs), programs, arguments.results)


def conclude(name: str, question: str, answer: Callable[[], Report], programs: Sequence[str], folder: Path) -> int:
    """Have the question answered and keep the answer in `folder`; the exit code, as `command` has it."""
    if not has_programs(*programs):
        return 2
    raise_descriptor_limit()
    end_on_sigterm()
    try:
        report = answer()
    except (ChildError, CrowdError, LoadError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: stopped; nothing is left running", file=sys.stderr)
        return 130
    write_report(name, question, report, folder)
    print((folder / f"{name}.md").read_text())
    return 0 if all(finding.verdict is Verdict.MET for finding in report.findings) else 1


def write_report(name: str, question: str, report: Report, folder: Path) -> None:
    """NAME.md, its charts and NAME.json in `folder`, over those of the last run."""
    machine = describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    facts = "".join(f"- {key}: {value}\n" for key, value in machine.items())
    text = f"# {question}\n\n{facts}\n{markdown_table(report.columns, report.lines)}"
    if report.findings:
        text += f"\n{markdown_table(FINDING_COLUMNS, [finding.cells() for finding in report.findings])}"
    drawings = {title: partial(draw_panels, title, panels) for title, panels in report.charts.items()}
    drawings |= {title: partial(draw_curves, title, curves) for title, curves in report.curves.items()}
    for number, (title, draw) in enumerate(drawings.items()):
        file = f"{name}.png" if number == 0 else f"{name}-{number + 1}.png"
        draw(folder / file)
        text += f"\n![{title}]({file})\n"
    (folder / f"{name}.md").write_text(text)
    raw = {
        "machine": machine,
        "findings": [asdict(finding) for finding in report.findings],
        "lines": [dict(zip(report.columns, line, strict=True)) for line in report.lines],
        **report.raw,
    }
    (folder / f"{name}.json").write_text(json.dumps(without_nan(raw), indent=1, allow_nan=False) + "\n")


def draw_panels(title: str, panels: Sequence[Panel], path: Path) -> None:
    """The panels one above the other on one axis of time, as a PNG at `path`."""
    figure = Figure(figsize=(10, 1 + 3 * len(panels)), layout="constrained")  # without pyplot: needs no display
    figure.suptitle(title)
    every_axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    for axes, panel in zip(every_axes, panels, strict=True):
        for name, values in panel.lines.items():
            axes.plot([(number + 0.5) * panel.every for number in range(len(values))], values, label=name)
        if panel.limit is not None:
            axes.axhline(panel.limit, color="black", linewidth=0.8, linestyle="dotted", label="limit")
        if panel.is_log:
            axes.set_yscale("log")
            for set_formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
                set_formatter(StrMethodFormatter("{x:,g}"))
        else:
            axes.set_ylim(bottom=0)
        axes.set_ylabel(panel.label)
        draw_marks(axes, panel.marks)
        axes.legend(fontsize=8)
    every_axes[-1].set_xlabel("seconds")
    every_axes[-1].set_xlim(left=0)
    figure.savefig(path, dpi=120)
