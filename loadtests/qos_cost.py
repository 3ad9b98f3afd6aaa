"""What do tenants and limits cost when no limit is reached? `python -m loadtests.qos_cost`.

The same requests, which claim a key, go in turn to an s3edge that knows nothing of tenants and to others that know more
and more: a tenant with priority and weight; its limits, all far away; limits of each client and bucket too; capacities
of cluster and nodes.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from loadtests.cases import CASES, Case
from loadtests.clients import claim
from loadtests.findings import Finding
from loadtests.measure import Measurement, measure, median_of_pairs
from loadtests.nodes import scratch, storage_nodes
from loadtests.qos_rivals import Edge, s3edge_by_policy
from loadtests.question import Report, command

NODE_COUNT = 4
ROUNDS = 9
"""Two runs of one s3edge differ by up to a tenth on a busy machine; the median of so many pairs does by a hundredth."""

LEAST_SECONDS = 2.0
"""Of a turn, as in `results/`. What happens once, as the first plan of a tenant (0.1 ms), weighs more in a shorter."""

SHORT_ROUNDS = 3

TENANT = "training"
FAR = "100GiB/s"

_LIMITS: dict[str, Any] = {
    "requests": {"all": "1000000/s", "read": "1000000/s"},
    "bandwidth": FAR,
    "concurrency": 10_000,
}

WITHOUT = Edge()

_POLICY: dict[str, Any] = {"policy": "everything", "match": {"tenants": [TENANT]}, "priority": "normal", "weight": 2}
_WITH_LIMITS: dict[str, Any] = {**_POLICY, "limits": {**_LIMITS, "connections": 10_000}}
_WITH_ALL_LIMITS = {**_POLICY, "limits": {**_WITH_LIMITS["limits"], "per_client": _LIMITS, "per_bucket": _LIMITS}}
_CAPACITY = {"concurrency": 10_000, "bandwidth": FAR, "node": {"concurrency": 10_000, "bandwidth": FAR}}

EDGES = {
    "a tenant": Edge((TENANT,), (_POLICY,)),
    "and limits": Edge((TENANT,), (_WITH_LIMITS,)),
    "and per client and bucket": Edge((TENANT,), (_WITH_ALL_LIMITS,)),
    "and capacities": Edge((TENANT,), (_WITH_ALL_LIMITS,), _CAPACITY),
}
"""By how the table names them."""

LIMITS = {"get-4k": 1.10, "get-8m": 1.03}
"""Times the cost without: per request, and per GiB."""

COLUMNS = ("case", "s3edge", "requests/s", "CPU µs/request", "CPU s/GiB", "over without")


@dataclass(frozen=True)
class Pair:
    """Rounds of a case, without tenants and with what is `named`; the same number of each."""

    case: Case
    named: str
    without: Sequence[Measurement]
    with_tenants: Sequence[Measurement]

    @property
    def ratio(self) -> float:
        """The cost with tenants over that without, the median of the rounds."""
        costs = [[one.cost(self.case) for one in runs] for runs in (self.with_tenants, self.without)]
        return median_of_pairs(*costs)

    @property
    def failures(self) -> int:
        return sum(sum(one.errors.values()) for one in (*self.without, *self.with_tenants))


def lua(*tenants: str) -> str:
    """A script for wrk: requests claim the keys of `tenants` in turn."""
    values = ", ".join(f'"{claim(tenant).partition(": ")[2].strip()}"' for tenant in tenants)
    return (
        f"local claims, heads, turn = {{{values}}}, {{}}, 0\n"
        "init = function()\n"
        '    for n, value in ipairs(claims) do heads[n] = wrk.format(nil, nil, {["Authorization"] = value}) end\n'
        "end\n"
        "request = function() turn = turn % #heads + 1; return heads[turn] end\n"
    )


def paired(case: Case, edges: Mapping[str, Edge], rounds: int, seconds: int, requests: str) -> list[Pair]:
    """Each of `edges` in turn with one without tenants, forth and back, so that none always goes first.

    Raises ChildError, LoadError.
    """
    with scratch() as folder, storage_nodes(NODE_COUNT, folder) as nodes, ExitStack() as stack:
        runs: list[list[Measurement]] = []
        turns = []
        for number, edge in enumerate([WITHOUT, *edges.values()]):
            proxy = stack.enter_context(s3edge_by_policy(nodes, folder, edge, f"s3edge-{number}"))
            runs.append([])
            turns.append((proxy, runs[-1]))
        for _ in range(rounds):
            for proxy, measured in turns:
                measured.append(measure(proxy, case, seconds, folder, requests))
            turns.reverse()
    return [Pair(case, named, runs[0], measured) for named, measured in zip(edges, runs[1:], strict=True)]


def rounds_of(seconds: float) -> int:
    """How many rounds there are of turns of so many seconds: few where they are too short to be judged."""
    return ROUNDS if seconds >= LEAST_SECONDS else SHORT_ROUNDS


def answer(seconds: float, keys: Sequence[str]) -> Report:
    pairs = [
        pair for key in keys for pair in paired(CASES[key], EDGES, rounds_of(seconds), round(seconds), lua(TENANT))
    ]
    return report(pairs, LIMITS)


def report(pairs: Sequence[Pair], limits: Mapping[str, float]) -> Report:
    """The table and the findings; `limits` by the case's key."""
    lines: list[list[str]] = []
    findings: list[Finding] = []
    raw: dict[str, list[Any]] = {}
    for pair in pairs:
        if pair.case.key not in raw:
            lines.append(_line(pair.case, "without", pair.without, 1.0))
            raw[pair.case.key] = [asdict(one) for one in pair.without]
        lines.append(_line(pair.case, pair.named, pair.with_tenants, pair.ratio))
        raw[pair.case.key] += [asdict(one) for one in pair.with_tenants]
        of = f"{pair.case.title}, {pair.named}"
        unit = "GiB" if pair.case.is_bulk else "request"
        findings.append(
            Finding(
                f"{of}: CPU per {unit} over without", pair.ratio, limits[pair.case.key], least_seconds=LEAST_SECONDS
            )
        )
        findings.append(Finding(f"{of}: requests that failed", pair.failures, 0))
    return Report(COLUMNS, lines, findings, raw=raw)


def _line(case: Case, name: str, rounds: Sequence[Measurement], ratio: float) -> list[str]:
    return [
        case.title,
        name,
        f"{median(one.requests / one.seconds for one in rounds):,.0f}",
        f"{median(one.cpu_per_request for one in rounds) * 1e6:,.1f}",
        f"{median(one.cpu_per_gib for one in rounds):.2f}",
        f"{ratio:.3f}",
    ]


if __name__ == "__main__":
    programs = ["nginx", "wrk"]
    sys.exit(command("qos_cost", "The cost of tenants whose limits are far away", 4, list(LIMITS), answer, programs))
