"""A load test in small, with real readers at a real node in place of a proxy; and what all load tests are judged by."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtests import (
    disagreeing_nodes,
    fast_errors,
    frozen_node,
    killed_nodes,
    silent_nodes,
    slow_backend,
    throttled_nodes,
    uneven_nodes,
)
from loadtests.command import COLUMNS, cells
from loadtests.faults import Action
from loadtests.load import SMALL, Load
from loadtests.misbehaving import misbehaving_nodes
from loadtests.records import Record, summarise
from loadtests.report import Verdict
from loadtests.scenario import CountedNode, Nodes, Result, Results, Scenario, run_before
from tests.support.faults import AnswersLate

GOOD = Record(started=0.0, first_byte=0.01, stall=0.1, took=0.02, size=4096, outcome="ok")


def result(*records: Record, attempts: tuple[int, ...] = (), late: tuple[int, ...] = ()) -> Result:
    summary = summarise(records, seconds=1.0)
    return Result(summary, points=[], marks=[], attempts=attempts or (len(records),), late_attempts=late)


def missed(scenario: Scenario, results: Results) -> list[str]:
    return [finding.question for finding in scenario.judge(results) if finding.verdict is not Verdict.MET]


MODULES = [
    disagreeing_nodes,
    fast_errors,
    frozen_node,
    killed_nodes,
    silent_nodes,
    slow_backend,
    throttled_nodes,
    uneven_nodes,
]


@pytest.mark.parametrize("module", MODULES)
def test_a_plan_fits_into_the_time_of_its_run(module: Any) -> None:
    for scenario in module.scenarios(20.0):
        unused: Any = None
        nodes = [CountedNode(unused) for _ in range(scenario.node_count)]
        assert scenario.load.seconds == 20.0
        assert all(0 < action.at <= 20.0 for action in scenario.plan(nodes, 20.0))


def test_a_run_counts_what_nodes_and_readers_saw_across_a_death(tmp_path: Path) -> None:
    def plan(nodes: Nodes, seconds: float) -> Sequence[Action]:
        (node,) = nodes
        return [Action(0.3, "killed", node.kill), Action(0.5, "", node.restart)]

    scenario = Scenario("one node", Load(1.5, readers=2, sizes=SMALL), judge=lambda results: (), plan=plan)
    with misbehaving_nodes(1, tmp_path) as (node,):
        node.set_fault(AnswersLate(0.05))
        seen = run_before(node.port, scenario, [CountedNode(node)], tmp_path)
    assert [mark.text for mark in seen.marks] == ["killed"]
    assert set(seen.summary.outcomes) == {"refused", "reset"}
    assert len(seen.points) == 3
    # Refused ones reached no node; of two readers each may have had one under way when it died.
    reached = seen.summary.requests - seen.summary.outcomes["refused"]
    assert reached - 2 <= sum(seen.attempts) <= reached
    assert seen.attempts == seen.late_attempts


def test_one_failed_request_is_one_too_many_when_nodes_are_killed() -> None:
    (scenario,) = killed_nodes.scenarios(1.0)
    assert missed(scenario, {"s3edge": result(GOOD)}) == []
    assert missed(scenario, {"s3edge": result(GOOD, replace(GOOD, outcome="truncated"))}) == ["requests that failed"]


def test_a_frozen_node_may_cost_a_second_and_half_as_much_more_at_p99() -> None:
    healthy, frozen = frozen_node.scenarios(20.0)
    assert missed(healthy, {"s3edge": result(GOOD)}) == []
    assert missed(frozen, {"s3edge": result(replace(GOOD, first_byte=0.015, stall=1.0))}) == []
    assert missed(frozen, {"s3edge": result(replace(GOOD, first_byte=1.1, took=2.0, stall=1.1))}) == [
        "longest time to first byte",
        "longest stall in a body",
        "p99 of the first byte over that of the healthy run",
    ]


def test_one_late_answer_of_2000_is_allowed_and_one_extra_attempt_of_20() -> None:
    (scenario,) = slow_backend.scenarios(1.0)
    late = replace(GOOD, outcome="timed out")
    assert missed(scenario, {"s3edge": result(*[GOOD] * 1999, late, attempts=(2100,))}) == []
    assert missed(scenario, {"s3edge": result(*[GOOD] * 1998, late, late, attempts=(2101,))}) == [
        "requests that failed",
        "attempts beyond one per request",
    ]


def test_a_failing_node_may_draw_one_attempt_of_100_once_it_is_known() -> None:
    (scenario,) = fast_errors.scenarios(1.0)
    assert scenario.count_from == 3.0
    assert missed(scenario, {"s3edge": result(GOOD, late=(1, 33, 33, 33))}) == []
    assert missed(scenario, {"s3edge": result(GOOD, late=(2, 33, 33, 32))}) == [
        "its share of attempts after the first second"
    ]


def test_throttled_nodes_must_be_used_to_the_full_and_refusals_must_be_slow_downs() -> None:
    (scenario,) = throttled_nodes.scenarios(1.0)
    slow_down = replace(GOOD, outcome="503 SlowDown")
    assert missed(scenario, {"s3edge": result(*[GOOD] * 1552, slow_down)}) == []
    bad = result(*[GOOD] * 1551, replace(GOOD, outcome="502"), attempts=(2000,))
    assert missed(scenario, {"s3edge": bad}) == [
        "goodput missing of 1,600 requests a second",
        "attempts per request",
        "failures that are not SlowDown",
    ]


def test_a_cut_is_the_only_failure_allowed_when_nodes_disagree() -> None:
    (scenario,) = disagreeing_nodes.scenarios(1.0)
    assert missed(scenario, {"s3edge": result(GOOD, replace(GOOD, outcome="truncated"))}) == []
    assert missed(scenario, {"s3edge": result(GOOD, replace(GOOD, outcome="wrong bytes"))}) == [
        "answers with wrong bytes",
        "failures that are not visible cuts",
    ]


def test_uneven_nodes_are_judged_against_whoever_was_measured() -> None:
    (scenario,) = uneven_nodes.scenarios(1.0)
    ours, slow = result(*[GOOD] * 14), result(*[replace(GOOD, first_byte=0.03, took=0.04)] * 10)
    assert missed(scenario, {"s3edge-peak-ewma": ours}) == []
    assert missed(scenario, {"s3edge-peak-ewma": ours, "s3edge-round-robin": slow, "haproxy": slow}) == []
    assert missed(scenario, {"s3edge-peak-ewma": ours, "s3edge-round-robin": ours}) == [
        "throughput of s3edge-round-robin over ours",
        "mean first byte over s3edge-round-robin's",
        "mean latency over s3edge-round-robin's",
    ]
    assert missed(scenario, {"s3edge-peak-ewma": ours, "haproxy": ours}) == ["p99 of the first byte over haproxy's"]


def test_attempts_are_told_per_request_and_by_node() -> None:
    one = result(GOOD, GOOD, attempts=(1, 2), late=(1, 3))
    assert (one.attempts_per_request, one.late_share(0), one.late_share(1)) == (1.5, 0.25, 0.75)


def test_a_line_of_the_table_has_a_cell_for_each_column() -> None:
    failed = replace(GOOD, outcome="502")
    line = cells("a run", "haproxy", result(GOOD, failed, failed, attempts=(2, 4), late=(1, 3)))
    assert len(line) == len(COLUMNS)
    assert line[-3:] == ["2.000", "25.0", "2 x 502"]
