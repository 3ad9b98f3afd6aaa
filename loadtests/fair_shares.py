"""Do tenants get their shares? `python -m loadtests.fair_shares`.

Objects of 4 KiB to 8 MiB, a cluster that may send 160 MB/s and nodes that could send 480. Three runs: two greedy
tenants with weights 3 and 1; the second of them alone; 20 equal tenants with 1 to 64 connections. Through HAProxy and
directly the nodes' own 480 MB/s are shared, and weights mean nothing.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from loadtests.clients import BUCKET_SECONDS, Clients
from loadtests.contest import Contest, Outcome, run_contest
from loadtests.findings import Finding
from loadtests.finite_nodes import Capacity
from loadtests.nodes import KIB, MIB
from loadtests.qos_rivals import Edge, StartEntrance, direct, haproxy_as_installed, s3edge_told
from loadtests.question import Panel, Report, command
from loadtests.rivals import SUBJECT
from loadtests.windows import jain

CAPACITY = Capacity(slots=1000, bandwidth=120e6)
"""More slots than there are connections, and three times the stated bandwidth: that alone is short."""

QUEUE: Mapping[str, Any] = {"length": 1000, "wait": "60s"}
"""Who waits for its share is not refused meanwhile."""

BANDWIDTH = 160e6
SIZES = {4 * KIB: 35, 64 * KIB: 25, MIB: 25, 8 * MIB: 15}
"""Bytes of an object: percent of requests. Nine of ten bytes are in the largest."""

CONNECTIONS = 24
WEIGHTS = {"heavy": 3, "light": 1}
EQUALS = 20
MOST_CONNECTIONS = 64

SETTLE_SECONDS = 1.0
"""Left out at the start: connections are made, and what waits in sockets' buffers is nobody's share."""

RATIO_TOLERANCE = 5.0
UNUSED_LIMIT = 2.0
"""Percent."""

JAIN_LIMIT = 0.98

COLUMNS = ("run", "through", "MB/s", "largest : smallest", "Jain's index", "failures", "CPU cores")


@dataclass(frozen=True)
class Trial:
    """One run: who pulls, what s3edge is told, what it must show. `judge` gets bytes per second of each tenant."""

    title: str
    clients: Sequence[Clients]
    policies: Sequence[Mapping[str, Any]]
    judge: Callable[[Mapping[str, float]], Finding]

    @property
    def edge(self) -> Edge:
        tenants = [clients.tenant for clients in self.clients]
        return Edge(tenants, self.policies, capacity={"bandwidth": f"{BANDWIDTH / 1e6:g}MB/s"})


def _judge_weights(rates: Mapping[str, float]) -> Finding:
    ratio = rates["heavy"] / max(1.0, rates["light"])
    return Finding("distance of their ratio from 3.0", 100 * abs(ratio / 3 - 1), RATIO_TOLERANCE, "%")


def _judge_alone(rates: Mapping[str, float]) -> Finding:
    return Finding("bandwidth not used", 100 * (1 - rates["light"] / BANDWIDTH), UNUSED_LIMIT, "%")


def _judge_equals(rates: Mapping[str, float]) -> Finding:
    return Finding("1 - Jain's index of their shares", 1 - jain(rates.values()), 1 - JAIN_LIMIT)


def trials() -> list[Trial]:
    weighted = [
        {"policy": tenant, "match": {"tenants": [tenant]}, "weight": weight, "queue": QUEUE}
        for tenant, weight in WEIGHTS.items()
    ]
    both = [Clients(tenant, CONNECTIONS, SIZES) for tenant in WEIGHTS]
    equals = [
        Clients(f"tenant-{number + 1}", 1 + number * (MOST_CONNECTIONS - 1) // (EQUALS - 1), SIZES)
        for number in range(EQUALS)
    ]
    idle = Clients("heavy", 0, SIZES)
    return [
        Trial("weights 3 : 1", both, weighted, _judge_weights),
        Trial("weight 3 is idle", [idle, both[1]], weighted, _judge_alone),
        Trial(
            "20 equal tenants, 1 to 64 connections", equals, [{"policy": "everybody", "queue": QUEUE}], _judge_equals
        ),
    ]


def starter(name: str, trial: Trial) -> StartEntrance:
    """How the way to the storage called `name` is opened for a trial."""
    ways: dict[str, StartEntrance] = {
        "direct": direct,
        "haproxy": haproxy_as_installed,
        SUBJECT: partial(s3edge_told, edge=trial.edge),
    }
    return ways[name]


def rates_of(outcome: Outcome, seconds: float) -> dict[str, float]:
    """Bytes per second of each tenant, once all have begun."""
    length = seconds - SETTLE_SECONDS
    return {tenant: got.bytes_between(SETTLE_SECONDS, seconds) / length for tenant, got in outcome.got.items()}


def answer(seconds: float, names: Sequence[str]) -> Report:
    lines: list[Sequence[str]] = []
    findings: list[Finding] = []
    charts: dict[str, Sequence[Panel]] = {}
    raw: dict[str, Any] = {}
    for trial in trials():
        for name in names:
            outcome = run_contest(Contest(seconds, trial.clients, capacity=CAPACITY), starter(name, trial))
            rates = rates_of(outcome, seconds)
            failed = sum(got.failed for got in outcome.got.values())
            lines.append(cells(trial.title, name, rates, failed, outcome.cpu / seconds))
            print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
            raw[f"{trial.title}, {name}"] = {tenant: asdict(got) for tenant, got in outcome.got.items()}
            if name == SUBJECT:
                found = trial.judge(rates)
                findings.append(Finding(f"{trial.title}: {found.question}", found.found, found.limit, found.unit))
                findings.append(Finding(f"{trial.title}: requests that failed", failed, 0))
                charts[f"{trial.title}, {name}"] = [_panel(outcome)]
    return Report(COLUMNS, lines, findings, charts, raw)


def cells(title: str, name: str, rates: Mapping[str, float], failed: int, cores: float) -> list[str]:
    """A line of the table, in the order of COLUMNS."""
    active = [rate for rate in rates.values() if rate]
    ratio = f"{max(active) / min(active):.2f}" if active else "-"
    index = f"{jain(active):.3f}"
    return [title, name, f"{sum(active) / 1e6:,.1f}", ratio, index, f"{failed:,}", f"{cores:.2f}"]


def _panel(outcome: Outcome) -> Panel:
    shares = {tenant: [size / BUCKET_SECONDS / 1e6 for size in got.received] for tenant, got in outcome.got.items()}
    return Panel("MB/s", BUCKET_SECONDS, shares)


if __name__ == "__main__":
    choices = ["direct", "haproxy", SUBJECT]
    sys.exit(command("fair_shares", "Shares of greedy tenants", 20, choices, answer, ["haproxy"]))
