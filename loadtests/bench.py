"""What does a request cost, compared with native proxies? `make bench`, or `python -m loadtests.bench --help`.

Every proxy serves the same load in turn, A B C A B C, in front of the same four nginx nodes; what counts is the
processor time of the proxy's own processes. Nothing is pinned: load generator, nodes and proxy share the machine.
"""

import argparse
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from loadtests.cases import CASES, Case
from loadtests.certificate import issue_certificate
from loadtests.findings import Finding
from loadtests.measure import Measurement, measure
from loadtests.nodes import scratch, storage_nodes
from loadtests.question import Report, run
from loadtests.report import COLUMNS, Row, draw_chart, summarise
from loadtests.rivals import PROXIES, REFERENCE, SIDEKICK, SUBJECT, Proxy, there

NODE_COUNT = 4
USUAL_PROXIES = (SUBJECT, REFERENCE, "nginx", SIDEKICK)

LEAST_SECONDS = 9
"""Of all turns of a proxy in a case together: two single turns of a second differ by more than the limits allow."""


@dataclass(frozen=True)
class Plan:
    """What to measure: each case on each proxy, `rounds` times for `seconds`."""

    cases: Sequence[Case]
    proxies: Sequence[str]
    rounds: int
    seconds: int


def run_plan(plan: Plan) -> list[Measurement]:
    """Measure everything; a proxy serves plain or TLS, so those cases go separately. Raises ChildError, LoadError."""
    measurements: list[Measurement] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, Progress(*columns) as progress:
        task = progress.add_task("", total=len(plan.cases) * plan.rounds * len(plan.proxies))
        for certificate in (None, issue_certificate(folder)):
            cases = [case for case in plan.cases if case.is_tls == (certificate is not None)]
            if not cases:
                continue
            with ExitStack() as stack:
                running = [stack.enter_context(PROXIES[name](nodes, folder, certificate)) for name in plan.proxies]
                for case, proxy in _turns(cases, running, plan.rounds):
                    progress.update(task, description=f"{case.title}: {proxy.name}")
                    measurements.append(measure(proxy, case, plan.seconds, folder))
                    progress.advance(task)
    return measurements


def _turns(cases: Sequence[Case], proxies: Sequence[Proxy], rounds: int) -> Iterator[tuple[Case, Proxy]]:
    for case in cases:
        for _ in range(rounds):
            for proxy in proxies:
                yield case, proxy


def findings(rows: Sequence[Row]) -> list[Finding]:
    """What s3edge costs, held against the limit of each case; and no proxy may have gained by failing."""
    costs = [
        Finding(f"{row.case.title}: CPU over {REFERENCE}'s", row.ratio, row.case.limit, least_seconds=LEAST_SECONDS)
        for row in rows
        if row.proxy == SUBJECT and row.ratio is not None
    ]
    failed = sum(sum(row.errors.values()) for row in rows)
    return [*costs, Finding("requests that failed, through any proxy", failed, 0)]


def answer(told: Namespace) -> Report:
    cases = [CASES[key] for key in told.cases]
    proxies = list(dict.fromkeys(told.proxies or there(USUAL_PROXIES)))
    measurements = run_plan(Plan(cases, proxies, told.rounds, told.seconds))
    rows = summarise(cases, measurements)
    return Report(
        COLUMNS,
        [row.cells() for row in rows],
        findings(rows),
        {"Cost of each case": partial(draw_chart, rows)},
        {"measurements": [asdict(measurement) for measurement in measurements]},
    ).measured_for(told.rounds * told.seconds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description="Cost compared with native proxies")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each proxy in each case (default 5)")
    parser.add_argument("--seconds", type=int, default=5, help="length of each turn (default 5)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--proxies", nargs="+", choices=PROXIES, metavar="PROXY", help=", ".join(PROXIES))
    return run(parser, answer, ["haproxy", "nginx", "wrk"])


if __name__ == "__main__":
    sys.exit(main())
