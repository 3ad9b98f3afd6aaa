"""Does a node that fails at once draw traffic, because it is so fast? `python -m loadtests.fast_errors`.

Its probes are answered well, as those of a node whose disks are gone usually are.
"""

import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.faults import Action
from loadtests.findings import Finding
from loadtests.load import SMALL, Load
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario
from tests.support.faults import AnswersLate, Fails

FAILS_FROM = 2.0
"""Seconds of health before, so that a proxy knows its nodes."""

ANSWER_SECONDS = 0.02
"""What a store on disks takes for a small object. An error takes nothing: that is what makes it attractive."""

NOTICE_SECONDS = 1.0
SHARE_LIMIT = 1.0
"""Percent."""


def prepare(nodes: Nodes) -> None:
    for node in nodes:
        node.misbehave(AnswersLate(ANSWER_SECONDS))


def plan(nodes: Nodes, seconds: float) -> Sequence[Action]:
    return [Action(FAILS_FROM, "node 1 answers 500 at once", lambda: nodes[0].misbehave(Fails(500)))]


def judge(results: Results) -> Sequence[Finding]:
    result = results[SUBJECT]
    return [
        Finding("requests that failed", result.summary.failed, 0),
        Finding("its share of attempts after the first second", 100 * result.late_share(0), SHARE_LIMIT, "%"),
    ]


def scenarios(seconds: float) -> Sequence[Scenario]:
    load = Load(seconds, sizes=SMALL)
    count_from = FAILS_FROM + NOTICE_SECONDS
    return [Scenario("a node answers 500 at once", load, judge, prepare, plan, count_from=count_from)]


if __name__ == "__main__":
    sys.exit(command("fast_errors", "A node fails at once", 20, scenarios))
