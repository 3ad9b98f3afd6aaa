"""Do limits hold for the sum over workers? `python -m loadtests.exact_limits`.

Tenant `bulk` has 50 MiB/s and pulls objects of 1 MiB; tenant `chatty` has 200 requests/s and asks for 4 KiB. Both are
greedy, with nine of ten connections on one worker. What counts is any stretch of 10 s, wherever it begins. In the last
run the busy worker is killed halfway: then a limit may be missed from below, by clients that must connect again, and
not from above.
"""

import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from loadtests.clients import BUCKET_SECONDS, Clients, Got
from loadtests.contest import Contest, Outcome, run_before, workers_of
from loadtests.findings import Finding
from loadtests.finite_nodes import Capacity, finite_nodes
from loadtests.nodes import KIB, MIB, scratch
from loadtests.qos_rivals import Edge, Entrance, StartEntrance, haproxy_with_rates, s3edge_told
from loadtests.question import Panel, Report, command
from loadtests.skew import ports_to
from loadtests.windows import window_sums

BANDWIDTH = 50 * MIB
REQUESTS = 200
BURST_SECONDS = 0.25
"""s3edge's default: how much may come at once after a pause."""

CONNECTIONS = 20
ON_ONE_WORKER = 18
CAPACITY = Capacity(slots=64, bandwidth=200e6)

WINDOW_SECONDS = 10.0
TOLERANCE = 5.0
"""Percent, over any window; a burst is allowed beyond."""

SETTLE_SECONDS = 1.0
"""Nothing is asked from below until all clients are there."""

RUNS = {"1 worker": 1, "2 workers": 2, "4 workers": 4, "2 workers, one killed": 2}
RIVAL = "haproxy-rates"
COLUMNS = ("run", "limit", "in any 10 s: least %", "most %", "mean %", "failures", "CPU cores")

POLICIES = (
    {"policy": "bulk", "match": {"tenants": ["bulk"]}, "limits": {"bandwidth": "50MiB/s"}},
    {"policy": "chatty", "match": {"tenants": ["chatty"]}, "limits": {"requests": f"{REQUESTS}/s"}},
)


def edge(workers: int) -> Edge:
    """What s3edge is told."""
    return Edge(("bulk", "chatty"), POLICIES, workers=workers)


@dataclass(frozen=True)
class Held:
    """How a limit held: percent of it in the least and the most of all windows, the burst taken off, and overall."""

    least: float
    most: float
    mean: float


def held(series: Sequence[float], rate: float) -> Held:
    """How `rate` a second held for a series of amounts in buckets. The series must be longer than a window."""
    length = round(WINDOW_SECONDS / BUCKET_SECONDS)
    settle = round(SETTLE_SECONDS / BUCKET_SECONDS)
    allowed, burst = rate * WINDOW_SECONDS, rate * BURST_SECONDS
    settled = series[settle:]
    return Held(
        least=100 * min(window_sums(settled, length)) / allowed,
        most=100 * (max(window_sums(series, length)) - burst) / allowed,
        mean=100 * sum(settled) / (rate * BUCKET_SECONDS * len(settled)),
    )


def skewed(entrance: Entrance) -> list[Clients]:
    """Clients of both tenants, most of them on the first worker; wherever it likes if there is none to choose."""
    workers = workers_of(entrance) if entrance.name.startswith("s3edge") else []
    sizes = {"bulk": {MIB: 1}, "chatty": {4 * KIB: 1}}
    taken: frozenset[int] = frozenset()
    clients = []
    for tenant, of_tenant in sizes.items():
        ports: tuple[int, ...] = ()
        if len(workers) > 1:
            ports = ports_to(workers[0], entrance.ports[0], ON_ONE_WORKER, taken)
            ports += ports_to(workers[1], entrance.ports[0], CONNECTIONS - ON_ONE_WORKER, taken | set(ports))
            taken |= set(ports)
        clients.append(Clients(tenant, CONNECTIONS, of_tenant, source_ports=ports))
    return clients


def run_once(title: str, seconds: float) -> Outcome:
    """One run in front of nodes of its own. Raises ChildError, CrowdError, OSError, SkewError."""
    start: StartEntrance = partial(haproxy_with_rates, rate=REQUESTS)
    if title != RIVAL:
        start = partial(s3edge_told, edge=edge(RUNS[title]))
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(finite_nodes(4, folder, CAPACITY))
        entrance = stack.enter_context(start(nodes, folder))
        contest = Contest(seconds, skewed(entrance), capacity=CAPACITY)
        busy = workers_of(entrance)[0] if "killed" in title else 0

        def kill() -> None:
            time.sleep(seconds / 2)
            os.kill(busy, signal.SIGKILL)

        return run_before(entrance, contest, nodes, folder, kill if busy else None)


def series_of(got: Got, seconds: float) -> tuple[list[float], float]:
    """What is limited of a tenant, bucket by bucket to the end of the run, and its limit per second."""
    series = got.received if got.tenant == "bulk" else got.answered
    count = round(seconds / BUCKET_SECONDS)
    return [*series[:count], *[0.0] * (count - len(series))], float(BANDWIDTH if got.tenant == "bulk" else REQUESTS)


def judge(title: str, limit: str, found: Held) -> list[Finding]:
    of = f"{title}, {limit}"
    over = Finding(f"{of}: beyond the limit and its burst in any 10 s", found.most - 100, TOLERANCE, "%")
    if "killed" in title:
        return [over]
    return [over, Finding(f"{of}: missing in any 10 s", 100 - found.least, TOLERANCE, "%")]


def answer(seconds: float, titles: Sequence[str]) -> Report:
    lines: list[Sequence[str]] = []
    findings: list[Finding] = []
    panels: dict[str, dict[str, Sequence[float]]] = {"bulk": {}, "chatty": {}}
    raw: dict[str, Any] = {}
    for title in titles:
        outcome = run_once(title, seconds)
        for tenant, got in outcome.got.items():
            if title == RIVAL and tenant == "bulk":
                continue  # it has no limit of bandwidth
            series, rate = series_of(got, seconds)
            found = held(series, rate)
            limit = "50 MiB/s" if tenant == "bulk" else f"{REQUESTS} requests/s"
            shown = [f"{value:.1f}" for value in (found.least, found.most, found.mean)]
            lines.append([title, limit, *shown, f"{got.failed:,}", f"{outcome.cpu / seconds:.2f}"])
            print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
            second = round(1 / BUCKET_SECONDS)
            panels[tenant][title] = [100 * total / rate for total in window_sums(series, second)[::second]]
            raw[f"{title}, {limit}"] = asdict(found) | {"series": series}
            if title != RIVAL:
                findings += judge(title, limit, found)
    chart = [Panel(f"{tenant}, % of its limit", 1.0, of_runs, limit=100.0) for tenant, of_runs in panels.items()]
    return Report(COLUMNS, lines, findings, {"Second by second": chart}, raw)


if __name__ == "__main__":
    sys.exit(command("exact_limits", "Limits over several workers", 25, [*RUNS, RIVAL], answer, ["haproxy"]))
