"""A node that takes requests and never answers, one that drops SYNs: `python -m loadtests.silent_nodes`."""

import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.faults import Action
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario
from tests.support.faults import DropsConnects, Fault, NeverAnswers

SILENT_FROM = 2.0
"""Seconds of health before, so that a proxy knows its nodes and has connections to them."""

WAIT_LIMIT = 1.0


def judge(results: Results) -> Sequence[Finding]:
    summary = results[SUBJECT].summary
    return [
        Finding("requests that failed", summary.failed, 0),
        Finding("longest time to first byte", summary.longest_wait, WAIT_LIMIT, "s"),
    ]


def scenario(title: str, fault: Fault, seconds: float) -> Scenario:
    """One of four nodes gets `fault`."""

    def plan(nodes: Nodes, seconds: float) -> Sequence[Action]:
        return [Action(SILENT_FROM, f"node 1: {title}", lambda: nodes[0].misbehave(fault))]

    return Scenario(title, Load(seconds), judge, plan=plan)


def scenarios(seconds: float) -> Sequence[Scenario]:
    return [
        scenario("accepts and never answers", NeverAnswers(probes=True), seconds),
        scenario("drops SYNs", DropsConnects(cuts=True), seconds),
    ]


if __name__ == "__main__":
    sys.exit(command("silent_nodes", "A node is silent", 20, scenarios))
