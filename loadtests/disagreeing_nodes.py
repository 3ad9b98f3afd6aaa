"""Nodes that hold different contents of the same objects, and die: `python -m loadtests.disagreeing_nodes`.

A body that began on one node cannot go on from another. It must be cut, and never be mixed of two contents.
"""

import random
import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.faults import Action, kills
from loadtests.findings import Finding
from loadtests.load import GENERATIONS, Load
from loadtests.nodes import MIB
from loadtests.records import TRUNCATED
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario
from tests.support.faults import OtherObject

SEED = 3
SIZES = {4 * MIB: 1, 16 * MIB: 1}
"""Large, so that each death finds bodies on their way."""


def prepare(nodes: Nodes) -> None:
    for number, node in enumerate(nodes):
        node.misbehave(OtherObject(generation=number % GENERATIONS))


def plan(nodes: Nodes, seconds: float) -> Sequence[Action]:
    return kills(nodes, seconds, random.Random(SEED))


def judge(results: Results) -> Sequence[Finding]:
    summary = results[SUBJECT].summary
    others = summary.failed - summary.outcomes.get(TRUNCATED, 0)
    return [
        Finding("answers with wrong bytes", summary.lies, 0),
        Finding("failures that are not visible cuts", others, 0),
    ]


def scenarios(seconds: float) -> Sequence[Scenario]:
    load = Load(seconds, sizes=SIZES)
    return [Scenario("a node killed every 2 s, all ETags differ", load, judge, prepare, plan)]


if __name__ == "__main__":
    sys.exit(command("disagreeing_nodes", "Nodes that disagree are killed while readers read", 20, scenarios))
