"""Policies that change under load: `python -m loadtests.live_reload`.

Readers who check every byte, and a greedy tenant with a limit of bandwidth, read through two workers. First its policy
file is rewritten 100 times, every other time followed by SIGHUP, and else left to be noticed: no request may fail. Then
the limit goes up and down a few times, and what counts is how long it takes until the tenant's bandwidth has followed.
Halfway through the rewriting the file is wrong once, and nothing may fail for that either.
"""

import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtests.clients import BUCKET_SECONDS, Clients, Got
from loadtests.contest import Contest, Outcome, run_before
from loadtests.findings import Finding
from loadtests.finite_nodes import Capacity, finite_nodes
from loadtests.load import Load
from loadtests.nodes import KIB, MIB, scratch
from loadtests.qos_rivals import Edge, entrance_of, s3edge_by_policy, write_policy
from loadtests.question import Panel, Report, command
from loadtests.rivals import SUBJECT
from loadtests.windows import settled_at

CAPACITY = Capacity(slots=64, bandwidth=120e6)
WORKERS = 2
TENANT = "bulk"
CONNECTIONS = 16
READERS = 8
READ_SIZES = {4 * KIB: 60, 256 * KIB: 30, 4 * MIB: 10}

REWRITES = 100
LIMITS = (60, 20)
"""MiB per second; rewriting goes from one to the other."""

QUEUE: Mapping[str, Any] = {"length": 1000, "wait": "60s"}
"""Who waits for its limit is not refused: a failure is the reload's."""

STEPS = 6
STEP_SECONDS = 4.0
"""How often the limit moves in the second part, and how long it stays there."""

TOLERANCE = 0.1
STEADY_BUCKETS = 10
"""A limit is effective when from there on the mean of any second is within a tenth of it."""

EFFECTIVE_LIMIT = 1.0
COLUMNS = ("rewritten", "requests of readers", "failed", "of the tenant", "failed", "steps", "longest s", "mean s")


def policy(limit: int) -> dict[str, Any]:
    return {"policy": TENANT, "match": {"tenants": [TENANT]}, "limits": {"bandwidth": f"{limit}MiB/s"}, "queue": QUEUE}


EDGE = Edge((TENANT, "rag"), [policy(LIMITS[1])], workers=WORKERS)


@dataclass(frozen=True)
class Step:
    """A change of the limit to `limit` MiB/s, `at` seconds of the run."""

    at: float
    limit: int


class Operator:
    """Who rewrites the policy file of a running s3edge; `folder` holds it, `pid` is its supervisor."""

    def __init__(self, folder: Path, pid: int, seconds: float) -> None:
        self._folder = folder
        self._pid = pid
        self._pause = seconds / REWRITES
        self.steps: list[Step] = []
        self.began = 0.0

    def work(self) -> None:
        """Both parts."""
        self.began = time.monotonic()
        for number in range(REWRITES):
            if number == REWRITES // 2:
                write_policy({"policy": TENANT, "limits": {"bandwidth": "0/s"}}, 0, self._folder)
                os.kill(self._pid, signal.SIGHUP)
                time.sleep(self._pause / 2)
            self.limit(LIMITS[number % 2], is_told=number % 2 == 0)
            time.sleep(self._pause)
        for number in range(STEPS):
            limit = LIMITS[number % 2]
            self.steps.append(Step(time.monotonic() - self.began, limit))
            self.limit(limit, is_told=number % 2 == 0)
            time.sleep(STEP_SECONDS)

    def limit(self, limit: int, is_told: bool) -> None:
        """Rewrite the file; say so by SIGHUP, or leave it to be noticed."""
        write_policy(policy(limit), 0, self._folder)
        if is_told:
            os.kill(self._pid, signal.SIGHUP)


def run_once(seconds: float) -> tuple[Outcome, Sequence[Step]]:
    """Rewrite for `seconds`, then step. Raises ChildError, CrowdError, OSError."""
    whole = 1.1 * seconds + (STEPS + 1) * STEP_SECONDS
    contest = Contest(
        whole,
        [Clients(TENANT, CONNECTIONS, {8 * MIB: 1})],
        Load(whole, readers=READERS, sizes=READ_SIZES, ranged=0.0, tenant="rag"),
    )
    with ExitStack() as stack:
        folder = stack.enter_context(scratch())
        nodes = stack.enter_context(finite_nodes(contest.node_count, folder, CAPACITY))
        proxy = stack.enter_context(s3edge_by_policy(nodes, folder, EDGE))
        operator = Operator(folder / SUBJECT, proxy.child.pid, seconds)
        outcome = run_before(entrance_of(proxy), contest, nodes, folder, operator.work)
    late = operator.began - outcome.got[TENANT].began
    return outcome, [Step(step.at + late, step.limit) for step in operator.steps]


def delays(got: Got, steps: Sequence[Step]) -> list[float]:
    """Seconds from each step until the tenant's bandwidth had followed; what never did took the whole step."""
    found = []
    for step in steps:
        first = int(step.at / BUCKET_SECONDS)
        series = got.received[first : first + round(STEP_SECONDS / BUCKET_SECONDS)]
        place = settled_at(series, step.limit * MIB * BUCKET_SECONDS, TOLERANCE, STEADY_BUCKETS)
        found.append(STEP_SECONDS if place is None else max(0.0, (first + place) * BUCKET_SECONDS - step.at))
    return found


def answer(seconds: float, names: Sequence[str]) -> Report:
    outcome, steps = run_once(seconds)
    got = outcome.got[TENANT]
    took = delays(got, steps)
    read = outcome.readings.records
    failed = sum(one.outcome != "ok" for one in read)
    line = [
        f"{REWRITES} times",
        f"{len(read):,}",
        f"{failed:,}",
        f"{sum(got.outcomes.values()):,}",
        f"{got.failed:,}",
        f"{len(took)}",
        f"{max(took):.2f}",
        f"{sum(took) / len(took):.2f}",
    ]
    findings = [
        Finding("requests of readers that failed", failed, 0),
        Finding("requests of the limited tenant that failed", got.failed, 0),
        Finding("longest time until a new limit was effective", max(took), EFFECTIVE_LIMIT, "s"),
    ]
    series = {TENANT: [size / BUCKET_SECONDS / MIB for size in got.received]}
    charts = {f"A limit that goes from {LIMITS[0]} to {LIMITS[1]} MiB/s": [Panel("MiB/s", BUCKET_SECONDS, series)]}
    raw = {"steps": [asdict(step) for step in steps], "delays": took, "received": got.received}
    return Report(COLUMNS, [line], findings, charts, raw)


if __name__ == "__main__":
    sys.exit(command("live_reload", "Policies that change under load", 30, [SUBJECT], answer, ()))
