"""Adaptive limits, for nodes that are played in simulated time: slots, and a queue before them."""

import heapq
from collections import deque
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.qos import Priority
from s3edge.qos.concurrency import LEAST, LEAST_TIMES, MOST_FALL, WINDOW, AdaptiveLimit, reserve

Duration = Callable[[Random], float]


def between(least: float, most: float) -> Duration:
    return lambda rng: rng.uniform(least, most)


def exponential(mean: float) -> Duration:
    return lambda rng: rng.expovariate(1 / mean)


class Node:
    """Works on `slots` requests at a time, each for `first` seconds to its first byte and `body` from there on.

    Always `clients` have a request for it, of which the edge sends as many at a time as the limit says.
    """

    def __init__(self, slots: int, first: Duration, body: Duration, clients: int = 400) -> None:
        self.slots = slots
        self.first = first
        self.body = body
        self.limit = AdaptiveLimit(0.0)
        self.seen: list[float] = []  # the limit, 100 times a second
        self.done = 0
        self._clients = clients
        self._rng = Random(1)
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._inflight = 0
        self._busy = 0
        self._queue: deque[float] = deque()

    def run(self, until: float) -> None:
        self._send()
        while self._events[0][0] < until:
            now, _, event = heapq.heappop(self._events)
            while len(self.seen) < now * 100:
                self.seen.append(self.limit.limit)
            self._now = now
            event()

    def limits(self, start: float, end: float) -> tuple[float, float]:
        """The least and the most between these times."""
        seen = self.seen[int(start * 100) : int(end * 100)]
        return min(seen), max(seen)

    def mean(self, start: float, end: float) -> float:
        seen = self.seen[int(start * 100) : int(end * 100)]
        return sum(seen) / len(seen)

    def _after(self, delay: float, event: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self._now + delay, self._number, event))

    def _send(self) -> None:
        while self._inflight < min(self._clients, int(self.limit.limit)):
            self._inflight += 1
            self._queue.append(self._now)
        self._work()

    def _work(self) -> None:
        while self._queue and self._busy < self.slots:
            began = self._queue.popleft()
            self._busy += 1
            self._after(self.first(self._rng), lambda began=began: self._answer(began))  # type: ignore[misc]

    def _answer(self, began: float) -> None:
        self.limit.observed(self._now - began, self._inflight, self._now)
        self._after(self.body(self._rng), self._end)

    def _end(self) -> None:
        self._busy -= 1
        self._inflight -= 1
        self.done += 1
        self._work()
        self._send()


SMALL = between(0.0004, 0.0006)
LARGE = between(0.1, 0.3)
KINDS = pytest.mark.parametrize(
    "first, body",
    [
        pytest.param(between(0.004, 0.006), SMALL, id="small"),
        pytest.param(between(0.004, 0.012), SMALL, id="small, times vary by 3"),
        pytest.param(exponential(0.010), SMALL, id="small, exponential times"),
        pytest.param(between(0.002, 0.003), LARGE, id="large"),
        pytest.param(exponential(0.010), LARGE, id="large, exponential times"),
        pytest.param(between(0.002, 0.003), lambda rng: rng.choice((0.0005, 0.0005, 0.2)), id="mixed"),
    ],
)


@KINDS
def test_the_limit_is_what_the_node_can_work_on(first: Duration, body: Duration) -> None:
    node = Node(16, first, body)
    node.run(30.0)
    assert 0.75 * 16 <= node.mean(4.0, 29.0) <= 1.5 * 16
    least, most = node.limits(5.0, 29.0)
    assert least >= 0.75 * 16 / 2  # while half of it is tried out
    assert most <= 1.6 * 16


@KINDS
def test_the_limit_follows_the_node_down_and_up(first: Duration, body: Duration) -> None:
    node = Node(16, first, body)
    node.run(20.0)
    node.slots = 4
    node.run(45.0)
    assert 0.75 * 4 <= node.mean(27.0, 44.0) <= 1.6 * 4
    node.slots = 16
    node.run(70.0)
    assert 0.75 * 16 <= node.mean(58.0, 69.0) <= 1.6 * 16


@pytest.mark.parametrize(
    "first", [between(0.002, 0.003), between(0.01, 0.03), exponential(0.01)], ids=["even", "by 3", "exponential"]
)
def test_bodies_of_seconds_take_longer_to_learn_from_but_end_at_the_same(first: Duration) -> None:
    node = Node(16, first, between(1.0, 3.0))
    node.run(300.0)
    assert node.limits(0.0, 299.0)[1] <= 1.6 * 16
    assert 0.75 * 16 <= node.mean(20.0, 299.0) <= 1.5 * 16
    assert node.done >= 0.85 * 300 * 16 / 2  # of what all slots could do, with the search at the start


def test_times_that_vary_much_do_not_take_a_limit_down_in_the_long_run() -> None:
    """Regression: with few answers a window, chance alone made times look long, and the limit fell to its floor."""
    node = Node(16, exponential(0.01), LARGE)
    node.run(200.0)
    assert 0.9 * 16 <= node.mean(20.0, 199.0) <= 1.2 * 16


@pytest.mark.parametrize("slots", [4, 200])
def test_small_and_large_nodes_are_found_out(slots: int) -> None:
    node = Node(slots, between(0.004, 0.006), SMALL)
    node.run(20.0)
    assert 0.75 * slots <= node.mean(4.0, 19.0) <= 1.6 * slots


def test_a_node_that_is_slower_for_its_own_reasons_is_sent_as_much() -> None:
    node = Node(16, between(0.004, 0.006), SMALL)
    node.run(20.0)
    before = node.mean(10.0, 19.0)
    node.first = between(0.012, 0.018)
    node.run(50.0)
    assert node.mean(22.0, 49.0) >= 0.9 * before
    assert node.mean(22.0, 49.0) <= 1.6 * 16


def test_a_node_that_becomes_faster_is_not_sent_more_than_it_can_work_on() -> None:
    node = Node(16, between(0.012, 0.018), SMALL)
    node.run(20.0)
    node.first = between(0.004, 0.006)
    node.run(29.0)
    assert node.limits(20.0, 28.0)[1] <= 2 * 16
    assert node.limits(23.0, 28.0)[1] <= 1.6 * 16  # once it was tried out how much of it is a queue


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    node = Node(100, between(0.004, 0.006), SMALL, clients=20)
    node.run(30.0)
    least, most = node.limits(2.0, 29.0)
    assert least == most == LEAST * 1.5**6


def feed(limit: AdaptiveLimit, time: float, start: float, windows: int) -> float:
    """As many windows of equal times, below 10 ms, of as many requests as are allowed; the time when they end."""
    now = start
    for _ in range(windows * LEAST_TIMES):
        now += 1.01 * WINDOW / LEAST_TIMES
        limit.observed(time, int(limit.limit), now)
    return now


def test_a_limit_is_met_by_growing_by_half_at_a_time() -> None:
    limit = AdaptiveLimit(0.0)
    assert limit.limit == LEAST
    feed(limit, 0.005, 0.0, 3)
    assert limit.limit == LEAST * 1.5**3


def test_slow_downs_of_one_window_count_once() -> None:
    limit = AdaptiveLimit(0.0)
    now = feed(limit, 0.005, 0.0, 5)
    before = limit.limit
    limit.slowed(now)
    limit.slowed(now + WINDOW / 2)
    assert limit.limit == pytest.approx(MOST_FALL * before)
    limit.slowed(now + 1.1 * WINDOW)
    assert limit.limit == pytest.approx(MOST_FALL**2 * before)


def test_after_a_slow_down_the_limit_grows_by_its_root() -> None:
    limit = AdaptiveLimit(0.0)
    now = feed(limit, 0.005, 0.0, 5)
    limit.slowed(now)
    before = limit.limit
    feed(limit, 0.005, now, 1)
    assert limit.limit == pytest.approx(before + before**0.5)


def test_other_bounds_hold_at_once() -> None:
    limit = AdaptiveLimit(0.0)
    limit.change(20.0, 30.0)
    assert limit.limit == 20.0
    feed(limit, 0.005, 0.0, 5)
    assert limit.limit == 30.0
    limit.change(2.0, 3.0)
    assert limit.limit == 3.0


def test_where_half_of_the_limit_is_no_faster_the_limit_is_as_before() -> None:
    limit = AdaptiveLimit(0.0)
    now = feed(limit, 0.002, 0.0, 5)
    before = limit.limit
    now = feed(limit, 0.008, now, 4)
    assert limit.limit == pytest.approx(before * MOST_FALL**4)
    now = feed(limit, 0.008, now, 1)
    assert limit.limit == before
    feed(limit, 0.008, now, 1)
    assert limit.limit == pytest.approx(before + before**0.5)  # this is usual now


def test_a_fall_is_compared_with_what_was_before_it_and_not_with_an_earlier_one() -> None:
    limit = AdaptiveLimit(0.0)
    now = feed(limit, 0.002, 0.0, 5)
    now = feed(limit, 0.008, now, 2)
    between_falls = limit.limit
    now = feed(limit, 0.0028, now, 20)  # neither grows nor falls
    assert limit.limit == between_falls
    feed(limit, 0.0048, now, 5)
    assert limit.limit == between_falls


def test_while_more_are_under_way_than_the_limit_nothing_is_learned() -> None:
    limit = AdaptiveLimit(0.0)
    now = feed(limit, 0.002, 0.0, 5)
    before = limit.limit
    for number in range(1, 100):
        limit.observed(0.008, int(before) + 2, now + number / 10)
    assert limit.limit == before


def test_answers_from_before_a_fall_say_nothing_of_it() -> None:
    limit = AdaptiveLimit(0.0)
    now = feed(limit, 0.005, 0.0, 5)
    limit.slowed(now)
    before = limit.limit
    for number in range(100):
        limit.observed(1.0, int(before), now + number / 100)  # each began before
    assert limit.limit == before


@given(st.lists(st.tuples(st.floats(0, 100), st.integers(0, 2000), st.floats(0, 10)), max_size=300), st.booleans())
def test_the_limit_never_leaves_its_bounds(answers: list[tuple[float, int, float]], slows: bool) -> None:
    limit = AdaptiveLimit(0.0, 5.0, 50.0)
    now = 0.0
    for first_byte, inflight, passed in answers:
        now += passed
        limit.observed(first_byte, inflight, now)
        if slows and inflight % 7 == 0:
            limit.slowed(now)
        assert 5.0 <= limit.limit <= 50.0


@pytest.mark.parametrize(
    "limit, priority, room",
    [
        (16, Priority.INTERACTIVE, 16.0),
        (20, Priority.NORMAL, 18.0),
        (16, Priority.BACKGROUND, 12.0),
        (1, Priority.BACKGROUND, 1.0),
        (1, Priority.NORMAL, 1.0),
    ],
)
def test_some_of_a_limit_is_kept_for_higher_classes(limit: float, priority: Priority, room: float) -> None:
    assert reserve(limit, priority) == room
