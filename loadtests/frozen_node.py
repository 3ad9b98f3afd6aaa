"""What do readers feel of a node that is frozen for 5 s? Beside a healthy run: `python -m loadtests.frozen_node`."""

import sys
from collections.abc import Sequence

from loadtests.command import command
from loadtests.faults import Action, freeze
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.rivals import SUBJECT
from loadtests.scenario import Nodes, Results, Scenario

FROZEN_SECONDS = 5.0
WAIT_LIMIT = 1.0
P99_LIMIT = 1.5
LEAST_SECONDS = 20.0
"""For p99: in a shorter run more than one first byte of a hundred is of the second in which the freeze is noticed."""


def plan(nodes: Nodes, seconds: float) -> Sequence[Action]:
    return freeze(nodes[0], 0, at=seconds / 4, seconds=min(FROZEN_SECONDS, seconds / 2))


def scenarios(seconds: float) -> Sequence[Scenario]:
    healthy: list[float] = []

    def keep(results: Results) -> Sequence[Finding]:
        healthy.append(results[SUBJECT].summary.p99)
        return [Finding("requests that failed", results[SUBJECT].summary.failed, 0)]

    def judge(results: Results) -> Sequence[Finding]:
        summary = results[SUBJECT].summary
        return [
            Finding("requests that failed", summary.failed, 0),
            Finding("longest time to first byte", summary.longest_wait, WAIT_LIMIT, "s"),
            Finding("longest stall in a body", summary.longest_stall, WAIT_LIMIT, "s"),
            Finding(
                "p99 of the first byte over that of the healthy run",
                summary.p99 / healthy[0],
                P99_LIMIT,
                "",
                LEAST_SECONDS,
            ),
        ]

    return [
        Scenario("healthy", Load(seconds), keep),
        Scenario("a node frozen for 5 s", Load(seconds), judge, plan=plan),
    ]


if __name__ == "__main__":
    sys.exit(command("frozen_node", "A node is frozen while readers read", 20, scenarios))
