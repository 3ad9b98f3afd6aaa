"""What does a second worker cost? 4 KiB GETs with one worker and with two, in turn: `python -m loadtests.workers`.

A second worker halves the connections of each, so a turn of its loop serves fewer requests at once; with `get-4k-many`
both have plenty, and what is left is the price of the second process itself.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from loadtests.cases import CASES, Case
from loadtests.child import ChildError, end_on_sigterm
from loadtests.findings import RESULTS, Finding, conclude
from loadtests.measure import Measurement, measure, median_of_pairs
from loadtests.needs import has_programs
from loadtests.nodes import scratch, storage_nodes
from loadtests.rivals import s3edge
from loadtests.wrk import LoadError

CHOICES = ("get-4k", "get-4k-many")
LIMIT = 1.15
NODE_COUNT = 4


def compare(case: Case, rounds: int, seconds: int) -> list[Finding]:
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
                run = measure(proxy, case, seconds, folder)
                print(
                    f"{workers} worker(s): {run.requests / run.seconds:,.0f}/s, {run.cpu_per_request * 1e6:.1f} µs each"
                )
                runs[workers].append(run)
    costs = {workers: [run.cpu_per_request for run in measured] for workers, measured in runs.items()}
    failures = sum(sum(run.errors.values()) for measured in runs.values() for run in measured)
    return [
        Finding(f"two workers over one, {case.title}, CPU per request", median_of_pairs(costs[2], costs[1]), LIMIT),
        Finding("requests that failed", failures, 0),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="workers", description="Compare the cost of two workers with that of one.")
    parser.add_argument("--case", choices=CHOICES, default=CHOICES[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args(argv)
    if not has_programs("nginx", "wrk"):
        return 2
    end_on_sigterm()
    try:
        return conclude(
            "workers", compare(CASES[arguments.case], arguments.rounds, arguments.seconds), arguments.results
        )
    except (ChildError, LoadError) as error:
        print(f"workers: {error}")
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
