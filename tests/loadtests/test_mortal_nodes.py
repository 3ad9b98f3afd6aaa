"""Finite nodes that are killed and started again."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.finite_nodes import Capacity, Counts
from loadtests.misbehaving import HEALTH_PATH
from loadtests.mortal_nodes import added, mortal_finite_nodes
from loadtests.nodes import scratch
from loadtests.ports import answers


@pytest.fixture
def folder() -> Iterator[Path]:
    with scratch() as path:
        yield path


def test_a_node_that_was_killed_comes_back_on_its_port_with_its_counts(folder: Path) -> None:
    with mortal_finite_nodes(2, folder, Capacity()) as (mortal, other):
        assert answers(mortal.port, "/bench/4KiB")
        mortal.kill()
        assert not answers(mortal.port, HEALTH_PATH)
        assert answers(other.port, "/bench/4KiB")
        mortal.restart()
        assert answers(mortal.port, "/bench/64KiB")
        assert (mortal.counts().served, other.counts().served) == (2, 1)
    assert not answers(mortal.port, HEALTH_PATH)


def test_of_two_lives_counts_add_up_and_what_was_in_flight_is_lost() -> None:
    first = Counts(arrived=9, served=5, left=1, in_flight=3, most_in_flight=7, sent=100)
    second = Counts(arrived=4, served=2, left=1, in_flight=1, most_in_flight=2, sent=10)
    assert added(first, second) == Counts(arrived=13, served=7, left=2, in_flight=1, most_in_flight=7, sent=110)
