"""The command line that all questions share, and how answers are kept: NAME.md, its charts and NAME.json."""

import argparse
import json
import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from loadtests.child import ChildError, end_on_sigterm
from loadtests.crowd import CrowdError
from loadtests.faults import Mark
from loadtests.findings import RESULTS, Finding
from loadtests.findings_chart import by_unit, draw_findings
from loadtests.machine import describe_machine
from loadtests.needs import Missing, has_programs, raise_descriptor_limit
from loadtests.report import Verdict, markdown_table
from loadtests.timeline_chart import draw_marks
from loadtests.wrk import LoadError

FINDING_COLUMNS = ("question", "verdict", "found", "at most")


@dataclass(frozen=True)
class Panel:
    """One figure over time, a line for each name; `every` seconds a value. `limit` is drawn across, `marks` down."""

    label: str
    every: float
    lines: Mapping[str, Sequence[float]]
    limit: float | None = None
    is_log: bool = False
    marks: Sequence[Mark] = ()


Chart = Sequence[Panel] | Callable[[Path], None]
"""Panels on one axis of time, or whatever draws itself as a PNG at a path."""


@dataclass(frozen=True)
class Report:
    """The answer to a question: a table, what was held against limits, charts by their titles, raw figures for JSON."""

    columns: Sequence[str]
    lines: Sequence[Sequence[str]]
    findings: Sequence[Finding]
    charts: Mapping[str, Chart] = field(default_factory=dict)
    raw: Mapping[str, Any] = field(default_factory=dict)

    def measured_for(self, seconds: float) -> "Report":
        """The same, of runs of so many seconds: findings that ask for longer ones are not judged."""
        return replace(self, findings=[one.measured_for(seconds) for one in self.findings])


Answer = Callable[[float, Sequence[str]], Report]
"""Measures for so many seconds a run, with those of the choices that are named."""


def command(
    name: str, question: str, seconds: float, choices: Sequence[str], answer: Answer, programs: Iterable[str]
) -> int:
    """Answer the question `name` by runs of `seconds`; the exit code, as `conclude` says. `choices` may be compared."""
    parser = argparse.ArgumentParser(prog=name, description=question)
    parser.add_argument("--seconds", type=float, default=seconds, help="length of each run (default %(default)g)")
    parser.add_argument("--runs", nargs="+", choices=choices, default=choices, metavar="RUN", help=", ".join(choices))
    return run(parser, lambda told: answer(told.seconds, told.runs).measured_for(told.seconds), programs)


def run(parser: ArgumentParser, answer: Callable[[Namespace], Report], programs: Iterable[str]) -> int:
    """Answer the question that `parser` is named after and describes; the exit code, as `conclude` says."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for table, charts and raw figures")
    told = parser.parse_args()
    return conclude(parser.prog, str(parser.description), lambda: answer(told), programs, told.results)


def conclude(name: str, question: str, answer: Callable[[], Report], programs: Iterable[str], folder: Path) -> int:
    """Have the question answered and keep the answer in `folder`; the exit code.

    0: every limit met, or the run too short to judge it; 1: one missed, or something did not run; 2: something that is
    needed is missing; 130: interrupted.
    """
    if not has_programs(*programs):
        return 2
    raise_descriptor_limit()
    end_on_sigterm()
    try:
        report = answer()
    except Missing as missing:
        print(missing, file=sys.stderr)
        return 2
    except (ChildError, CrowdError, LoadError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: stopped; nothing is left running", file=sys.stderr)
        return 130
    write_report(name, question, report, folder)
    print((folder / f"{name}.md").read_text())
    return 1 if any(finding.verdict is Verdict.MISSED for finding in report.findings) else 0


def write_report(name: str, question: str, report: Report, folder: Path) -> None:
    """NAME.md, its charts and NAME.json in `folder`, over those of the last run."""
    machine = describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    facts = "".join(f"- {key}: {value}\n" for key, value in machine.items())
    text = f"# {question}\n\n{facts}"
    if report.lines:
        text += f"\n{markdown_table(report.columns, report.lines)}"
    if report.findings:
        text += f"\n{markdown_table(FINDING_COLUMNS, [finding.cells() for finding in report.findings])}"
    for number, (title, chart) in enumerate(charts_of(report).items()):
        file = f"{name}.png" if number == 0 else f"{name}-{number + 1}.png"
        if callable(chart):
            chart(folder / file)
        else:
            draw_panels(title, chart, folder / file)
        text += f"\n![{title}]({file})\n"
    (folder / f"{name}.md").write_text(text)
    raw = {
        "machine": machine,
        "findings": [finding.raw() for finding in report.findings],
        "lines": [dict(zip(report.columns, line, strict=True)) for line in report.lines],
        **report.raw,
    }
    (folder / f"{name}.json").write_text(json.dumps(without_nan(raw), indent=1, allow_nan=False) + "\n")


def charts_of(report: Report) -> Mapping[str, Chart]:
    """Its own, or else one of what was found beside what is allowed; none where nothing is allowed at all."""
    if report.charts or not by_unit(report.findings):
        return report.charts
    return {"What was found, and what is allowed": partial(draw_findings, report.findings)}


def without_nan(value: Any) -> Any:
    """The same with None for each `nan`, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


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
