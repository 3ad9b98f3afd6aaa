"""Greedy clients and nodes that say SlowDown: `python -m loadtests.throttled_nodes`."""

import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.findings import Finding
from loadtests.load import SMALL, Load
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario
from tests.support.faults import AnswersLate, TakesRate

NODE_COUNT = 4
RATE_OF_A_NODE = 400.0
BURST = 20
"""Requests that a node takes at once after a rest: 50 ms of its rate, as a store with a short queue does."""

ANSWER_SECONDS = 0.01
"""What a store takes for a small object, or to refuse it. 64 clients could send 6,400 a second: four times too many."""

CLIENTS = 64
SHORTFALL_LIMIT = 3.0
"""Percent of what the nodes would take."""

LEAST_SECONDS = 20.0
"""For goodput: the first seconds, in which s3edge learns what the nodes take, weigh more in a shorter run."""

ATTEMPTS_LIMIT = 1.1
SLOW_DOWN = "503 SlowDown"


def prepare(nodes: Nodes) -> None:
    for node in nodes:
        node.misbehave(AnswersLate(ANSWER_SECONDS), TakesRate(RATE_OF_A_NODE, BURST))


def judge(results: Results) -> Sequence[Finding]:
    result = results[SUBJECT]
    summary = result.summary
    capacity = NODE_COUNT * RATE_OF_A_NODE
    shortfall = 100 * (capacity - summary.requests_per_second) / capacity
    return [
        Finding("goodput missing of 1,600 requests a second", shortfall, SHORTFALL_LIMIT, "%", LEAST_SECONDS),
        Finding("attempts per request", result.attempts_per_request, ATTEMPTS_LIMIT),
        Finding("failures that are not SlowDown", summary.failed - summary.outcomes.get(SLOW_DOWN, 0), 0),
    ]


def scenarios(seconds: float) -> Sequence[Scenario]:
    load = Load(seconds, readers=CLIENTS, sizes=SMALL, ranged=0.0)
    return [Scenario("each node takes 400 requests/s", load, judge, prepare, node_count=NODE_COUNT)]


if __name__ == "__main__":
    sys.exit(command("throttled_nodes", "64 greedy clients, nodes that take 400 requests/s each", 20, scenarios))
