"""A node as the edge sees it, and how fast it is expected to be."""

from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.routing.node import MEMORY, Node


def node() -> Node:
    return Node("a", "storage", "10.0.0.1", 9000)


def test_a_new_node_is_used_before_the_first_probe_has_ended() -> None:
    new = node()
    assert (new.is_up, new.is_ejected, new.inflight, new.addresses, new.is_tls) == (True, False, 0, (), False)


def test_a_node_begins_with_the_weight_of_the_configuration() -> None:
    assert node().weight == 1.0
    assert Node("a", "storage", "10.0.0.1", 9000, base_weight=3).weight == 3.0


def test_nodes_are_told_apart_by_themselves_and_not_by_what_is_known_of_them() -> None:
    one, twin = node(), node()
    assert one != twin
    assert len({one, twin}) == 2
    known = {one: "one"}
    one.inflight += 1
    assert known[one] == "one"


def test_of_a_node_that_never_answered_nothing_is_expected() -> None:
    assert node().expected(1000.0) == 0.0


def test_a_longer_time_counts_at_once() -> None:
    slowing = node()
    slowing.observe(0.010, 5.0)
    slowing.observe(0.800, 5.001)
    assert slowing.expected(5.001) == 0.800


def test_shorter_times_bring_it_down_by_the_time_between_them() -> None:
    recovering = node()
    recovering.observe(1.0, 0.0)
    recovering.observe(0.2, MEMORY)
    assert recovering.expected(MEMORY) == pytest.approx(0.2 + 0.8 * exp(-1))
    recovering.observe(0.2, MEMORY)
    assert recovering.expected(MEMORY) == pytest.approx(0.2 + 0.8 * exp(-1))


def test_a_node_that_is_not_asked_is_expected_to_be_faster_again() -> None:
    idle = node()
    idle.observe(2.0, 100.0)
    assert idle.expected(100.0 + MEMORY) == pytest.approx(2.0 * exp(-1))
    assert idle.expected(1e9) == 0.0


TIMES = st.floats(1e-6, 60.0)


@given(st.lists(st.tuples(TIMES, st.floats(0.0, 30.0)), min_size=1))
def test_what_is_expected_lies_between_the_last_and_the_longest_time(observed: list[tuple[float, float]]) -> None:
    asked, now = node(), 0.0
    for seconds, pause in observed:
        now += pause
        asked.observe(seconds, now)
    longest = max(seconds for seconds, _ in observed)
    assert observed[-1][0] * (1 - 1e-9) <= asked.expected(now) <= longest * (1 + 1e-9)
