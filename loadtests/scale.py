"""How do throughput, cost, latency and memory go with size? `python -m loadtests.scale`.

Four dimensions: workers (threads of HAProxy, processes of nginx), connections of clients, nodes, and tenants with a
policy and limits each. All numbers of a dimension stand ready at once, each with its proxies, and take turns: forth in
one round and back in the next. A ratio is that of two turns of the same round. `direct` asks a node itself, so nothing
stands between that could cost anything.

All nodes are ports of one nginx, which counts the requests that it gets. So the figures are those of a stretch of time
in which all connections are there, and to connect is not part of them; only latencies are those of the whole run.
"""

import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from statistics import median
from typing import Any

from loadtests.cases import CASES, Case
from loadtests.cost import tree_cpu, tree_usage
from loadtests.findings import Finding
from loadtests.many_tenants import TENANTS, policy
from loadtests.measure import Measurement, median_of_pairs
from loadtests.nodes import MIB, StorageNode, nodes_of_one_process, requests_served, scratch
from loadtests.qos_cost import lua
from loadtests.qos_rivals import Edge, s3edge_by_policy
from loadtests.question import Chart, Report, command
from loadtests.rivals import PROXIES, SUBJECT, Proxy, haproxy, nginx, s3edge
from loadtests.scale_chart import Curves, draw_curves
from loadtests.wrk import run_wrk

ROUNDS = 3
NODE_COUNT = 4
RIVALS = (SUBJECT, "haproxy", "nginx")
DIRECT = "direct"
ORDER = (*RIVALS, DIRECT)

SETTLE_SECONDS = 0.7
"""How long a run goes on before it counts: wrk spends its first half second on setting its own pace."""

LEAST_SECONDS = 2.0
"""Of a turn by which cost is judged."""

CONNECTS_PER_SECOND = 1000
"""So many connections at least are accepted meanwhile, and one request made on each."""

SPARE_SECONDS = 0.3
"""What the run lasts longer than is counted: the questions at the end, while all connections are still there."""

SMALL, MANY, LARGE = CASES["get-4k"], CASES["get-4k-many"], CASES["get-1m"]

COLUMNS = (
    "number of",
    "case",
    "number",
    "proxy",
    "requests/s",
    "CPU µs/request",
    "CPU s/GiB",
    "p50 ms",
    "p99 ms",
    "memory MiB",
    "CPU over that of the base",
    "failed",
)


@dataclass(frozen=True)
class Turn:
    """What is measured at a time: `proxy`, shown as `name`, with so many of something, by the load of `case`."""

    name: str
    number: int
    proxy: Proxy
    case: Case
    requests: str = ""


Prepare = Callable[[Sequence[StorageNode], Path, ExitStack], list[Turn]]
"""Starts what stands in front of the nodes, for as long as the stack is open. Raises ChildError."""


@dataclass(frozen=True)
class Dimension:
    """What grows. The cost of s3edge at `judged` may be `limit` times that at `base`, in the first of its cases."""

    name: str
    prepare: Prepare
    base: int
    judged: int
    limit: float
    node_count: int = NODE_COUNT


@dataclass(frozen=True)
class Sample:
    """What was measured in one turn; `memory` is what all processes of the proxy took at its end, in MiB."""

    load: Measurement
    memory: float


@dataclass(frozen=True)
class Line:
    """All turns of a proxy with one number of something in one case; those at the `base` pair up by their order."""

    turn: Turn
    rounds: Sequence[Sample]
    base: Sequence[Sample]

    @property
    def is_direct(self) -> bool:
        return self.turn.name == DIRECT

    @property
    def ratio(self) -> float:
        """The cost over that at the base, median of the rounds."""
        costs = [[one.load.cost(self.turn.case) for one in rounds] for rounds in (self.rounds, self.base)]
        return median_of_pairs(*costs)

    @property
    def failures(self) -> int:
        return sum(sum(one.load.errors.values()) for one in self.rounds)

    def middle(self, figure: Callable[[Sample], float]) -> float:
        return median(figure(one) for one in self.rounds)


def workers(nodes: Sequence[StorageNode], folder: Path, stack: ExitStack) -> list[Turn]:
    """As many processes of s3edge and of nginx, and threads of HAProxy."""
    turns = []
    for count in (1, 2, 4):
        own = _folder(folder, count)
        turns += [
            Turn(SUBJECT, count, stack.enter_context(s3edge(nodes, own, None, count)), MANY),
            Turn("haproxy", count, stack.enter_context(haproxy(nodes, own, None, threads=count)), MANY),
            Turn("nginx", count, stack.enter_context(nginx(nodes, own, None, workers=count)), MANY),
        ]
    return turns


def connections(nodes: Sequence[StorageNode], folder: Path, stack: ExitStack) -> list[Turn]:
    """So many clients, each of which asks again as soon as it is answered.

    Each number has a proxy of its own: one that had many connections once keeps some of the memory.
    """
    direct = Proxy(DIRECT, nodes[0].port, is_tls=False, child=nodes[0].child)
    turns = []
    for count in (1, 8, 64, 512, 2048, 8192):
        own = _folder(folder, count)
        case = replace(SMALL, title="4 KiB GET", connections=count)
        turns += [Turn(name, count, stack.enter_context(PROXIES[name](nodes, own, None)), case) for name in RIVALS]
        turns.append(Turn(DIRECT, count, direct, case))
    return turns


def many_nodes(nodes: Sequence[StorageNode], folder: Path, stack: ExitStack) -> list[Turn]:
    """So many nodes behind each proxy."""
    turns = []
    for count in (4, 8, 16, 32, 64):
        own = _folder(folder, count)
        for name in RIVALS:
            proxy = stack.enter_context(PROXIES[name](nodes[:count], own, None))
            turns += [Turn(name, count, proxy, case) for case in (SMALL, LARGE)]
    return turns


def tenants(nodes: Sequence[StorageNode], folder: Path, stack: ExitStack) -> list[Turn]:
    """So many tenants, with a policy and limits each, whose keys requests claim in turn."""
    turns = []
    for count in (1, 10, 100, 1000):
        names = TENANTS[:count]
        policies = [
            {"policy": name, "match": {"tenants": [name]}, **policy(number)} for number, name in enumerate(names)
        ]
        proxy = stack.enter_context(s3edge_by_policy(nodes, folder, Edge(names, policies), f"{SUBJECT}-{count}"))
        run_wrk(proxy.url + SMALL.path, SMALL.connections, 1, folder, requests=lua(*names))  # plans are made once
        turns.append(Turn(SUBJECT, count, proxy, SMALL, lua(*names)))
    return turns


DIMENSIONS = {
    one.name: one
    for one in (
        Dimension("workers", workers, base=1, judged=4, limit=1.10),
        Dimension("connections", connections, base=64, judged=512, limit=1.15),
        Dimension("nodes", many_nodes, base=4, judged=64, limit=1.10, node_count=64),
        Dimension("tenants", tenants, base=1, judged=1000, limit=1.05),
    )
}
"""By the name that `--runs` takes."""


def measured(dimension: Dimension, seconds: float) -> list[Line]:
    """Every turn ROUNDS times, case by case and proxy by proxy. Raises ChildError, LoadError."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(nodes_of_one_process(dimension.node_count, folder))
        turns = dimension.prepare(nodes, folder, stack)
        turns.sort(key=lambda turn: (turn.case.size, ORDER.index(turn.name)))  # those that pair up are neighbours
        samples: dict[Turn, list[Sample]] = {turn: [] for turn in turns}
        for number in range(1, ROUNDS + 1):
            for turn in turns:
                samples[turn].append(sample(turn, seconds, nodes[0], folder))
                tell(dimension.name, number, turn, samples[turn][-1])
            turns.reverse()
    bases = {(turn.name, turn.case.title): found for turn, found in samples.items() if turn.number == dimension.base}
    return [Line(turn, found, bases[turn.name, turn.case.title]) for turn, found in samples.items()]


def sample(turn: Turn, seconds: float, node: StorageNode, folder: Path) -> Sample:
    """One turn. Raises LoadError."""
    connections = turn.case.connections
    settling = SETTLE_SECONDS + connections / CONNECTS_PER_SECOND
    whole = ceil(settling + seconds + SPARE_SECONDS)
    pid = turn.proxy.child.pid
    with ThreadPoolExecutor(1) as pool:
        url = turn.proxy.url + turn.case.path
        running = pool.submit(run_wrk, url, connections, whole, folder, requests=turn.requests)
        time.sleep(settling)
        began, served, cpu = time.monotonic(), requests_served(node), tree_cpu(pid)
        time.sleep(seconds)
        took, served, cpu = time.monotonic() - began, requests_served(node) - served, tree_cpu(pid) - cpu
        memory = tree_usage(pid).pss / MIB
        load = running.result()
    case = turn.case
    found = Measurement(
        turn.name, case.key, served, served * case.size, took, cpu, load.p50, load.p99, errors=load.errors
    )
    return Sample(found, memory)


def tell(name: str, number: int, turn: Turn, found: Sample) -> None:
    """A line on stderr about one turn."""
    load = found.load
    print(
        f"{name}, round {number} of {ROUNDS}: {turn.case.title}, {turn.number:,}, {turn.name}: "
        f"{load.requests / load.seconds:,.0f}/s, {load.cpu_per_request * 1e6:.1f} µs",
        file=sys.stderr,
        flush=True,
    )


def _folder(folder: Path, count: int) -> Path:
    """Where proxies for so many of something have their files."""
    own = folder / f"of-{count}"
    own.mkdir()
    return own


def judge(dimension: Dimension, lines: Sequence[Line]) -> list[Finding]:
    """What s3edge must show."""
    of = [line for line in lines if line.turn.name == SUBJECT]
    judged = next(line for line in of if line.turn.number == dimension.judged)
    question = f"{judged.turn.case.title}, {dimension.judged:,} {dimension.name} over {dimension.base:,}"
    return [
        Finding(f"{question}, CPU per request", judged.ratio, dimension.limit, least_seconds=LEAST_SECONDS),
        Finding(f"{dimension.name}: requests that failed", sum(line.failures for line in of), 0),
    ]


def cells(dimension: Dimension, line: Line) -> list[str]:
    """A line of the table, in the order of COLUMNS."""
    costs = [
        f"{line.middle(lambda one: one.load.cpu_per_request) * 1e6:,.1f}",
        f"{line.middle(lambda one: one.load.cpu_per_gib):,.2f}",
    ]
    return [
        dimension.name,
        line.turn.case.title,
        f"{line.turn.number:,}",
        line.turn.name,
        f"{line.middle(lambda one: one.load.requests / one.load.seconds):,.0f}",
        *(["", ""] if line.is_direct else costs),
        f"{line.middle(lambda one: one.load.p50) * 1e3:,.2f}",
        f"{line.middle(lambda one: one.load.p99) * 1e3:,.2f}",
        "" if line.is_direct else f"{line.middle(lambda one: one.memory):,.0f}",
        "" if line.is_direct else f"{line.ratio:.2f}",
        f"{line.failures}",
    ]


def curves(dimension: Dimension, lines: Sequence[Line]) -> dict[str, list[Curves]]:
    """A chart for each case."""
    charts = {}
    for title in dict.fromkeys(line.turn.case.title for line in lines):
        of = [line for line in lines if line.turn.case.title == title]
        charts[f"{title}, by the number of {dimension.name}"] = _panels(dimension.name, of)
    return charts


def _panels(axis: str, lines: Sequence[Line]) -> list[Curves]:
    numbers = sorted({line.turn.number for line in lines})

    def panel(
        label: str, figure: Callable[[Sample], float], *, is_direct: bool = False, is_log: bool = False
    ) -> Curves:
        drawn: dict[str, list[float | None]] = {}
        for line in lines:
            if is_direct or not line.is_direct:
                values = drawn.setdefault(line.turn.name, [None] * len(numbers))
                values[numbers.index(line.turn.number)] = line.middle(figure)
        return Curves(label, axis, numbers, drawn, is_log)

    if lines[0].turn.case.is_bulk:
        cost = panel("CPU s per GiB", lambda one: one.load.cpu_per_gib)
    else:
        cost = panel("CPU µs per request", lambda one: one.load.cpu_per_request * 1e6)
    return [
        cost,
        panel("requests/s", lambda one: one.load.requests / one.load.seconds, is_direct=True),
        panel("p99, ms", lambda one: one.load.p99 * 1e3, is_direct=True, is_log=True),
        panel("memory, MiB", lambda one: one.memory),
    ]


def answer(seconds: float, names: Sequence[str]) -> Report:
    lines: list[list[str]] = []
    findings: list[Finding] = []
    charts: dict[str, Chart] = {}
    raw: dict[str, Any] = {}
    for name in names:
        dimension = DIMENSIONS[name]
        found = measured(dimension, seconds)
        lines += [cells(dimension, line) for line in found]
        findings += judge(dimension, found)
        charts |= {title: partial(draw_curves, title, panels) for title, panels in curves(dimension, found).items()}
        raw[name] = [
            {"number": line.turn.number, "case": line.turn.case.title, "rounds": [asdict(one) for one in line.rounds]}
            for line in found
        ]
    return Report(COLUMNS, lines, findings, charts, raw)


if __name__ == "__main__":
    programs = ["haproxy", "nginx", "wrk"]
    sys.exit(command("scale", "What size does to throughput and cost", 3, list(DIMENSIONS), answer, programs))
