"""Does anything leak, and does anything fail, in half an hour of everything? `python -m loadtests.soak`.

Two workers serve, at a rate that leaves most of the machine idle: readers that check every byte of objects and ranges,
visitors from 1,000 addresses with the keys of 200 tenants, writers, slow readers, one viewer of the live view, a
scrape every 15 s and an access log that is rotated every minute. Meanwhile one node after the other is killed or
frozen. Limits per tenant, client and bucket are stated and never reached, and the guard only watches, so that all that
s3edge keeps tables of has its table.

Memory is that of the end against that of the sixth minute, when all caches are full. Descriptors are counted before and
after, each time with all connections gone.
"""

import argparse
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from loadtests import records
from loadtests.contest import workers_of
from loadtests.cost import Usage, sampled, tree_usage
from loadtests.crowd import Crowd, crowd
from loadtests.faults import Action, Mark, Mortal, freeze, play
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.misbehaving import misbehaving_nodes
from loadtests.nodes import GIB, KIB, MIB, scratch
from loadtests.qos_rivals import Edge, entrance_of
from loadtests.question import Panel, Report, run
from loadtests.records import BUCKET_SECONDS, OK, Readings
from loadtests.rivals import SUBJECT
from loadtests.scrape import scrape
from loadtests.viewers import Watched, viewers, watched
from loadtests.visitors import TENANTS

NODE_COUNT = 4
WORKERS = 2

READERS = Load(0, sizes={4 * KIB: 50, 64 * KIB: 30, MIB: 15, 16 * MIB: 5}, rate=60, tenant=TENANTS[0])
VISITORS = Load(0, sizes={4 * KIB: 70, 64 * KIB: 25, 512 * KIB: 5}, rate=30, keys=5000)
WRITERS = Load(0, rate=5, patience=60)
"""Together about 160 requests and 70 MB a second: what counts is how long it takes, and how many there are of each."""

SLOW_READERS = 30
SLOW_PATH = "/bench/16MiB-slow"
SLOW_RATE = 100 * KIB

FAULT_EVERY = 20.0
OUTAGE = 5.0
"""Seconds from one fault to the next, and how long a node stays killed; it is frozen for half of that."""

SCRAPE_EVERY = 15.0
"""Prometheus' usual interval."""

ROTATE_EVERY = 60.0

WARM_SECONDS = 10.0
SETTLE_SECONDS = 10.0
"""How long idle connections to nodes may live on: twice what this s3edge is told."""

SAMPLE_SECONDS = 5.0
FIRST_MINUTES = 5
LEAST_MINUTES = 10
"""What memory does in the first minutes is not judged, and not at all in runs that are shorter than this."""

GROWTH_LIMIT_MIB = 5.0

_FAR: Mapping[str, Any] = {
    "requests": {"all": "100000/s", "read": "100000/s"},
    "bandwidth": "10GiB/s",
    "concurrency": 10_000,
}
EDGE = Edge(
    tenants=TENANTS,
    policies=(
        {
            "policy": "everybody",
            "limits": {**_FAR, "connections": 10_000, "per_client": _FAR, "per_bucket": _FAR},
            "guard": {"mode": "observe"},
        },
    ),
    capacity={"node": {"concurrency": 1000}},
    workers=WORKERS,
    access_log={"to": "access.log"},
    connections={"idle_timeout": f"{SETTLE_SECONDS / 2:g}s"},
)

COLUMNS = ("what", "how much", "")
TOLD = ("s3edge_retries_total", "s3edge_hedges_total", "s3edge_resumes_total", "s3edge_node_ejections_total")
"""Metrics that say what s3edge hid."""


@dataclass(frozen=True)
class Soaked:
    """A run: what clients saw, the processes' usage every SAMPLE_SECONDS, and what was there before and after it.

    `usage` is by process, and "all" are the sum; `told` is what metrics say in the end, by the name of the metric.
    """

    seconds: float
    readings: Mapping[str, Readings]
    counts: Mapping[str, Mapping[str, int]]
    marks: Sequence[Mark]
    usage: Mapping[str, Sequence[Usage]]
    told: Mapping[str, float]
    before: Usage
    after: Usage
    lost_workers: int


@contextmanager
def clients(edge: Watched, seconds: float, folder: Path) -> Iterator[dict[str, Crowd]]:
    """All clients, in processes of their own, for `seconds`; what they read is in NAME.jsonl. Raises CrowdError."""
    slow = [str(edge.proxy.port), SLOW_PATH, str(SLOW_READERS), str(SLOW_RATE)]
    with ExitStack() as stack:
        there = {
            "slow readers": stack.enter_context(crowd("loadtests.slow_readers", slow)),
            "viewer": stack.enter_context(crowd("loadtests.live_viewers", viewers(edge, 1))),
        }
        for name, load in (("writers", WRITERS), ("visitors", VISITORS), ("readers", READERS)):
            told = replace(load, seconds=seconds).to_json()
            arguments = [str(edge.proxy.port), told, str(folder / f"{name}.jsonl")]
            there[name] = stack.enter_context(crowd(f"loadtests.{name}", arguments))
        yield there


def chaos(nodes: Sequence[Mortal], seconds: float, rng: random.Random) -> list[Action]:
    """Nodes drawn by lot are killed and frozen in turn; the last one is well again before the end."""
    actions: list[Action] = []
    at, is_kill = FAULT_EVERY / 2, True
    while at + OUTAGE < seconds:
        number = rng.randrange(len(nodes))
        if is_kill:
            actions.append(Action(at, f"node {number + 1} killed", nodes[number].kill))
            actions.append(Action(at + OUTAGE, "", nodes[number].restart))
        else:
            actions += freeze(nodes[number], number, at, OUTAGE / 2)
        at, is_kill = at + FAULT_EVERY, not is_kill
    return actions


def chores(edge: Watched, log: Path, seconds: float) -> list[Action]:
    """What operators' programs do: scrape, and rotate the access log, of which two lengths are kept."""

    def rotate() -> None:
        log.rename(log.with_suffix(".old"))
        os.kill(edge.proxy.child.pid, signal.SIGHUP)

    every = [(SCRAPE_EVERY, lambda: scrape(edge.admin)), (ROTATE_EVERY, rotate)]
    return [Action(n * pause, "", do) for pause, do in every for n in range(1, int(seconds / pause) + 1)]


def progress(samples: Sequence[Usage], seconds: float) -> list[Action]:
    """A line on stderr each minute."""

    def tell(minute: int) -> None:
        memory = f"{samples[-1].pss / MIB:.1f} MiB, {samples[-1].descriptors} descriptors" if samples else ""
        print(f"{minute} of {seconds / 60:g} minutes, {memory}", file=sys.stderr, flush=True)

    return [Action(60.0 * minute, "", partial(tell, minute)) for minute in range(1, int(seconds / 60) + 1)]


def soak(seconds: float) -> Soaked:
    """Warm up, settle, run, settle. Raises ChildError, CrowdError, OSError."""
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(misbehaving_nodes(NODE_COUNT, folder))
        edge = stack.enter_context(watched(nodes, folder, EDGE, SUBJECT))
        pid, workers = edge.proxy.child.pid, workers_of(entrance_of(edge.proxy))
        with clients(edge, WARM_SECONDS, folder) as there:
            time.sleep(WARM_SECONDS)
            leave(there)
        before = settled(pid)
        actions = chaos(nodes, seconds, random.Random(1)) + chores(edge, folder / SUBJECT / "access.log", seconds)
        with clients(edge, seconds, folder) as there:
            with ExitStack() as sampling:
                usage = {"all": sampling.enter_context(sampled(pid, SAMPLE_SECONDS))}
                for number, worker in enumerate(workers, start=1):
                    usage[f"worker {number}"] = sampling.enter_context(sampled(worker, SAMPLE_SECONDS))
                marks = play([*actions, *progress(usage["all"], seconds)], seconds)
            counts = leave(there)
        return Soaked(
            seconds=seconds,
            readings={name: records.load(folder / f"{name}.jsonl") for name in ("readers", "visitors", "writers")},
            counts=counts,
            marks=marks,
            usage=usage,
            told=totals(scrape(edge.admin)),
            before=before,
            after=settled(pid),
            lost_workers=len(set(workers) - set(workers_of(entrance_of(edge.proxy)))),
        )


def leave(there: Mapping[str, Crowd]) -> dict[str, dict[str, int]]:
    """Send all clients away, and return what they counted. Raises CrowdError."""
    return {name: each.leave() for name, each in there.items()}


def settled(pid: int) -> Usage:
    """The processes once no connection is left: the sample with the fewest descriptors, since probes come and go."""
    time.sleep(SETTLE_SECONDS)
    samples = []
    for _ in range(5):
        time.sleep(1)
        samples.append(tree_usage(pid))
    return min(samples, key=lambda usage: usage.descriptors)


def growth(samples: Sequence[float], per_minute: int) -> float:
    """Median of the last minute less that of the minute after the first FIRST_MINUTES; longer than those."""
    begin = FIRST_MINUTES * per_minute
    return median(samples[-per_minute:]) - median(samples[begin : begin + per_minute])


def slope(samples: Sequence[float], per_minute: int) -> float:
    """By how much they grow in an hour, by the straight line that fits best; without the first FIRST_MINUTES."""
    late = samples[FIRST_MINUTES * per_minute :]
    return linear_regression(range(len(late)), late).slope * per_minute * 60


def totals(text: str) -> dict[str, float]:
    """What a scrape says of each metric, summed over its labels."""
    found: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name = series.partition("{")[0]
            found[name] = found.get(name, 0.0) + float(value)
    return found


def report(run: Soaked) -> Report:
    """The table, the findings and the chart."""
    per_minute = round(60 / SAMPLE_SECONDS)
    memory = [usage.pss / MIB for usage in run.usage["all"]]
    is_judged = run.seconds >= 60 * LEAST_MINUTES
    failed = sum(one.outcome != OK for readings in run.readings.values() for one in readings.records)
    findings = [
        Finding("requests that failed or brought wrong bytes", failed, 0),
        Finding("slow readers that lost an answer", run.counts["slow readers"]["broken"], 0),
        Finding("workers that died", run.lost_workers, 0),
        Finding("descriptors left over", run.after.descriptors - run.before.descriptors, 0),
        Finding("pipes left over", run.after.pipes - run.before.pipes, 0),
    ]
    if is_judged:
        grown = growth(memory, per_minute)
        findings.append(Finding(f"memory growth after {FIRST_MINUTES} minutes", grown, GROWTH_LIMIT_MIB, "MiB"))
        trend = f"{slope(memory, per_minute):+.1f} MiB an hour after {FIRST_MINUTES} minutes"
    else:
        trend = f"growth is judged in runs of {LEAST_MINUTES} minutes or more"
    lines = [[name, *_cells(readings)] for name, readings in run.readings.items()]
    slow, again = run.counts["slow readers"], run.counts["writers"]["again"]
    lines += [
        [
            "slow readers",
            f"{slow['bytes'] / MIB:,.0f} MiB, {slow['whole']:,} objects whole",
            f"{slow['broken']} broken",
        ],
        ["sent again by writers", f"{again:,}", "parts that are too large to be kept, and what must not run twice"],
        ["faults", f"{len(run.marks)}", ""],
        *([name, f"{run.told.get(name, 0):,.0f}", ""] for name in TOLD),
        ["memory, MiB", f"{memory[0]:.1f} first, {max(memory):.1f} most, {memory[-1]:.1f} last", trend],
        ["memory without connections, MiB", f"{run.before.pss / MIB:.1f} before, {run.after.pss / MIB:.1f} after", ""],
        ["descriptors without connections", f"{run.before.descriptors} before, {run.after.descriptors} after", ""],
    ]
    raw = {
        "told": run.told,
        "counts": run.counts,
        "usage": {name: [asdict(one) for one in samples] for name, samples in run.usage.items()},
    }
    return Report(COLUMNS, lines, findings, {f"{run.seconds / 60:g} minutes of everything": panels(run)}, raw)


def _cells(readings: Readings) -> list[str]:
    """Requests and sizes of what went well; what failed."""
    bad = Counter(one.outcome for one in readings.records if one.outcome != OK)
    size = sum(one.size for one in readings.records)
    longest = max((one.took for one in readings.records), default=0.0)
    return [
        f"{len(readings.records):,} requests, {size / GIB:,.2f} GiB, longest {longest:.2f} s",
        ", ".join(f"{count} x {outcome}" for outcome, count in bad.items()) or "none failed",
    ]


def panels(run: Soaked) -> list[Panel]:
    """Memory, descriptors, throughput and failures over time."""
    memory = {name: [usage.pss / MIB for usage in samples] for name, samples in run.usage.items()}
    workers = [values for name, values in memory.items() if name != "all"]
    memory["supervisor"] = [whole - sum(parts) for whole, *parts in zip(memory["all"], *workers, strict=False)]
    descriptors = {name: [float(usage.descriptors) for usage in samples] for name, samples in run.usage.items()}
    width = round(SAMPLE_SECONDS / BUCKET_SECONDS)
    received = {
        name: [
            sum(readings.received[first : first + width]) / SAMPLE_SECONDS / MIB
            for first in range(0, len(readings.received), width)
        ]
        for name, readings in run.readings.items()
        if name != "writers"
    }
    failed = {name: _failures(readings, run.seconds) for name, readings in run.readings.items()}
    return [
        Panel("memory, MiB", SAMPLE_SECONDS, memory, marks=run.marks),
        Panel("descriptors", SAMPLE_SECONDS, descriptors, marks=run.marks),
        Panel("MiB/s", SAMPLE_SECONDS, received, marks=run.marks),
        Panel(f"failed in {SAMPLE_SECONDS:g} s", SAMPLE_SECONDS, failed, marks=run.marks),
    ]


def _failures(readings: Readings, seconds: float) -> list[float]:
    found = [0.0] * (int(seconds / SAMPLE_SECONDS) + 1)
    for one in readings.records:
        if one.outcome != OK:
            found[min(len(found) - 1, int((one.started + one.took) / SAMPLE_SECONDS))] += 1
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description="Half an hour of everything")
    parser.add_argument("--minutes", type=float, default=30, help="length of the run (default %(default)g)")
    return run(parser, lambda told: report(soak(60 * told.minutes)), ())


if __name__ == "__main__":
    sys.exit(main())
