"""Linkerd's test: one of 11 nodes answers after 2 s, clients give up after 1 s: `python -m loadtests.slow_backend`.

Linkerd's own figures of 2016 for the share of good answers: 95% round robin, 99% least loaded, 99.9% peak EWMA.
"""

import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.findings import Finding
from loadtests.load import SMALL, Load
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario
from tests.support.faults import AnswersLate

NODE_COUNT = 11
LATE_SECONDS = 2.0
PATIENCE_SECONDS = 1.0
RATE = 200.0
"""Requests a second, far below what any of the proxies can do: only the choice of nodes counts."""

FAILED_LIMIT = 0.05
EXTRA_LIMIT = 5.0
"""Percent."""

LEAST_SECONDS = 10.0
"""2,000 requests, of which one may fail; in a shorter run none might."""


def prepare(nodes: Nodes) -> None:
    nodes[0].misbehave(AnswersLate(LATE_SECONDS))


def judge(results: Results) -> Sequence[Finding]:
    result = results[SUBJECT]
    extra = sum(result.attempts) - result.summary.requests
    return [
        Finding("requests that failed", 100 * result.summary.failed_share, FAILED_LIMIT, "%", LEAST_SECONDS),
        Finding("attempts beyond one per request", 100 * extra / result.summary.requests, EXTRA_LIMIT, "%"),
    ]


def scenarios(seconds: float) -> Sequence[Scenario]:
    load = Load(seconds, sizes=SMALL, ranged=0.0, rate=RATE, patience=PATIENCE_SECONDS)
    title = "one of 11 nodes answers after 2 s"
    return [Scenario(title, load, judge, prepare, node_count=NODE_COUNT)]


if __name__ == "__main__":
    sys.exit(command("slow_backend", "One of 11 nodes answers later than clients wait", 60, scenarios))
