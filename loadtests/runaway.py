"""A training job gone wild beside a RAG service: `python -m loadtests.runaway`.

400 connections of tenant `training` pull objects of 8 MiB as fast as they can, from four nodes that work on 16 requests
at a time and send 60 MB/s each. Eight clients of tenant `rag` read 16 KiB, one object after the other, and check every
byte; they begin a few seconds earlier, which tells what a read takes without the runaway. A latency is that of the
whole object. From the instant at which the runaway begins everything counts: how fast it is caught, too.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from loadtests.clients import BUCKET_SECONDS, Clients
from loadtests.contest import Contest, Outcome, run_contest
from loadtests.findings import Finding
from loadtests.finite_nodes import Capacity
from loadtests.load import Load
from loadtests.nodes import KIB, MIB
from loadtests.qos_rivals import (
    Edge,
    StartEntrance,
    direct,
    haproxy_as_installed,
    haproxy_by_an_expert,
    s3edge_told,
)
from loadtests.question import Panel, Report, command
from loadtests.records import BUCKET_SECONDS as POINT_SECONDS
from loadtests.records import OK, percentile, timeline

NODE_COUNT = 4
CAPACITY = Capacity(slots=16, bandwidth=60e6)
CAP = 32
"""Requests of the training key at a time: half of what the nodes work on."""

PULLERS = 400
READERS = 8
ALONE_SECONDS = 3.0

_RAG: Mapping[str, Any] = {"policy": "rag", "match": {"tenants": ["rag"]}, "priority": "interactive"}
_TRAINING: Mapping[str, Any] = {"policy": "training", "match": {"tenants": ["training"]}, "priority": "background"}

CAPPED = Edge(
    tenants=("rag", "training"),
    policies=(_RAG, {**_TRAINING, "limits": {"concurrency": CAP}}),
    capacity={"node": {"concurrency": CAPACITY.slots}},
)
ADAPTIVE = Edge(tenants=("rag", "training"), policies=(_RAG, _TRAINING), capacity={"node": {"concurrency": "adaptive"}})

ENTRANCES: Mapping[str, StartEntrance] = {
    "direct": direct,
    "haproxy": haproxy_as_installed,
    "haproxy-expert": partial(haproxy_by_an_expert, capped="training", cap=CAP, slots=CAPACITY.slots),
    "s3edge-cap": partial(s3edge_told, edge=CAPPED, name="s3edge-cap"),
    "s3edge-adaptive": partial(s3edge_told, edge=ADAPTIVE, name="s3edge-adaptive"),
}

P99_LIMITS_MS = {"s3edge-cap": 10.0, "s3edge-adaptive": 20.0}
IN_FLIGHT_LIMITS = {"s3edge-cap": CAPACITY.slots, "s3edge-adaptive": CAPACITY.slots * 3 // 2}
"""A cap that is stated is never passed. One that is found out must be looked for: half as much again at most."""

SHARE_LIMIT = 80.0
"""Percent of what the rag service leaves of the nodes' bandwidth."""

KINDS = {"polite": False, "reckless": True}
"""Whether the runaway ignores SlowDown and comes back at once on a new connection."""

COLUMNS = (
    "run",
    "through",
    "reads/s",
    "failed",
    "p50 ms",
    "p99 ms",
    "longest ms",
    "p99 alone ms",
    "runaway MB/s",
    "% of the spare",
    "its failures",
    "most in flight at a node",
    "CPU cores",
)


@dataclass(frozen=True)
class Figures:
    """What one run showed; latencies in ms, `spare_share` in percent, `cores` of processor time of the proxy."""

    reads_per_second: float
    failed: int
    p50: float
    p99: float
    longest: float
    p99_alone: float
    runaway_bytes_per_second: float
    spare_share: float
    runaway_failures: int
    most_in_flight: int
    cores: float

    def cells(self) -> list[str]:
        """In the order of COLUMNS, without the first two."""
        times = [f"{value:,.1f}" for value in (self.p50, self.p99, self.longest, self.p99_alone)]
        return [
            f"{self.reads_per_second:,.0f}",
            f"{self.failed:,}",
            *times,
            f"{self.runaway_bytes_per_second / 1e6:,.1f}",
            f"{self.spare_share:.1f}",
            f"{self.runaway_failures:,}",
            f"{self.most_in_flight}",
            f"{self.cores:.2f}",
        ]


def contest(seconds: float, is_reckless: bool) -> Contest:
    return Contest(
        seconds=ALONE_SECONDS + seconds,
        greedy=[Clients("training", PULLERS, {8 * MIB: 1}, begin=ALONE_SECONDS, is_reckless=is_reckless)],
        readers=Load(ALONE_SECONDS + seconds, readers=READERS, sizes={16 * KIB: 1}, ranged=0.0, tenant="rag"),
        capacity=CAPACITY,
        node_count=NODE_COUNT,
    )


def figures(outcome: Outcome, seconds: float) -> Figures:
    """What a run of `seconds` beside the runaway showed. Its bandwidth is told without its first second."""
    beside = [one for one in outcome.readings.records if one.started + one.took > ALONE_SECONDS]
    took = sorted(1e3 * one.took for one in beside if one.outcome == OK)
    alone = sorted(1e3 * one.took for one in outcome.readings.records if one.started + one.took <= ALONE_SECONDS)
    first, last = ALONE_SECONDS + 1.0, ALONE_SECONDS + seconds
    pulled = outcome.got["training"].bytes_between(first, last) / (last - first)
    read = sum(one.size for one in beside) / seconds
    return Figures(
        reads_per_second=len(took) / seconds,
        failed=len(beside) - len(took),
        p50=percentile(took, 0.5),
        p99=percentile(took, 0.99),
        longest=max((1e3 * one.took for one in beside), default=float("nan")),
        p99_alone=percentile(alone, 0.99),
        runaway_bytes_per_second=pulled,
        spare_share=100 * pulled / (NODE_COUNT * CAPACITY.bandwidth - read),
        runaway_failures=outcome.got["training"].failed,
        most_in_flight=outcome.most_in_flight,
        cores=outcome.cpu / (ALONE_SECONDS + seconds),
    )


def judge(kind: str, name: str, found: Figures) -> list[Finding]:
    """What an s3edge must show; nothing is asked of others."""
    if name not in P99_LIMITS_MS:
        return []
    of = f"{kind} runaway, {name}"
    return [
        Finding(f"{of}: p99 of the rag service", found.p99, P99_LIMITS_MS[name], "ms"),
        Finding(f"{of}: requests of the rag service that failed", found.failed, 0),
        Finding(f"{of}: most in flight at a node", found.most_in_flight, IN_FLIGHT_LIMITS[name]),
        Finding(f"{of}: spare bandwidth that the runaway did not get", 100 - found.spare_share, 100 - SHARE_LIMIT, "%"),
    ]


def answer(seconds: float, names: Sequence[str]) -> Report:
    """Both kinds of runaway, each way to the storage."""
    lines: list[Sequence[str]] = []
    findings: list[Finding] = []
    charts: dict[str, Sequence[Panel]] = {}
    raw: dict[str, Any] = {}
    for kind, is_reckless in KINDS.items():
        outcomes: dict[str, Outcome] = {}
        for name in names:
            outcomes[name] = run_contest(contest(seconds, is_reckless), ENTRANCES[name])
            found = figures(outcomes[name], seconds)
            lines.append([kind, name, *found.cells()])
            print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
            findings += judge(kind, name, found)
            raw[f"{kind} {name}"] = asdict(found) | {"runaway": asdict(outcomes[name].got["training"])}
        charts[f"A {kind} runaway begins after {ALONE_SECONDS:g} s"] = panels(outcomes, ALONE_SECONDS + seconds)
    return Report(COLUMNS, lines, findings, charts, raw)


def panels(outcomes: Mapping[str, Outcome], seconds: float) -> list[Panel]:
    """The rag service's first bytes, and what the runaway pulled."""
    waits = {
        name: [1e3 * point.p99 for point in timeline(outcome.readings, seconds)] for name, outcome in outcomes.items()
    }
    pulled = {
        name: [size / BUCKET_SECONDS / 1e6 for size in outcome.got["training"].received]
        for name, outcome in outcomes.items()
    }
    return [
        Panel("first byte of the rag service, p99, ms", POINT_SECONDS, waits, is_log=True),
        Panel("runaway, MB/s", BUCKET_SECONDS, pulled, limit=NODE_COUNT * CAPACITY.bandwidth / 1e6),
    ]


if __name__ == "__main__":
    sys.exit(command("runaway", "A runaway beside a RAG service", 30, list(ENTRANCES), answer, ["haproxy"]))
