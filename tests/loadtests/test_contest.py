"""Competing tenants in small, without a proxy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from loadtests.clients import Clients
from loadtests.contest import Contest, joined, run_contest
from loadtests.finite_nodes import Capacity
from loadtests.load import Load
from loadtests.qos_rivals import Entrance, direct
from loadtests.records import Readings, Record
from loadtests.rivals import Node

RECORD = Record(started=0.0, first_byte=0.01, stall=0.0, took=0.02, size=4096, outcome="ok")


def test_readers_and_greedy_clients_are_told_apart_and_nodes_count_both() -> None:
    contest = Contest(
        0.6,
        greedy=[Clients("bulk", 6, {65_536: 1}), Clients("idle", 0, {65_536: 1})],
        readers=Load(0.6, readers=3, sizes={4096: 1}, ranged=0.0, tenant="rag"),
        capacity=Capacity(slots=2, bandwidth=50e6, first_byte=0.001),
        node_count=2,
    )
    outcome = run_contest(contest, direct)
    assert {one.outcome for one in outcome.readings.records} == {"ok"}
    assert set(outcome.got["bulk"].outcomes) == {"ok"}
    assert outcome.got["idle"].outcomes == {}
    served = sum(node.served for node in outcome.nodes)
    assert served >= len(outcome.readings.records) + outcome.got["bulk"].outcomes["ok"]
    # Three greedy clients at each node, and of the readers two at one and one at the other.
    assert outcome.most_in_flight in (4, 5)  # the reader may miss the others by chance
    assert outcome.cpu == 0.0


def test_readings_of_several_processes_add_up() -> None:
    assert joined([Readings([RECORD], [1, 2]), Readings([RECORD, RECORD], [4])]) == Readings([RECORD] * 3, [5, 2])
    assert joined([]) == Readings([], [])


def test_each_way_in_gets_its_part_of_an_open_loops_rate_from_readers_of_its_own() -> None:
    @contextmanager
    def two_ways(nodes: Sequence[Node], folder: Path) -> Iterator[Entrance]:
        yield Entrance("two", [node.port for node in nodes])

    contest = Contest(1.0, [], Load(1.0, rate=40, sizes={4096: 1}, ranged=0.5, tenant="rag"), node_count=2)
    outcome = run_contest(contest, two_ways)
    assert {one.outcome for one in outcome.readings.records} == {"ok"}
    assert all(15 <= node.served <= 21 for node in outcome.nodes)  # and the question whether one serves
