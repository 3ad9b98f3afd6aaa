"""What does a request cost, compared with native proxies? `make bench`, or `python -m loadtests.bench --help`.

Every proxy serves the same load in turn, A B C A B C, in front of the same four nginx nodes; what counts is the
processor time of the proxy's own processes. Nothing is pinned: load generator, nodes and proxy share the machine.
Exit code 0: every limit met; 1: one missed, or requests failed; 2: something that is needed is missing.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from loadtests.cases import CASES, Case
from loadtests.certificate import issue_certificate
from loadtests.child import ChildError, end_on_sigterm
from loadtests.machine import describe_machine
from loadtests.measure import Measurement, measure
from loadtests.needs import has_programs
from loadtests.nodes import scratch, storage_nodes
from loadtests.report import COLUMNS, Row, Verdict, draw_chart, markdown_table, summarise
from loadtests.rivals import PROXIES, REFERENCE, SUBJECT, Proxy
from loadtests.wrk import LoadError

NODE_COUNT = 4
RESULTS = Path(__file__).parent / "results"
WIDTH_OF_A_FILE = 160
"""Columns to print when no terminal sets them: what the table needs unwrapped."""

USUAL_PROXIES = [SUBJECT, REFERENCE, "nginx"]


def parse_arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="Compare s3edge with HAProxy and nginx.")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each proxy in each case (default 5)")
    parser.add_argument("--seconds", type=int, default=5, help="length of each turn (default 5)")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument(
        "--proxies", nargs="+", choices=PROXIES, default=USUAL_PROXIES, metavar="PROXY", help=", ".join(PROXIES)
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for table, chart and raw figures")
    return parser.parse_args(argv)


@dataclass(frozen=True)
class Plan:
    """What to measure: each case on each proxy, `rounds` times for `seconds`."""

    cases: Sequence[Case]
    proxies: Sequence[str]
    rounds: int
    seconds: int


def run_plan(plan: Plan, console: Console) -> list[Measurement]:
    """Measure everything; a proxy serves plain or TLS, so those cases go separately. Raises ChildError, LoadError."""
    measurements: list[Measurement] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=console)
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, progress:
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


def print_rows(rows: Sequence[Row], console: Console) -> None:
    table = Table(*COLUMNS)
    for row in rows:
        style = {Verdict.MET: "green", Verdict.MISSED: "yellow", Verdict.FAILED: "red"}.get(row.verdict)
        table.add_row(*row.cells(), style=style)
    console.print(table)


def write_results(rows: Sequence[Row], measurements: Sequence[Measurement], folder: Path) -> None:
    """`bench.md`, `bench.png` and `bench.json` in `folder`, over those of the last run."""
    machine = describe_machine()
    facts = "".join(f"- {name}: {value}\n" for name, value in machine.items())
    table = markdown_table(COLUMNS, [row.cells() for row in rows])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.md").write_text(f"# Cost compared with native proxies\n\n{facts}\n{table}\n![chart](bench.png)\n")
    raw = {"machine": machine, "measurements": [asdict(measurement) for measurement in measurements]}
    (folder / "bench.json").write_text(json.dumps(raw, indent=1) + "\n")
    draw_chart(rows, folder / "bench.png")


def main(argv: Sequence[str] | None = None) -> int:
    arguments = parse_arguments(argv)
    console = Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE)
    if not has_programs("haproxy", "nginx", "wrk"):
        return 2
    end_on_sigterm()
    plan = Plan(
        cases=[CASES[key] for key in arguments.cases],
        proxies=list(dict.fromkeys(arguments.proxies)),
        rounds=arguments.rounds,
        seconds=arguments.seconds,
    )
    try:
        measurements = run_plan(plan, console)
    except (ChildError, LoadError) as error:
        console.print(f"bench: {error}", markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("bench: stopped; nothing is left running")
        return 130
    rows = summarise(plan.cases, measurements)
    print_rows(rows, console)
    write_results(rows, measurements, arguments.results)
    console.print(f"written: {arguments.results}/bench.md, bench.png, bench.json")
    return 1 if any(row.verdict in (Verdict.MISSED, Verdict.FAILED) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
