"""The command line that all scenarios share, and what is told of them."""

import argparse
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial

from loadtests.findings import Finding
from loadtests.question import Report, run
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


def command(name: str, question: str, seconds: float, build: Callable[[float], Sequence[Scenario]]) -> int:
    """Run the scenarios that `build` makes for so many seconds each, keep the results as NAME; what `run` returns."""
    parser = argparse.ArgumentParser(prog=name, description=question)
    parser.add_argument("--seconds", type=float, default=seconds, help="length of each run (default %(default)g)")
    parser.add_argument(
        "--proxies", nargs="+", choices=FAILOVER_PROXIES, metavar="PROXY", help=", ".join(FAILOVER_PROXIES)
    )

    def answer(told: Namespace) -> Report:
        runs: dict[str, Results] = {}
        findings: list[Finding] = []
        for scenario in build(told.seconds):
            results = run_scenario(scenario, told.proxies or there(scenario.proxies))
            runs[scenario.title] = results
            findings += judged(scenario, results)
        return report(runs, findings).measured_for(told.seconds)

    return run(parser, answer, ["haproxy", "nginx"])


def judged(scenario: Scenario, results: Results) -> Sequence[Finding]:
    """The findings, named after the run; none without its subject, since nothing is asked of rivals."""
    if scenario.subject not in results:
        return ()
    return [replace(one, question=f"{scenario.title}: {one.question}") for one in scenario.judge(results)]


def report(runs: Mapping[str, Results], findings: Sequence[Finding]) -> Report:
    """The table and a chart for each run; `runs` are results by the run's title."""
    return Report(
        COLUMNS,
        [cells(title, proxy, result) for title, results in runs.items() for proxy, result in results.items()],
        findings,
        {
            title: partial(
                draw_timeline,
                title,
                {proxy: result.points for proxy, result in results.items()},
                next(iter(results.values())).marks,
            )
            for title, results in runs.items()
        },
        {"runs": {title: {proxy: asdict(one) for proxy, one in results.items()} for title, results in runs.items()}},
    )


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
