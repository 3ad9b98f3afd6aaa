"""The command line that all scenarios share, and how their results are kept: NAME.md, NAME.png and NAME.json."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from loadtests.child import ChildError, end_on_sigterm
from loadtests.crowd import CrowdError
from loadtests.findings import RESULTS, Finding
from loadtests.machine import describe_machine
from loadtests.needs import has_programs, raise_descriptor_limit
from loadtests.report import Verdict, markdown_table
from loadtests.rivals import FAILOVER_PROXIES, there
from loadtests.scenario import Result, Results, Scenario, run_scenario
from loadtests.timeline_chart import draw_timeline

COLUMNS = (
    "run",
    "proxy",
    "requests",
    "failed",
    "wrong",
    "first byte p50 ms",
    "p99 ms",
    "longest ms",
    "longest stall ms",
    "good/s",
    "MiB/s",
    "attempts/request",
    "of them node 1 %",
    "failures",
)
"""Percentiles are those of requests that went well; the longest first byte is that of all requests. `wrong` are answers
with bytes, an ETag or a range that the object does not have. Node 1 is the one that misbehaves where only one does."""

FINDING_COLUMNS = ("question", "verdict", "found", "at most")


def command(name: str, question: str, seconds: float, build: Callable[[float], Sequence[Scenario]]) -> int:
    """Run the scenarios that `build` makes for so many seconds, and keep the results as NAME; the exit code.

    0: every limit met; 1: one missed, or a proxy did not run; 2: something that is needed is missing; 130: interrupted.
    """
    parser = argparse.ArgumentParser(prog=name, description=question)
    parser.add_argument("--seconds", type=float, default=seconds, help="length of each run (default %(default)g)")
    parser.add_argument(
        "--proxies", nargs="+", choices=FAILOVER_PROXIES, metavar="PROXY", help=", ".join(FAILOVER_PROXIES)
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for table, chart and raw figures")
    arguments = parser.parse_args()
    if not has_programs("haproxy", "nginx"):
        return 2
    raise_descriptor_limit()
    end_on_sigterm()
    runs: dict[str, Results] = {}
    findings: list[Finding] = []
    try:
        for scenario in build(arguments.seconds):
            results = run_scenario(scenario, arguments.proxies or there(scenario.proxies))
            runs[scenario.title] = results
            findings += judged(scenario, results)
    except (ChildError, CrowdError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: stopped; nothing is left running", file=sys.stderr)
        return 130
    write_results(name, question, runs, findings, arguments.results)
    print((arguments.results / f"{name}.md").read_text())
    return 0 if all(finding.verdict is Verdict.MET for finding in findings) else 1


def judged(scenario: Scenario, results: Results) -> Sequence[Finding]:
    """The findings, named after the run; none without its subject, since nothing is asked of rivals."""
    if scenario.subject not in results:
        return ()
    return [replace(one, question=f"{scenario.title}: {one.question}") for one in scenario.judge(results)]


def write_results(
    name: str, question: str, runs: Mapping[str, Results], findings: Sequence[Finding], folder: Path
) -> None:
    """Table, charts and raw figures in `folder`, over those of the last run. `runs` are results by the run's title."""
    machine = describe_machine()
    folder.mkdir(parents=True, exist_ok=True)
    facts = "".join(f"- {key}: {value}\n" for key, value in machine.items())
    lines = [cells(title, proxy, result) for title, results in runs.items() for proxy, result in results.items()]
    text = f"# {question}\n\n{facts}\n{markdown_table(COLUMNS, lines)}"
    if findings:
        text += f"\n{markdown_table(FINDING_COLUMNS, [finding.cells() for finding in findings])}"
    for number, (title, results) in enumerate(runs.items()):
        file = f"{name}.png" if number == 0 else f"{name}-{number + 1}.png"
        marks = next(iter(results.values())).marks
        draw_timeline(title, {proxy: result.points for proxy, result in results.items()}, marks, folder / file)
        text += f"\n![{title}]({file})\n"
    (folder / f"{name}.md").write_text(text)
    raw = {
        "machine": machine,
        "findings": [asdict(finding) for finding in findings],
        "runs": {title: {proxy: asdict(one) for proxy, one in results.items()} for title, results in runs.items()},
    }
    (folder / f"{name}.json").write_text(json.dumps(without_nan(raw), indent=1, allow_nan=False) + "\n")


def without_nan(value: Any) -> Any:
    """The same with None for each `nan`, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def cells(title: str, proxy: str, result: Result) -> list[str]:
    """A line of the table, in the order of COLUMNS."""
    one = result.summary
    times = (one.p50, one.p99, one.longest_wait, one.longest_stall)
    return [
        title,
        proxy,
        f"{one.requests:,}",
        f"{one.failed:,}",
        f"{one.lies:,}",
        *(f"{seconds * 1e3:,.1f}" for seconds in times),
        f"{one.requests_per_second:,.0f}",
        f"{one.mib_per_second:,.0f}",
        f"{result.attempts_per_request:.3f}",
        f"{100 * result.late_share(0):.1f}",
        ", ".join(f"{count} x {outcome}" for outcome, count in one.outcomes.items()),
    ]
