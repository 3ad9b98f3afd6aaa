"""A node's standing: what live traffic shows of it, and what follows for the choice among nodes and for operators."""

from types import SimpleNamespace
from typing import cast

import pytest

from s3edge.config.health import EJECT_TIME, Ejection
from s3edge.config.qos import Priority
from s3edge.events import Event, NodeEjected, NodeProbed, NodeReturned, NodeThrottled, NodeUnthrottled
from s3edge.health.breaker import State
from s3edge.qos.line import LEVELS
from s3edge.resilience.throttle import NEEDED_FOR
from s3edge.routing.node import Node
from s3edge.upstream.pool import Pool
from s3edge.upstream.standing import LEAST_PENALTY, LEAST_RATE, MOST_PENALTY, Standing
from s3edge.upstream.tabs import Tabs

SLOW_START = 5.0


class Bench:
    """A node's standing, with the events that it told and how often it said that the choice among nodes has changed."""

    def __init__(self, *, can_be_spared: bool = True, weight: int = 1, slow_start: float = SLOW_START) -> None:
        self.node = Node("node-1", "storage", "node-1", 9000, base_weight=weight)
        self.can_be_spared = can_be_spared
        self.changes = 0
        self.events: list[Event] = []
        pool = cast(Pool, SimpleNamespace(node=self.node))
        self.standing = Standing(
            pool, Tabs(), Ejection(), slow_start, lambda: self.can_be_spared, self.change, self.events.append
        )

    def change(self) -> None:
        self.changes += 1

    def fail(self, times: int, now: float) -> None:
        for _ in range(times):
            self.standing.failed(now, now, "answered 500")

    def try_again(self, now: float) -> None:
        """Have its ejection over, and one request try it at `now`."""
        self.standing.look(now)
        assert self.standing.is_trial_due
        self.standing.try_out(now)


def ejected(*, at: float = 0.0, weight: int = 1, slow_start: float = SLOW_START) -> Bench:
    bench = Bench(weight=weight, slow_start=slow_start)
    bench.fail(5, at)
    assert bench.node.is_ejected
    return bench


# Ejection.


def test_five_failures_in_a_row_eject_a_node_and_say_why() -> None:
    bench = Bench()
    bench.fail(4, 10.0)
    assert bench.events == []
    bench.fail(1, 11.0)
    assert bench.node.is_ejected
    reason = "5 failures in a row, the last: answered 500"
    assert bench.events == [NodeEjected("node-1", None, reason, EJECT_TIME)]
    assert bench.changes == 1


def test_a_good_answer_between_failures_begins_the_row_anew() -> None:
    bench = Bench()
    for good in (bench.standing.answered, bench.standing.answered_write):
        bench.fail(4, 1.0)
        good(1.0, 1.0)
    bench.fail(4, 2.0)
    assert (bench.node.is_ejected, bench.events) == (False, [])


def test_a_node_that_cannot_be_spared_is_not_ejected_until_it_can() -> None:
    bench = Bench(can_be_spared=False)
    bench.fail(20, 1.0)
    bench.standing.accuse("slow", 1.0)
    assert (bench.node.is_ejected, bench.changes, bench.events) == (False, 0, [])
    bench.can_be_spared = True
    bench.fail(1, 2.0)
    assert bench.node.is_ejected


def test_a_node_that_is_accused_is_ejected_once() -> None:
    bench = Bench()
    bench.standing.accuse("40% of its attempts failed", 1.0)
    bench.standing.accuse("slow", 1.5)
    assert bench.events == [NodeEjected("node-1", None, "40% of its attempts failed", EJECT_TIME)]


def test_what_was_under_way_before_an_ejection_neither_ends_nor_prolongs_it() -> None:
    bench = ejected(at=10.0)
    bench.standing.answered(9.0, 10.5)
    bench.standing.failed(9.0, 10.5, "closed")
    bench.standing.left(9.0, 10.5)
    assert (bench.node.is_ejected, len(bench.events)) == (True, 1)
    bench.try_again(11.0)
    bench.standing.answered(9.0, 11.5)
    assert bench.standing.breaker.state is State.PROBING


# The way back.


def test_an_ejected_node_is_tried_once_its_time_is_over() -> None:
    bench = ejected(at=10.0)
    assert bench.standing.look(10.75), "it is looked at again"
    assert not bench.standing.is_trial_due
    bench.standing.look(11.0)
    assert (bench.standing.is_trial_due, bench.changes) == (True, 2)
    bench.standing.look(11.25)
    assert bench.changes == 2
    bench.standing.try_out(11.5)
    assert (bench.standing.is_trial_due, bench.node.is_ejected) == (False, True)
    assert bench.events[1:] == [NodeProbed("node-1", None)]


def test_a_trial_that_is_answered_brings_the_node_back_with_a_clean_record() -> None:
    bench = ejected(at=10.0)
    bench.try_again(11.0)
    bench.standing.answered(11.0, 11.5)
    assert not bench.node.is_ejected
    assert bench.events[2:] == [NodeReturned("node-1", None)]
    assert (bench.node.latency, bench.standing.record.bads, bench.standing.is_watched) == (0.0, 0.0, False)
    bench.fail(4, 12.0)
    assert not bench.node.is_ejected


def test_a_trial_that_fails_ejects_the_node_for_twice_the_time() -> None:
    bench = ejected(at=10.0)
    bench.try_again(11.0)
    bench.standing.failed(11.0, 11.5, "closed")
    assert bench.events[2:] == [NodeEjected("node-1", None, "closed", 2 * EJECT_TIME)]
    bench.standing.look(13.25)
    assert not bench.standing.is_trial_due
    bench.standing.look(13.5)
    assert bench.standing.is_trial_due


def test_a_trial_that_proves_nothing_is_followed_by_another() -> None:
    bench = ejected(at=10.0)
    bench.try_again(11.0)
    bench.standing.left(11.0, 11.1)
    assert len(bench.events) == 2, "it stays ejected, which is no news"
    bench.standing.look(11.25)
    assert bench.standing.is_trial_due


def test_a_trial_that_is_answered_by_slow_down_shows_that_the_node_lives() -> None:
    bench = ejected(at=10.0)
    bench.try_again(11.0)
    bench.standing.slowed(11.0, 11.5)
    assert not bench.node.is_ejected
    assert [type(event) for event in bench.events[2:]] == [NodeThrottled, NodeReturned]


# Weight.


def test_a_node_that_comes_back_is_given_more_from_look_to_look() -> None:
    bench = ejected(at=10.0, weight=2)
    bench.try_again(11.0)
    bench.standing.answered(11.0, 12.0)
    weights, are_active = [bench.node.weight], []
    for now in (13.0, 14.5, 17.0):
        are_active.append(bench.standing.look(now))
        weights.append(bench.node.weight)
    assert weights == pytest.approx([0.2, 0.4, 1.0, 2.0])
    assert are_active == [True, True, False]


def test_what_a_node_served_before_it_came_back_does_not_hide_what_it_serves_now() -> None:
    bench = Bench()
    for _ in range(1000):
        bench.standing.answered(9.0, 9.0)
    bench.standing.look(9.0)
    bench.fail(5, 10.0)
    bench.try_again(11.0)
    bench.standing.answered(11.0, 11.0)
    for _ in range(200):
        bench.standing.answered(11.0, 12.0)
    bench.standing.slowed(11.0, 12.0)
    assert bench.standing.throttle_rate == 200.0


def test_without_a_slow_start_a_node_is_back_at_once() -> None:
    bench = ejected(at=10.0, slow_start=0.0)
    bench.try_again(11.0)
    bench.standing.answered(11.0, 11.0)
    assert bench.node.weight == 1.0


@pytest.mark.parametrize("is_up", [True, False])
def test_a_node_that_probes_bring_back_starts_slowly_and_one_that_was_up_does_not(is_up: bool) -> None:
    bench = Bench()
    bench.standing.turned(is_up, 1.0, 10.0)
    bench.standing.turned(True, 1.0, 20.0)
    assert (bench.node.is_up, bench.node.weight) == (True, 1.0 if is_up else 0.1)
    assert bench.changes == 2


def test_a_node_gets_the_share_of_its_weight_that_probes_say() -> None:
    bench = Bench(weight=3)
    bench.standing.turned(True, 0.5, 10.0)
    assert (bench.node.weight, bench.standing.is_drained) == (1.5, False)
    bench.standing.turned(False, 0.0, 11.0)
    assert (bench.node.is_up, bench.standing.is_drained) == (False, True)
    assert bench.node.weight > 0, "balancers divide by it"


# Latency.


def test_reads_teach_a_nodes_latency_and_writes_do_not() -> None:
    bench = Bench()
    bench.standing.answered(10.0, 10.25)
    assert bench.node.latency == 0.25
    bench.standing.answered_write(10.0, 40.0)
    assert bench.node.latency == 0.25
    assert (bench.standing.record.goods, bench.standing.record.reads) == (2, 1)


@pytest.mark.parametrize(
    "latency, took, expected",
    [
        (0.0, 0.001, LEAST_PENALTY),
        (0.02, 0.001, 0.2),
        (0.5, 0.001, MOST_PENALTY),
        (0.02, 3.0, 3.0),
    ],
    ids=["unknown node", "ten times its usual time", "slow node", "a failure that took longer"],
)
def test_a_fast_failure_looks_slow(latency: float, took: float, expected: float) -> None:
    bench = Bench()
    bench.node.latency = latency
    bench.standing.failed(-took, 0.0, "answered 500")
    assert bench.node.latency == pytest.approx(expected)


def test_what_a_body_took_before_it_broke_off_says_nothing_of_the_first_byte() -> None:
    bench = Bench()
    bench.standing.failed(0.0, 600.0, "broke off", had_begun=True)
    assert bench.node.latency == LEAST_PENALTY


# Throttle.


def test_slow_down_throttles_a_node_to_what_it_served_lately() -> None:
    bench = Bench()
    bench.standing.look(10.0)
    for number in range(50):
        bench.standing.answered(10.0, 10.0 + number / 100)
    bench.standing.slowed(10.4, 10.5)
    assert bench.standing.throttle_rate == 100.0
    assert bench.events == [NodeThrottled("node-1", None, 100.0)]
    assert (bench.changes, bench.node.is_ejected) == (1, False)


def test_a_node_that_served_little_is_not_throttled_to_nothing() -> None:
    bench = Bench()
    bench.standing.slowed(10.0, 10.0)
    assert bench.standing.throttle_rate == LEAST_RATE
    assert bench.standing.delay(10.0) == 0.0


def test_slow_down_is_no_failure_however_often() -> None:
    bench = Bench()
    for _ in range(50):
        bench.standing.slowed(10.0, 10.0)
    assert (bench.node.is_ejected, bench.standing.record.bads) == (False, 0)
    assert len(bench.events) == 1


def test_a_throttle_is_lifted_when_nobody_had_to_wait_for_long() -> None:
    bench = Bench()
    bench.standing.slowed(10.0, 10.0)
    assert bench.standing.look(10.0 + NEEDED_FOR - 0.25)
    assert bench.standing.throttle_rate == LEAST_RATE
    assert not bench.standing.look(10.0 + NEEDED_FOR)
    assert (bench.standing.throttle_rate, bench.standing.delay(21.0)) == (0.0, 0.0)
    assert bench.events[1:] == [NodeUnthrottled("node-1", None)]
    assert bench.changes == 2


def test_a_throttled_node_must_be_waited_for() -> None:
    bench = Bench()
    bench.standing.slowed(10.0, 10.0)
    throttle = bench.standing.throttle
    assert throttle is not None
    throttle.take(10.0)
    throttle.take(10.0)
    assert bench.standing.delay(10.0) > 0.0


# Looks.


def test_a_node_is_looked_at_as_long_as_something_goes_on() -> None:
    bench = Bench()
    assert not bench.standing.look(1.0)
    bench.node.inflight += 1
    assert bench.standing.look(2.0)
    bench.node.inflight -= 1
    bench.standing.answered(2.0, 2.1)
    assert bench.standing.look(3.0)
    assert not bench.standing.look(4.0)


def test_fading_counts_does_not_look_like_a_lower_rate() -> None:
    bench = Bench()
    for _ in range(100):
        bench.standing.answered(0.5, 1.0)
    bench.standing.look(1.0)
    bench.standing.fade()
    for _ in range(30):
        bench.standing.answered(1.0, 2.0)
    bench.standing.slowed(1.0, 2.0)
    assert bench.standing.throttle_rate == pytest.approx(100.0), "the higher of the last two rates"
    other = Bench()
    for _ in range(100):
        other.standing.answered(0.5, 1.0)
    other.standing.look(1.0)
    other.standing.fade()
    for _ in range(200):
        other.standing.answered(1.0, 2.0)
    other.standing.slowed(1.0, 2.0)
    assert other.standing.throttle_rate == pytest.approx(200.0)


# Room, where a limit has fallen below what is under way.


def full_of_bodies(capacity: int | str, now: float = 0.0) -> Standing:
    """Six bodies of background requests are under way, and the limit is 4."""
    bench = Bench()
    bench.standing.set_capacity(capacity, None, now)
    assert bench.standing.most == 4
    bench.standing.busy[LEVELS[Priority.BACKGROUND]] = bench.node.inflight = 6
    return bench.standing


def test_bodies_left_from_a_higher_limit_do_not_fill_the_part_that_is_kept_free_of_them() -> None:
    standing = full_of_bodies("adaptive")
    assert not standing.has_room(Priority.BACKGROUND, 0.0)
    assert standing.has_room(Priority.INTERACTIVE, 0.0)
    standing.busy[LEVELS[Priority.INTERACTIVE]] += 1
    standing.node.inflight += 1
    assert not standing.has_room(Priority.INTERACTIVE, 0.0)


def test_a_stated_limit_is_passed_for_nobody() -> None:
    standing = full_of_bodies(4)
    assert not any(standing.has_room(priority, 0.0) for priority in Priority)


def test_each_class_has_a_part_of_its_own_beside_what_is_left_of_the_lower_ones() -> None:
    standing = full_of_bodies("adaptive")
    for priority in (Priority.NORMAL, Priority.INTERACTIVE):
        assert standing.has_room(priority, 0.0)
        standing.busy[LEVELS[priority]] += 1
        standing.node.inflight += 1
        assert not standing.has_room(priority, 0.0)
