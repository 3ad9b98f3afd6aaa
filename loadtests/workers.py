"""What does a second worker cost? 4 KiB GETs with one worker and with two, in turn: `python -m loadtests.workers`.

A second worker halves the connections of each, so a turn of its loop serves fewer requests at once; with `get-4k-many`
both have plenty, and what is left is the price of the second process itself.
"""

import argparse
import sys
from argparse import Namespace
from contextlib import ExitStack
from dataclasses import asdict
from statistics import median

from loadtests.cases import CASES, Case
from loadtests.findings import Finding
from loadtests.measure import Measurement, measure, median_of_pairs
from loadtests.nodes import scratch, storage_nodes
from loadtests.question import Report, run
from loadtests.rivals import s3edge

CHOICES = ("get-4k", "get-4k-many")
LIMIT = 1.15
NODE_COUNT = 4

LEAST_SECONDS = 9
"""Of all turns together: two turns of a second differ by more than the limit allows."""

COLUMNS = ("case", "workers", "requests/s", "CPU µs/request")


def compare(case: Case, rounds: int, seconds: int) -> Report:
    """One worker, two workers, one, two ... Raises ChildError, LoadError."""
    runs: dict[int, list[Measurement]] = {1: [], 2: []}
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, ExitStack() as stack:
        proxies = {}
        for workers in runs:
            own = folder / f"workers-{workers}"
            own.mkdir()
            proxies[workers] = stack.enter_context(s3edge(nodes, own, None, workers))
        for _ in range(rounds):
            for workers, proxy in proxies.items():
                runs[workers].append(measure(proxy, case, seconds, folder))
    costs = {workers: [run.cpu_per_request for run in measured] for workers, measured in runs.items()}
    failures = sum(sum(run.errors.values()) for measured in runs.values() for run in measured)
    lines = [
        [
            case.title,
            f"{workers}",
            f"{median(run.requests / run.seconds for run in measured):,.0f}",
            f"{median(costs[workers]) * 1e6:,.1f}",
        ]
        for workers, measured in runs.items()
    ]
    ratio = median_of_pairs(costs[2], costs[1])
    findings = [
        Finding(f"{case.title}: CPU per request of two workers over one", ratio, LIMIT, least_seconds=LEAST_SECONDS),
        Finding(f"{case.title}: requests that failed", failures, 0),
    ]
    return Report(COLUMNS, lines, findings, raw={"measurements": [asdict(run) for run in (*runs[1], *runs[2])]})


def answer(told: Namespace) -> Report:
    reports = [compare(CASES[key], told.rounds, told.seconds) for key in told.cases]
    return Report(
        COLUMNS,
        [line for report in reports for line in report.lines],
        [finding for report in reports for finding in report.findings],
        raw={key: report.raw for key, report in zip(told.cases, reports, strict=True)},
    ).measured_for(told.rounds * told.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="workers", description="The cost of a second worker")
    parser.add_argument("--cases", nargs="+", choices=CHOICES, default=CHOICES, metavar="CASE", help=", ".join(CHOICES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="length of each turn (default %(default)d)")
    return run(parser, answer, ["nginx", "wrk"])


if __name__ == "__main__":
    sys.exit(main())
