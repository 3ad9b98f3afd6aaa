import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.health.thresholds import Health, NodeState, Thresholds

UNKNOWN = Health(NodeState.UNKNOWN, since=0.0)
UP = Health(NodeState.UP, since=0.0)
DOWN = Health(NodeState.DOWN, since=0.0)


def states(health: Health, probes: str, thresholds: Thresholds) -> str:
    """The state after each probe of a string of + and -: u(p), d(own) or ? (unknown)."""
    shown = ""
    for now, mark in enumerate(probes, start=1):
        health = thresholds.after(health, mark == "+", float(now))
        shown += {NodeState.UP: "u", NodeState.DOWN: "d", NodeState.UNKNOWN: "?"}[health.state]
    return shown


@pytest.mark.parametrize(
    "start,probes,expected",
    [
        pytest.param(UNKNOWN, "+", "u", id="the first good probe proves a node"),
        pytest.param(UNKNOWN, "-", "d", id="the first bad probe takes it away"),
        pytest.param(UP, "---", "uud", id="fall bad probes in a row"),
        pytest.param(UP, "--+--+--", "uuuuuuuu", id="a good probe starts the count anew"),
        pytest.param(DOWN, "++", "du", id="rise good probes in a row"),
        pytest.param(DOWN, "+-+-+-", "dddddd", id="a flapping node stays away"),
        pytest.param(UNKNOWN, "+---++", "uuuddu", id="away and back"),
    ],
)
def test_states_turn_as_the_table_says(start: Health, probes: str, expected: str) -> None:
    assert states(start, probes, Thresholds(rise=2, fall=3)) == expected


def test_since_is_the_time_of_the_turn_and_stays_until_the_next() -> None:
    thresholds = Thresholds(rise=1, fall=2)
    health = thresholds.after(UNKNOWN, True, 10.0)
    assert health == Health(NodeState.UP, since=10.0)
    health = thresholds.after(health, False, 11.0)
    assert health == Health(NodeState.UP, since=10.0, streak=1)
    assert thresholds.after(health, False, 12.0) == Health(NodeState.DOWN, since=12.0)


@given(st.lists(st.booleans(), min_size=1), st.integers(1, 5), st.integers(1, 5))
def test_a_state_turns_only_after_enough_probes_in_a_row(probes: list[bool], rise: int, fall: int) -> None:
    thresholds, health, row = Thresholds(rise, fall), UNKNOWN, 0
    last: bool | None = None
    for now, is_good in enumerate(probes):
        before, health = health, thresholds.after(health, is_good, float(now))
        row = row + 1 if is_good is last else 1
        last = is_good
        if before.state not in (health.state, NodeState.UNKNOWN):
            assert row >= (rise if is_good else fall)
        if row >= max(rise, fall):
            assert health.state is (NodeState.UP if is_good else NodeState.DOWN)
