import math
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from loadtests.epoch import (
    COLUMNS,
    FAULT_SECONDS,
    FAULTS,
    NONE,
    PACE,
    Run,
    cells,
    facts,
    in_points,
    judge,
    panels,
    play_beside,
    share,
)
from loadtests.epoch_job import SAMPLE_SIZE, Batch, Epoch, Job
from loadtests.faults import Action, Mark
from loadtests.report import Verdict
from loadtests.rivals import SUBJECT
from tests.support.faults import AnswersLate, Trickles

JOB = Job("boto3", samples=41, batch=1)


def run(proxy: str = SUBJECT, fault: str = NONE, every: float = 0.125, death: str = "", job: Job = JOB) -> Run:
    """An epoch whose batches come every so many seconds, each waited for 0.01 s."""
    count = 10 if death else job.samples
    batches = [Batch(100.0 + number * every, 0.01, [number], 0) for number in range(count)]
    return Run(proxy, fault, Epoch(job, batches, death), [Mark(2.5, "node 1 killed")])


class Node:
    """A node that is there, or is not."""

    def __init__(self, number: int) -> None:
        self.number, self.is_away = number, False

    def kill(self) -> None:
        self.is_away = True

    def restart(self) -> None:
        self.is_away = False

    freeze, thaw = kill, restart


class Life:
    """A job that ends at some time; time passes only by waiting for that."""

    def __init__(self, end: float) -> None:
        self.time, self.end = 0.0, end

    def has_ended(self, seconds: float) -> bool:
        self.time = min(self.time + seconds, self.end)
        return self.time >= self.end

    def now(self) -> float:
        return self.time


def play(end: float, actions: Callable[[list[float], Life], list[Action]]) -> tuple[list[float], list[Mark]]:
    done: list[float] = []
    life = Life(end)
    return done, play_beside(actions(done, life), 0.0, life.has_ended, life.now)


def at(*times: float) -> Callable[[list[float], Life], list[Action]]:
    return lambda done, life: [Action(time, f"at {time:g}", lambda: done.append(life.time)) for time in times]


def test_faults_go_on_until_the_job_ends_and_no_longer() -> None:
    done, marks = play(8.0, at(2.5, 7.5, 12.5))
    assert done == [2.5, 7.5]
    assert marks == [Mark(2.5, "at 2.5"), Mark(7.5, "at 7.5")]


def test_an_action_that_is_late_is_done_at_once_and_marked_when_it_was() -> None:
    def slow_then_late(done: list[float], life: Life) -> list[Action]:
        def slow() -> None:
            life.time += 4.0

        return [Action(1.0, "", slow), *at(3.0)(done, life)]

    assert play(8.0, slow_then_late) == ([5.0], [Mark(5.0, "at 3")])


@pytest.mark.parametrize("fault", FAULTS)
def test_a_node_is_away_for_half_of_the_time_and_never_two_at_once(fault: str) -> None:
    nodes = [Node(number) for number in range(4)]
    away: list[set[int]] = []
    actions = FAULTS[fault](nodes, 60.0, random.Random(1), FAULT_SECONDS)
    for action in actions:
        action.do()
        away.append({node.number for node in nodes if node.is_away})
    assert [action.at for action in actions] == [2.5 * number for number in range(1, 25)]
    assert [len(numbers) for numbers in away] == [1, 0] * (len(actions) // 2)
    assert set.union(*away) == {0, 1, 2, 3}


def test_nodes_can_bring_twice_what_the_gpu_takes() -> None:
    late, trickle = PACE
    assert isinstance(late, AnswersLate)
    assert isinstance(trickle, Trickles)
    seconds = late.seconds + (SAMPLE_SIZE // trickle.size - 1) * trickle.seconds
    assert JOB.workers / seconds >= 2 * Job("boto3", samples=1).batch / JOB.step


def test_throughput_is_told_over_that_of_the_same_proxy_without_faults() -> None:
    quiet, slow = run("haproxy"), run("haproxy", "killed", every=0.25)
    runs = [run(every=0.0625), quiet, slow]
    assert share(slow, runs) == 50.0
    assert share(quiet, runs) == 100.0
    assert math.isnan(share(run("haproxy", "killed", death="IncompleteRead"), runs))


def test_each_limit_of_s3edge_is_held_against_its_figure() -> None:
    quiet = run()
    good = run(fault="killed", every=0.13)
    assert [one.verdict for one in judge([quiet, good])] == [Verdict.MET] * 4
    twice = [*good.epoch.batches[:-1], replace(good.epoch.batches[0], at=110.0, wrong=1)]
    bad = replace(good, epoch=replace(good.epoch, batches=twice))
    assert [one.verdict for one in judge([quiet, bad])] == [Verdict.MISSED] * 4


def test_an_epoch_that_died_misses_its_throughput_and_its_samples() -> None:
    dead = run(fault="frozen", death="IncompleteRead")
    missed = [one.question for one in judge([run(), dead]) if one.verdict is Verdict.MISSED]
    assert missed == ["boto3, nodes frozen: samples lost", "boto3, nodes frozen: throughput that faults cost"]


def test_nothing_is_asked_of_rivals_nor_of_the_retry_loop() -> None:
    again = run(fault="killed", job=replace(JOB, tries=5))
    assert judge([run(), run("haproxy"), run("haproxy", "killed", death="IncompleteRead"), again]) == []


def test_a_line_of_the_table_has_a_cell_for_each_column() -> None:
    again = run(fault="killed", job=replace(JOB, tries=5))
    line = dict(zip(COLUMNS, cells(again, [run(), again]), strict=True))
    assert (line["faults"], line["batches"], line["batches/s"]) == ("killed, retry loop", "41", "8.00")


def test_a_reason_does_not_break_the_table() -> None:
    dead = run(fault="killed", death="RuntimeError: a | b")
    assert cells(dead, [run(), dead])[-1] == "RuntimeError: a \\| b"


def test_values_are_summed_up_second_by_second() -> None:
    assert in_points([(0.1, 1.0), (0.9, 2.0), (3.0, 4.0)]) == [3.0, 0.0, 0.0, 4.0]
    assert in_points([]) == []


def test_charts_show_the_pace_and_the_stall_of_each_proxy_with_the_longest_row_of_marks() -> None:
    late = replace(run("haproxy", "killed"), marks=[Mark(2.5, "node 1 killed"), Mark(7.5, "node 2 killed")])
    pace, stall = panels([run(fault="killed"), late])
    assert list(pace.lines) == list(stall.lines) == [SUBJECT, "haproxy"]
    assert pace.lines[SUBJECT][1] == 8.0
    assert pace.marks == stall.marks == late.marks


def test_raw_figures_have_each_batch_since_the_first() -> None:
    raw = facts(run(fault="killed", every=0.5))
    assert raw["batches"][:2] == [[0.0, 0.01], [0.5, 0.01]]
    assert raw["job"]["samples"] == 41
