"""Throttles: a node that refuses is asked for just what it takes. The nodes here are played in simulated time."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.resilience.throttle import HOLD_OFF, LEAST_RATE, NEEDED_FOR, SLACK, Throttle

CAPACITY = 400


class Limit(Protocol):
    """How a node counts."""

    def takes(self, now: float) -> bool:
        """Whether it takes an attempt now."""


class Bucket:
    """400 tokens a second, of which 40 may be saved."""

    def __init__(self, phase: float) -> None:
        self._tokens = 40 * phase
        self._seen = 0.0

    def takes(self, now: float) -> bool:
        self._tokens = min(40, self._tokens + (now - self._seen) * CAPACITY)
        self._seen = now
        is_taken = self._tokens >= 1
        self._tokens -= is_taken
        return is_taken


class Window:
    """400 in each second, of which the first began `phase` seconds ago."""

    def __init__(self, phase: float) -> None:
        self._phase = phase
        self._second = -1
        self._count = 0

    def takes(self, now: float) -> bool:
        second = int(now + self._phase)
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= CAPACITY


@dataclass
class Outcome:
    good: int = 0
    refused: int = 0


@dataclass
class Scene:
    """64 clients without an end of requests before throttled nodes: one queue, and a timer that is up to 10 ms late."""

    limits: Sequence[Limit]
    throttles: Sequence[Throttle]
    rng: Random = field(default_factory=lambda: Random(1))
    ends: list[tuple[float, int, bool]] = field(default_factory=list)  # of attempts: when, of which node, whether taken
    idle: int = 64
    wakes: float = 0.0

    def run(self, start: float, end: float) -> Outcome:
        """What became of the attempts that ended between these times, of all until `end`."""
        outcome = Outcome()
        while (now := min(self.wakes, self.ends[0][0] if self.ends else self.wakes)) < end:
            if self.ends and self.ends[0][0] == now:
                _, node, is_good = heapq.heappop(self.ends)
                self.idle += 1
                (self.throttles[node].answered if is_good else self.throttles[node].slowed)(now)
                outcome.good += is_good and now >= start
                outcome.refused += not is_good and now >= start
            self.wakes = float("inf")
            while self.idle and self.wakes == float("inf"):
                self._attempt(now)
        return outcome

    def _attempt(self, now: float) -> None:
        """One attempt goes to the node that can take one soonest, or a timer is set for that."""
        delays = [throttle.delay(now) for throttle in self.throttles]
        node = min(range(len(delays)), key=lambda number: (delays[number], self.rng.random()))
        if delays[node]:
            self.wakes = now + delays[node] + self.rng.uniform(0, 0.01)
            return
        self.throttles[node].take(now)
        self.idle -= 1
        is_good = self.limits[node].takes(now)
        heapq.heappush(self.ends, (now + self.rng.uniform(0.001, 0.003 + 0.005 * is_good), node, is_good))


def scene(kind: type[Bucket] | type[Window], phases: Sequence[float], guess: float) -> Scene:
    """Nodes that have just refused for the first time, of which `guess` times the true capacity was measured."""
    throttles = [Throttle(0.0, guess * CAPACITY) for _ in phases]
    for throttle in throttles:
        throttle.slowed(0.0)
    return Scene([kind(phase) for phase in phases], throttles)


KINDS = pytest.mark.parametrize("kind", [Bucket, Window])


@KINDS
@pytest.mark.parametrize("guess", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("phase", [0.0, 0.6])
def test_a_node_that_refuses_is_soon_asked_for_what_it_takes(
    kind: type[Bucket] | type[Window], guess: float, phase: float
) -> None:
    outcome = scene(kind, [phase], guess).run(2.0, 32.0)
    assert outcome.good >= 0.98 * 30 * CAPACITY
    assert outcome.refused <= 0.03 * (outcome.good + outcome.refused)


@KINDS
@pytest.mark.parametrize("guess", [0.5, 2.0])
def test_four_nodes_behind_one_queue_give_all_they_have(kind: type[Bucket] | type[Window], guess: float) -> None:
    outcome = scene(kind, [0.0, 0.3, 0.5, 0.8], guess).run(2.0, 17.0)
    assert outcome.good >= 0.98 * 4 * 15 * CAPACITY
    assert outcome.refused <= 0.03 * (outcome.good + outcome.refused)


@KINDS
def test_a_limit_that_moves_is_found_again(kind: type[Bucket] | type[Window]) -> None:
    stage = scene(kind, [0.0], 10.0)  # the node takes a tenth of what it took, as if others used it now
    outcome = stage.run(4.0, 14.0)
    assert outcome.good >= 0.96 * 10 * CAPACITY
    assert outcome.refused <= 0.03 * (outcome.good + outcome.refused)


class Closed:
    """Takes nothing before its time."""

    def __init__(self, until: float) -> None:
        self._until = until
        self._open = Bucket(1.0)

    def takes(self, now: float) -> bool:
        return now >= self._until and self._open.takes(now)


def test_a_node_that_takes_nothing_is_asked_a_few_times_a_second_and_used_again_when_it_does() -> None:
    throttle = Throttle(0.0, CAPACITY)
    stage = Scene([Closed(5.0)], [throttle])
    assert stage.run(2.0, 5.0).refused <= 3 * LEAST_RATE
    assert throttle.rate == LEAST_RATE
    # Nobody knows why it refused; so it takes a while until its limit is looked for.
    assert stage.run(23.0, 33.0).good >= 0.98 * 10 * CAPACITY


# Pacing.


def test_attempts_go_one_by_one_at_the_rate() -> None:
    throttle = Throttle(10.0, 100.0)
    now = 10.0
    gone: list[float] = []
    while len(gone) < 50:
        now += throttle.delay(now)
        throttle.take(now)
        gone.append(now)
    assert gone == [pytest.approx(10.0 + number / 100) for number in range(50)]


def test_attempts_that_are_late_catch_up_but_not_on_more_than_the_slack() -> None:
    throttle = Throttle(0.0, 100.0)
    burst = 0
    while throttle.delay(60.0) == 0:
        throttle.take(60.0)
        burst += 1
    assert burst == SLACK * 100 + 1
    assert throttle.delay(60.0) == pytest.approx(0.01)


@given(st.floats(0, 1e9), st.floats(1, 1e5), st.integers(1, 50))
def test_who_waits_for_the_delay_may_go_then(start: float, rate: float, attempts: int) -> None:
    """Regression: what was left of a delay by rounding could not be waited for, and a loop spun for ever."""
    throttle, now = Throttle(start, rate), start
    for _ in range(attempts):
        now += throttle.delay(now)
        assert throttle.delay(now) == 0
        throttle.take(now)


# The rate.


def test_refusals_within_one_hold_off_count_as_one() -> None:
    throttle = Throttle(0.0, 100.0)
    throttle.slowed(0.0)
    assert throttle.rate == 100.0  # it was made for this one
    for number in range(20):
        throttle.slowed(HOLD_OFF + number / 100)
    once = throttle.rate
    assert once == pytest.approx(75.0)  # of the last second, a quarter brought no good answer
    throttle.slowed(2 * HOLD_OFF)
    assert throttle.rate < once


def test_one_fall_leaves_at_least_half() -> None:
    throttle = Throttle(0.0, 100.0)
    throttle.slowed(5.0)
    assert throttle.rate == 50.0


def test_a_fall_is_felt_even_if_nearly_all_attempts_were_taken() -> None:
    throttle = Throttle(0.0, 100.0)
    throttle.slowed(HOLD_OFF)
    for number in range(200):
        throttle.answered(1.0 + number / 200)
    before = throttle.rate
    throttle.slowed(2.0)
    assert throttle.rate == pytest.approx(0.98 * before)


@pytest.mark.parametrize("answers", [1, 10, 1000])
def test_the_rate_rises_with_time_and_not_with_answers(answers: int) -> None:
    throttle = Throttle(0.0, 100.0)
    throttle.slowed(0.5)
    before = throttle.rate
    throttle.take(0.5)
    for number in range(1, answers + 1):
        throttle.answered(0.5 + 0.5 * number / answers)
    assert throttle.rate == pytest.approx(before * 1.005, rel=1e-4)


def test_a_rate_that_nobody_wants_does_not_rise() -> None:
    throttle = Throttle(0.0, 100.0)
    for second in range(1, 60):
        throttle.take(float(second))
        throttle.answered(second + 0.01)
    assert throttle.rate == 100.0


def test_after_ten_quiet_seconds_of_demand_the_limit_is_looked_for() -> None:
    throttle = Throttle(0.0, 100.0)
    throttle.slowed(1.0)
    now, rates = 1.0, []
    for second in range(2, 14):
        while now < second:
            now += throttle.delay(now)
            throttle.take(now)
            throttle.answered(now)
        rates.append(throttle.rate)
    assert rates[8] == pytest.approx(rates[0] * 1.01**8, rel=0.01)
    assert rates[11] == pytest.approx(rates[10] * 2, rel=0.05)


# When it is not needed any more.


def test_a_throttle_is_needed_while_attempts_wait_for_it_and_ten_seconds_more() -> None:
    throttle = Throttle(0.0, 100.0)
    for number in range(1000):
        throttle.take(number / 100)
    assert throttle.is_needed(10.0)
    assert throttle.is_needed(9.99 + NEEDED_FOR - 0.01)
    assert not throttle.is_needed(10.0 + NEEDED_FOR)


def test_a_throttle_far_above_demand_is_not_needed() -> None:
    throttle = Throttle(0.0, 100.0)
    for number in range(1, 500):
        throttle.take(number / 25)
    assert not throttle.is_needed(20.0)


def test_a_refusal_shows_that_the_throttle_is_needed() -> None:
    throttle = Throttle(0.0, 100.0)
    throttle.slowed(15.0)
    assert throttle.is_needed(15.0 + NEEDED_FOR - 0.1)
