"""One failure, the same for every proxy: nodes that misbehave, readers that check every byte, faults by a plan.

A load test describes a `Scenario`; here it is put before one proxy after the other, each with nodes of its own.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from loadtests import records
from loadtests.crowd import crowd
from loadtests.faults import Action, Mark, play
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.misbehaving import MisbehavingNode, misbehaving_nodes
from loadtests.nodes import scratch
from loadtests.records import Point, Summary, summarise, timeline
from loadtests.rivals import FAILOVER_PROXIES, SIDEKICK, SUBJECT
from tests.support.faults import Fault


@dataclass
class CountedNode:
    """A node whose count of attempts, and whose faults, survive its death."""

    node: MisbehavingNode
    attempts_of_past_lives: int = 0
    faults: tuple[Fault, ...] = ()

    @property
    def port(self) -> int:
        return self.node.port

    @property
    def url(self) -> str:
        return self.node.url

    def attempts(self) -> int:
        """Requests that reached the node so far, probes not counted. Asks the node."""
        return self.attempts_of_past_lives + int(self.node.stats()["attempts"])

    def misbehave(self, *faults: Fault) -> None:
        """From now on, and again after each restart."""
        self.faults = faults
        self.node.set_fault(*faults)

    def kill(self) -> None:
        """SIGKILL. What reaches it between the question and its death, a millisecond, is not counted."""
        self.attempts_of_past_lives = self.attempts()
        self.node.kill()

    def restart(self) -> None:
        self.node.restart()
        if self.faults:
            self.node.set_fault(*self.faults)

    def freeze(self) -> None:
        self.node.freeze()

    def thaw(self) -> None:
        self.node.thaw()


Nodes = Sequence[CountedNode]
Plan = Callable[[Nodes, float], Sequence[Action]]


@dataclass(frozen=True)
class Result:
    """What one proxy made of it: `attempts` as each node counted them, `late_attempts` those after `count_from`."""

    summary: Summary
    points: Sequence[Point]
    marks: Sequence[Mark]
    attempts: Sequence[int]
    late_attempts: Sequence[int]

    @property
    def attempts_per_request(self) -> float:
        return sum(self.attempts) / self.summary.requests if self.summary.requests else float("nan")

    def late_share(self, number: int) -> float:
        """Which part of all late attempts node `number` (from 0) drew."""
        return self.late_attempts[number] / max(1, sum(self.late_attempts))


Results = Mapping[str, Result]
"""By the name of the proxy."""


def nothing(nodes: Nodes, seconds: float) -> Sequence[Action]:
    """The plan of a healthy run."""
    return ()


@dataclass(frozen=True)
class Scenario:
    """`prepare` makes nodes misbehave before the first request; `plan` says what happens to them, over so many seconds.

    `judge` holds the results against what `subject` must show; it is asked only when that was among the proxies.
    `title` heads the results. `proxies` are those that are compared unless told, as far as they are there. Attempts are
    counted once more from `count_from` seconds on: what a proxy does when it has had time to notice.
    """

    title: str
    load: Load
    judge: Callable[[Results], Sequence[Finding]]
    prepare: Callable[[Nodes], None] = field(default=lambda nodes: None)
    plan: Plan = nothing
    node_count: int = 4
    proxies: Sequence[str] = (SUBJECT, "haproxy", "nginx", SIDEKICK)
    subject: str = SUBJECT
    count_from: float = 0.0


def run_scenario(scenario: Scenario, proxies: Sequence[str]) -> dict[str, Result]:
    """Put the scenario before each proxy in turn; progress goes to stderr. Raises ChildError, CrowdError, OSError."""
    results: dict[str, Result] = {}
    for name in proxies:
        print(f"{scenario.title}: {name}, {scenario.load.seconds:g} s ...", file=sys.stderr, flush=True)
        with ExitStack() as stack:
            folder = stack.enter_context(scratch())
            nodes = [CountedNode(node) for node in stack.enter_context(misbehaving_nodes(scenario.node_count, folder))]
            proxy = stack.enter_context(FAILOVER_PROXIES[name](nodes, folder, None))
            results[name] = run_before(proxy.port, scenario, nodes, folder)
        print(_in_short(results[name]), file=sys.stderr, flush=True)
    return results


def run_before(port: int, scenario: Scenario, nodes: Nodes, folder: Path) -> Result:
    """Run it once, with readers at 127.0.0.1:`port` and faults at `nodes`; records are kept in `folder` meanwhile."""
    load, file = scenario.load, folder / "records.jsonl"
    scenario.prepare(nodes)
    before = [node.attempts() for node in nodes]  # the question whether the proxy serves
    early = before

    def count() -> None:
        nonlocal early
        early = [node.attempts() for node in nodes]

    actions = list(scenario.plan(nodes, load.seconds))
    if scenario.count_from:
        actions.append(Action(scenario.count_from, "", count))
    with crowd("loadtests.readers", [str(port), load.to_json(), str(file)]) as readers:
        marks = play(actions, load.seconds)
        readers.leave()
    after = [node.attempts() for node in nodes]
    readings = records.load(file)
    return Result(
        summary=summarise(readings.records, load.seconds),
        points=timeline(readings, load.seconds),
        marks=marks,
        attempts=[late - first for late, first in zip(after, before, strict=True)],
        late_attempts=[late - first for late, first in zip(after, early, strict=True)],
    )


def _in_short(result: Result) -> str:
    one = result.summary
    return (
        f"  {one.requests} requests, {one.failed} failed {one.outcomes or ''}, p99 {one.p99 * 1e3:.1f} ms, longest "
        f"first byte {one.longest_wait:.2f} s, stall {one.longest_stall:.2f} s, {one.mib_per_second:.0f} MiB/s, "
        f"{result.attempts_per_request:.3f} attempts per request"
    )
