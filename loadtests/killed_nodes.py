"""What do readers see of nodes that are killed, one every 2 s, back 1 s later? `python -m loadtests.killed_nodes`."""

import random
import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.faults import Action, kills
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario

SEED = 3
"""Every proxy loses the same nodes at the same times."""


def plan(nodes: Nodes, seconds: float) -> Sequence[Action]:
    return kills(nodes, seconds, random.Random(SEED))


def judge(results: Results) -> Sequence[Finding]:
    summary = results[SUBJECT].summary
    return [
        Finding("requests that failed", summary.failed, 0),
        Finding("answers with wrong bytes", summary.lies, 0),
    ]


def scenarios(seconds: float) -> Sequence[Scenario]:
    return [Scenario("a node killed every 2 s", Load(seconds), judge, plan=plan)]


if __name__ == "__main__":
    sys.exit(command("killed_nodes", "Nodes are killed while readers read", 60, scenarios))
