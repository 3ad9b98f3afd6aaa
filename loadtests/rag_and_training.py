"""A RAG service and a training job on the same nodes, on a usual day: `python -m loadtests.rag_and_training`.

The service reads objects of 4 to 64 KiB, three in ten times a part of one, at 100 a second whatever became of those
before, and checks every byte. The job pulls objects of 8 to 64 MiB on 64 connections, which is what the nodes' slots
take. First the service is alone, then the job comes. A latency is counted from when the request was due. Then the same
while a node is killed every 10 s.
"""

import math
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from loadtests.clients import BUCKET_SECONDS, Clients
from loadtests.contest import Contest, Outcome, run_before
from loadtests.faults import Mark, kills, play
from loadtests.findings import Finding
from loadtests.finite_nodes import Capacity
from loadtests.load import Load
from loadtests.misbehaving import ROOT
from loadtests.mortal_nodes import mortal_finite_nodes
from loadtests.nodes import KIB, MIB, scratch
from loadtests.qos_rivals import (
    Edge,
    Entrance,
    StartEntrance,
    direct,
    entrance_of,
    haproxy_as_installed,
    haproxy_by_an_expert,
    s3edge_told,
)
from loadtests.question import Panel, Report, command
from loadtests.records import BUCKET_SECONDS as POINT_SECONDS
from loadtests.records import LIES, OK, percentile, timeline
from loadtests.rivals import FAILOVER_PROXIES, HAPROXY_FAILOVER, SIDEKICK, SUBJECT, Node, there

NODE_COUNT = 4
CAPACITY = Capacity(slots=16, bandwidth=60e6)
CAP = 32
"""Requests of the training key at a time, as in policies/training-read.yaml."""

RATE = 100.0
READ_SIZES = {4 * KIB: 40, 16 * KIB: 40, 64 * KIB: 20}
"""Bytes of an object: percent of requests. A passage of text, a page, a picture."""

LOADERS = 64
PULL_SIZES = {8 * MIB: 40, 32 * MIB: 40, 64 * MIB: 20}
"""Bytes of an object: percent of requests. Shards of a data set."""

ALONE_SHARE = 1 / 3
"""Of the time with the job: how long the service is alone before. At 30 s its p99 is that of 1,000 reads."""

KILL_SECONDS = 10.0
"""In short runs half of the run, so that one is killed in each."""

SEED = 3

POLICIES = ROOT / "policies"

LEAST_SECONDS = 20.0
"""Of a run whose times and rates are judged: an object of the job takes seconds, and adaptive limits must be found."""

P99_LIMIT = 3.0
"""Times the p99 of the service alone."""

SHARE_LIMIT = 85.0
"""Percent of what the job gets without policies, or with nothing between it and the nodes."""

COLUMNS = (
    "run",
    "through",
    "reads",
    "failed",
    "wrong",
    "first byte p50 ms",
    "p99 ms",
    "longest ms",
    "whole object p50 ms",
    "p99 ms",
    "longest ms",
    "p99 alone ms",
    "training MiB/s",
    "told to slow down",
    "its failures",
    "most in flight at a node",
    "CPU cores",
)
"""All beside the job, but for the p99 alone, which is of whole objects."""


def policies(folder: Path = POLICIES) -> list[Mapping[str, Any]]:
    """The ready-made policies, as they are."""
    return [yaml.safe_load(path.read_text()) for path in sorted(folder.glob("*.yaml"))]


@contextmanager
def against_failures(nodes: Sequence[Node], folder: Path, *, name: str) -> Iterator[Entrance]:
    """A proxy with what it has against failing nodes, which knows nothing of tenants. Raises ChildError."""
    with FAILOVER_PROXIES[name](nodes, folder, None) as proxy:
        yield entrance_of(proxy)


def told(concurrency: int | str) -> Edge:
    """s3edge with both tenants and all ready-made policies, and what a node can take at a time."""
    return Edge(("rag", "training"), policies(), capacity={"node": {"concurrency": concurrency}})


STATED, ADAPTIVE = "s3edge-stated", "s3edge-adaptive"
JUDGED = (STATED, ADAPTIVE)

ENTRANCES: Mapping[str, StartEntrance] = {
    "direct": direct,
    "haproxy": haproxy_as_installed,
    "haproxy-expert": partial(
        haproxy_by_an_expert, capped="training", cap=CAP, slots=CAPACITY.slots, failover=HAPROXY_FAILOVER
    ),
    "nginx": partial(against_failures, name="nginx"),
    SIDEKICK: partial(against_failures, name=SIDEKICK),
    SUBJECT: partial(against_failures, name=SUBJECT),
    STATED: partial(s3edge_told, edge=told(CAPACITY.slots), name=STATED),
    ADAPTIVE: partial(s3edge_told, edge=told("adaptive"), name=ADAPTIVE),
}


@dataclass(frozen=True)
class Day:
    """A run: who takes part in it, and whether nodes are killed meanwhile."""

    title: str
    names: Sequence[str]
    is_killing: bool = False


DAYS = (
    Day("usual day", tuple(ENTRANCES)),
    Day("nodes are killed", ("haproxy-expert", *JUDGED), is_killing=True),
)


@dataclass(frozen=True)
class Times:
    """Of requests: milliseconds; percentiles of those that went well, the longest of all."""

    p50: float
    p99: float
    longest: float

    @classmethod
    def of(cls, well: Iterable[float], every: Iterable[float]) -> "Times":
        """From seconds."""
        ascending = sorted(1e3 * seconds for seconds in well)
        longest = max((1e3 * seconds for seconds in every), default=math.nan)
        return cls(percentile(ascending, 0.5), percentile(ascending, 0.99), longest)

    def cells(self) -> list[str]:
        return [f"{value:,.1f}" for value in (self.p50, self.p99, self.longest)]


@dataclass(frozen=True)
class Figures:
    """What one run showed beside the job. `pulled` is the job's MiB/s, `cores` processor time of the proxy.

    `slowed` are its requests that were answered 503, after which it waits as long as it is told, as an SDK does.
    """

    reads: int
    failed: int
    wrong: int
    first_byte: Times
    whole: Times
    p99_alone: float
    pulled: float
    slowed: int
    job_failures: int
    most_in_flight: int
    cores: float

    def cells(self) -> list[str]:
        """In the order of COLUMNS, without the first two."""
        return [
            f"{self.reads:,}",
            f"{self.failed:,}",
            f"{self.wrong:,}",
            *self.first_byte.cells(),
            *self.whole.cells(),
            f"{self.p99_alone:,.1f}",
            f"{self.pulled:,.1f}",
            f"{self.slowed:,}",
            f"{self.job_failures:,}",
            f"{self.most_in_flight}",
            f"{self.cores:.2f}",
        ]


def contest(seconds: float) -> Contest:
    """The service for a while and then `seconds` more, in which the job is there too."""
    alone = ALONE_SHARE * seconds
    return Contest(
        seconds=alone + seconds,
        greedy=[Clients("training", LOADERS, PULL_SIZES, begin=alone)],
        readers=Load(alone + seconds, rate=RATE, sizes=READ_SIZES, tenant="rag"),
        capacity=CAPACITY,
        node_count=NODE_COUNT,
    )


def run_once(start: StartEntrance, seconds: float, is_killing: bool) -> tuple[Outcome, Sequence[Mark]]:
    """One run with nodes of its own, and when they were killed. Raises ChildError, CrowdError, OSError."""
    day = contest(seconds)
    marks: list[Mark] = []
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(mortal_finite_nodes(NODE_COUNT, folder, CAPACITY))
        entrance = stack.enter_context(start(nodes, folder))
        plan = kills(nodes, seconds, random.Random(SEED), every=min(KILL_SECONDS, seconds / 2)) if is_killing else []
        actions = [replace(action, at=ALONE_SHARE * seconds + action.at) for action in plan]
        outcome = run_before(entrance, day, nodes, folder, lambda: marks.extend(play(actions, day.seconds)))
    return outcome, marks


def figures(outcome: Outcome, seconds: float) -> Figures:
    """What a run with `seconds` beside the job showed. The job's rate is told without its first second."""
    alone = ALONE_SHARE * seconds
    every = outcome.readings.records
    beside = [one for one in every if one.started + one.took > alone]
    well = [one for one in beside if one.outcome == OK]
    before = sorted(1e3 * one.took for one in every if one.started + one.took <= alone)
    job = outcome.got["training"]
    slowed = job.outcomes.get("503", 0)
    first, last = alone + 1.0, alone + seconds
    return Figures(
        reads=len(beside),
        failed=len(beside) - len(well),
        wrong=sum(one.outcome in LIES for one in beside),
        first_byte=Times.of((one.wait for one in well), (one.wait for one in beside)),
        whole=Times.of((one.took for one in well), (one.took for one in beside)),
        p99_alone=percentile(before, 0.99),
        pulled=job.bytes_between(first, last) / (last - first) / MIB,
        slowed=slowed,
        job_failures=job.failed - slowed,
        most_in_flight=outcome.most_in_flight,
        cores=outcome.cpu / (alone + seconds),
    )


def judge(day: Day, name: str, found: Mapping[str, Figures]) -> list[Finding]:
    """What an s3edge with policies must show; nothing is asked of others. Times count on days without kills."""
    if name not in JUDGED:
        return []
    of, ours = f"{day.title}, {name}", found[name]
    findings = [
        Finding(f"{of}: reads that failed", ours.failed, 0),
        Finding(f"{of}: answers with wrong bytes", ours.wrong, 0),
        Finding(f"{of}: requests of the job that failed", ours.job_failures, 0),
    ]
    if day.is_killing:
        return findings
    ratio = ours.whole.p99 / ours.p99_alone
    findings.append(Finding(f"{of}: p99 over that alone", ratio, P99_LIMIT, least_seconds=LEAST_SECONDS))
    for other in ("direct", SUBJECT):
        if other in found:
            share = 100 * ours.pulled / max(1.0, found[other].pulled)
            question = f"{of}: of what the job gets through {other}, not had"
            findings.append(Finding(question, 100 - share, 100 - SHARE_LIMIT, "%", least_seconds=LEAST_SECONDS))
    return findings


def answer(seconds: float, names: Sequence[str]) -> Report:
    """Both days, each way to the storage that is named."""
    lines: list[Sequence[str]] = []
    findings: list[Finding] = []
    charts: dict[str, Sequence[Panel]] = {}
    raw: dict[str, Any] = {}
    for day in DAYS:
        outcomes: dict[str, Outcome] = {}
        found: dict[str, Figures] = {}
        marks: Sequence[Mark] = ()
        for name in (name for name in day.names if name in names):
            outcomes[name], marks = run_once(ENTRANCES[name], seconds, day.is_killing)
            found[name] = figures(outcomes[name], seconds)
            lines.append([day.title, name, *found[name].cells()])
            print(" | ".join(lines[-1]), file=sys.stderr, flush=True)
            raw[f"{day.title}, {name}"] = asdict(found[name]) | {"training": asdict(outcomes[name].got["training"])}
        findings += [finding for name in found for finding in judge(day, name, found)]
        if outcomes:
            charts[f"{day.title}; the job begins after {ALONE_SHARE * seconds:g} s"] = panels(outcomes, marks, seconds)
    return Report(COLUMNS, lines, findings, charts, raw)


def panels(outcomes: Mapping[str, Outcome], marks: Sequence[Mark], seconds: float) -> list[Panel]:
    """The service's first bytes and failures, and what the job pulled."""
    length = (1 + ALONE_SHARE) * seconds
    points = {name: timeline(outcome.readings, length) for name, outcome in outcomes.items()}
    waits = {name: [1e3 * point.p99 for point in every] for name, every in points.items()}
    failed = {name: [float(point.errors) for point in every] for name, every in points.items()}
    pulled = {
        name: [size / BUCKET_SECONDS / MIB for size in outcome.got["training"].received]
        for name, outcome in outcomes.items()
    }
    return [
        Panel("first byte of the service, p99, ms", POINT_SECONDS, waits, is_log=True, marks=marks),
        Panel("its failures", POINT_SECONDS, failed, marks=marks),
        Panel("the job, MiB/s", BUCKET_SECONDS, pulled, limit=NODE_COUNT * CAPACITY.bandwidth / MIB, marks=marks),
    ]


if __name__ == "__main__":
    question = "A RAG service beside a training job"
    sys.exit(command("rag_and_training", question, 30, there(ENTRANCES), answer, ["haproxy", "nginx"]))
