"""A breaker: every cell of its table, and how long it stays open."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.health import Ejection
from s3edge.health.breaker import Breaker, Signal, State

SETTINGS = Ejection(time=1.0, longest=60.0)
NEW = Breaker()
OPEN = NEW.after(Signal.TRIPPED, 100.0, SETTINGS)
PROBING = OPEN.after(Signal.TRIED, 102.0, SETTINGS)


@pytest.mark.parametrize(
    "before, signal, state",
    [
        (NEW, Signal.TRIPPED, State.OPEN),
        (OPEN, Signal.TRIED, State.PROBING),
        (PROBING, Signal.GOOD, State.CLOSED),
        (PROBING, Signal.BAD, State.OPEN),
        (PROBING, Signal.LEFT, State.OPEN),
    ],
)
def test_a_breaker_turns_as_the_table_says(before: Breaker, signal: Signal, state: State) -> None:
    after = before.after(signal, 103.0, SETTINGS)
    assert (after.state, after.since) == (state, 103.0)


@pytest.mark.parametrize(
    "before, signals",
    [
        (NEW, {Signal.TRIED, Signal.GOOD, Signal.BAD, Signal.LEFT}),
        (OPEN, {Signal.TRIPPED, Signal.GOOD, Signal.BAD, Signal.LEFT}),
        (PROBING, {Signal.TRIPPED, Signal.TRIED}),
    ],
)
def test_what_the_table_does_not_name_changes_nothing(before: Breaker, signals: set[Signal]) -> None:
    assert all(before.after(signal, 103.0, SETTINGS) is before for signal in signals)


def test_attempts_are_let_through_unless_it_is_open_or_one_is_under_way() -> None:
    assert NEW.may_try(0.0)
    assert (OPEN.may_try(100.999), OPEN.may_try(101.0)) == (False, True)
    assert not PROBING.may_try(1000.0)


def test_an_attempt_from_before_the_ejection_decides_nothing() -> None:
    assert not PROBING.is_decided_by(99.0)
    assert not PROBING.is_decided_by(101.999)
    assert PROBING.is_decided_by(102.0)
    assert not OPEN.is_decided_by(102.0)
    assert not NEW.is_decided_by(102.0)


def test_an_attempt_that_says_nothing_leaves_the_next_one_to_decide_at_once() -> None:
    left = PROBING.after(Signal.LEFT, 103.0, SETTINGS)
    assert left.may_try(103.0)
    assert left.ejections == PROBING.ejections


def lengths(settings: Ejection, times: int) -> list[float]:
    """How long the node is away, each time, if all that try it fail."""
    breaker, now, found = NEW.after(Signal.TRIPPED, 0.0, settings), 0.0, []
    for _ in range(times):
        found.append(breaker.until - now)
        now = breaker.until
        breaker = breaker.after(Signal.TRIED, now, settings).after(Signal.BAD, now, settings)
    return found


def test_each_ejection_lasts_twice_as_long_up_to_the_longest() -> None:
    assert lengths(SETTINGS, 9) == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert lengths(Ejection(time=5.0, longest=5.0), 3) == [5, 5, 5]
    assert lengths(Ejection(time=15.0, longest=60.0), 4) == [15, 30, 60, 60]


def away_after(served: float, ejections: int) -> float:
    """Seconds of the next ejection of a node that served so long after so many ejections in a row."""
    breaker = NEW.after(Signal.TRIPPED, 0.0, SETTINGS)
    for _ in range(ejections - 1):
        breaker = breaker.after(Signal.TRIED, 0.0, SETTINGS).after(Signal.BAD, 0.0, SETTINGS)
    breaker = breaker.after(Signal.TRIED, 0.0, SETTINGS).after(Signal.GOOD, 0.0, SETTINGS)
    return breaker.after(Signal.TRIPPED, served, SETTINGS).until - served


@pytest.mark.parametrize(
    "served, ejections, seconds",
    [
        (0.0, 1, 2.0),
        (59.9, 3, 8.0),
        (60.0, 3, 4.0),
        (120.0, 3, 2.0),
        (180.0, 3, 1.0),
        (1e6, 3, 1.0),
        (59.9, 50, 60.0),
        (60.0, 50, 32.0),  # those that did not make it longer need not be forgotten one by one
    ],
)
def test_one_ejection_is_forgotten_for_each_longest_that_the_node_served(
    served: float, ejections: int, seconds: float
) -> None:
    assert away_after(served, ejections) == pytest.approx(seconds)


@given(st.lists(st.tuples(st.sampled_from(list(Signal)), st.floats(0, 100))))
def test_an_ejection_is_never_shorter_than_the_first_nor_longer_than_the_longest(
    steps: list[tuple[Signal, float]],
) -> None:
    breaker, now = NEW, 0.0
    for signal, pause in steps:
        now += pause
        before, breaker = breaker, breaker.after(signal, now, SETTINGS)
        if breaker.state is State.OPEN and breaker is not before and signal is not Signal.LEFT:
            assert SETTINGS.time <= breaker.until - now + 1e-9 <= SETTINGS.longest + 2e-9
