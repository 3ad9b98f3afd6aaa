"""What do 1,000 tenants with limits cost? `python -m loadtests.many_tenants`.

4 KiB GETs that claim 1,000 keys in turn, at an s3edge that knows nothing of tenants, at one that holds them together to
limits that they do not reach, and at one to which they are 1,000 tenants, each with a policy and limits of its own.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from loadtests.cases import CASES
from loadtests.findings import Finding
from loadtests.qos_cost import LEAST_SECONDS, Pair, lua, paired, report, rounds_of
from loadtests.qos_rivals import Edge
from loadtests.question import Report, command

TENANTS = tuple(f"team{number}" for number in range(1000))
LIMIT = 1.05
"""Times the cost per request without tenants, and that of one tenant."""


def policy(number: int) -> dict[str, Any]:
    """Sections of a policy; no two are the same."""
    return {
        "weight": 1 + number % 4,
        "limits": {"requests": f"{100_000 + number}/s", "bandwidth": "10GiB/s", "concurrency": 1000},
    }


EDGES = {
    "one tenant with limits": Edge(policies=({"policy": "everybody", **policy(0)},)),
    "1,000 tenants with limits": Edge(
        TENANTS,
        [{"policy": name, "match": {"tenants": [name]}, **policy(number)} for number, name in enumerate(TENANTS)],
    ),
}


def answer(seconds: float, keys: Sequence[str]) -> Report:
    (key,) = keys
    return report_of(*paired(CASES[key], EDGES, rounds_of(seconds), round(seconds), lua(*TENANTS)))


def report_of(one: Pair, many: Pair) -> Report:
    """What one tenant with limits costs, what many do, and what many cost over one."""
    found = report([one, many], {one.case.key: LIMIT})
    over_one = Pair(one.case, many.named, one.with_tenants, many.with_tenants).ratio
    question = f"{one.case.title}, {many.named}: CPU per request over one tenant's"
    further = Finding(question, over_one, LIMIT, least_seconds=LEAST_SECONDS)
    return replace(found, findings=[*found.findings, further])


if __name__ == "__main__":
    programs = ["nginx", "wrk"]
    sys.exit(command("many_tenants", "The cost of 1,000 tenants with limits", 4, ["get-4k"], answer, programs))
