import random

from loadtests.cost import Usage
from loadtests.faults import Mark
from loadtests.findings import Finding
from loadtests.nodes import MIB
from loadtests.records import OK, Readings, Record
from loadtests.report import Verdict
from loadtests.soak import FAULT_EVERY, OUTAGE, SAMPLE_SECONDS, Soaked, chaos, growth, panels, report, slope, totals

PER_MINUTE = round(60 / SAMPLE_SECONDS)


class Recorder:
    """A node that writes down what is done to it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def kill(self) -> None:
        self.done.append("kill")

    def restart(self) -> None:
        self.done.append("restart")

    def freeze(self) -> None:
        self.done.append("freeze")

    def thaw(self) -> None:
        self.done.append("thaw")


def usage(pss: float, descriptors: int = 60, pipes: int = 4) -> Usage:
    return Usage(cpu=0.0, pss=round(pss * MIB), descriptors=descriptors, pipes=pipes, processes=3)


def soaked(minutes: int, grows: float = 0.0, *, outcome: str = OK, after: int = 60) -> Soaked:
    """A run of s3edge with 100 MiB that grows by so many MiB a minute, with one request a minute."""
    count = minutes * PER_MINUTE
    records = [Record(60.0 * minute, 0.1, 0.0, 0.2, MIB, outcome) for minute in range(minutes)]
    return Soaked(
        seconds=60.0 * minutes,
        readings={"readers": Readings(records, [MIB] * 120 * minutes), "writers": Readings(records, [])},
        counts={"slow readers": {"bytes": 0, "whole": 1, "broken": 0}, "writers": {"requests": 1, "again": 0}},
        marks=[Mark(10.0, "node 1 killed")],
        usage={
            "all": [usage(100 + grows * number / PER_MINUTE) for number in range(count)],
            "worker 1": [usage(40) for _ in range(count)],
        },
        told={"s3edge_resumes_total": 7.0},
        before=usage(90, descriptors=60),
        after=usage(90, descriptors=after),
        lost_workers=0,
    )


def finding(run: Soaked, words: str) -> Finding:
    return next(one for one in report(run).findings if words in one.question)


def test_what_grows_in_the_first_minutes_only_does_not_count() -> None:
    samples = [min(100.0 + number, 112.0) for number in range(100)]
    assert growth(samples, per_minute=10) == 0


def test_spikes_are_no_growth_and_a_slope_is() -> None:
    level = [50.0, 50.0, 90.0] * 40
    assert growth(level, per_minute=10) == 0
    assert growth([float(number) for number in range(120)], per_minute=10) == 60


def test_the_slope_is_told_per_hour() -> None:
    assert round(slope([number / 10 for number in range(120)], per_minute=10)) == 60


def test_series_of_a_metric_add_up() -> None:
    text = '# TYPE a counter\ns3edge_a_total{node="1"} 2\ns3edge_a_total{node="2"} 3.0\ns3edge_b 1e3\n'
    assert totals(text) == {"s3edge_a_total": 5.0, "s3edge_b": 1000.0}


def test_nodes_are_killed_and_frozen_in_turn_and_all_are_well_in_the_end() -> None:
    nodes = [Recorder(), Recorder()]
    actions = chaos(nodes, 4 * FAULT_EVERY, random.Random(1))
    for action in sorted(actions, key=lambda action: action.at):
        action.do()
    texts = [action.text.partition("node ")[2][2:] for action in actions if action.text]
    assert texts == ["killed", "frozen", "goes on", "killed", "frozen", "goes on"]
    assert all(
        node.done[1::2] == [{"kill": "restart", "freeze": "thaw"}[way] for way in node.done[::2]] for node in nodes
    )
    assert max(action.at for action in actions) < 4 * FAULT_EVERY
    assert chaos(nodes, OUTAGE, random.Random(1)) == []


def test_memory_is_judged_in_long_runs_only() -> None:
    assert not any("memory" in one.question for one in report(soaked(9)).findings)
    assert finding(soaked(10, grows=0.1), "memory").verdict is Verdict.MET
    assert finding(soaked(10, grows=2.0), "memory").verdict is Verdict.MISSED


def test_a_short_run_says_that_memory_was_not_judged() -> None:
    assert any(
        "growth is judged in runs of 10 minutes or more" in cell for line in report(soaked(1)).lines for cell in line
    )


def test_each_failed_request_and_each_descriptor_left_over_misses_a_limit() -> None:
    assert finding(soaked(1, outcome="truncated"), "failed").found == 2
    assert finding(soaked(1), "failed").verdict is Verdict.MET
    assert finding(soaked(1, after=61), "descriptors").verdict is Verdict.MISSED


def test_the_chart_tells_the_supervisor_from_the_workers() -> None:
    memory, *_, failed = panels(soaked(2, outcome="reset"))
    assert set(memory.lines["supervisor"]) == {60.0}
    assert [number for number, count in enumerate(failed.lines["readers"]) if count] == [0, PER_MINUTE]
