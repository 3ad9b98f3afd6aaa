import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.health.thresholds import Health, NodeState, Thresholds
from s3edge.health.verdict import Sign

UNKNOWN, UP, DOWN, DRAINING = (
    Health(state) for state in (NodeState.UNKNOWN, NodeState.UP, NodeState.DOWN, NodeState.DRAINING)
)
SIGNS = {"+": Sign.GOOD, "-": Sign.BAD, "/": Sign.DRAINING, "x": Sign.REFUSED}
LETTERS = {NodeState.UP: "u", NodeState.DOWN: "d", NodeState.UNKNOWN: "?", NodeState.DRAINING: "g"}


def states(health: Health, probes: str, thresholds: Thresholds) -> str:
    """The state after each probe of a string: u(p), d(own), g(oing, which is draining) or ? (unknown)."""
    shown = ""
    for mark in probes:
        health = thresholds.after(health, SIGNS[mark])
        shown += LETTERS[health.state]
    return shown


@pytest.mark.parametrize(
    "start,probes,expected",
    [
        pytest.param(UNKNOWN, "+", "u", id="the first good probe proves a node"),
        pytest.param(UNKNOWN, "-", "d", id="the first bad probe takes it away"),
        pytest.param(UNKNOWN, "/", "g", id="the first probe may find it draining"),
        pytest.param(UP, "---", "uud", id="fall bad probes in a row"),
        pytest.param(UP, "--+--+--", "uuuuuuuu", id="a good probe starts the count anew"),
        pytest.param(DOWN, "++", "du", id="rise good probes in a row"),
        pytest.param(DOWN, "+-+-+-", "dddddd", id="a flapping node stays away"),
        pytest.param(UNKNOWN, "+---++", "uuuddu", id="away and back"),
        pytest.param(UP, "/", "g", id="a node that drains is believed at once"),
        pytest.param(DOWN, "/", "g", id="a dead node that drains has come back to life"),
        pytest.param(DRAINING, "++", "gu", id="a drained node comes back after rise"),
        pytest.param(DRAINING, "+/+/", "gggg", id="it stays while it says so now and then"),
        pytest.param(DRAINING, "---", "ggd", id="a drained node that is switched off"),
        pytest.param(DRAINING, "-+--+--", "ggggggg", id="good and bad probes are counted apart"),
        pytest.param(UP, "--/--", "uuggg", id="the count begins anew in a new state"),
        pytest.param(UP, "x", "?", id="a refused probe knows nothing"),
        pytest.param(DOWN, "x-", "?d", id="and the next one decides alone"),
    ],
)
def test_states_turn_as_the_table_says(start: Health, probes: str, expected: str) -> None:
    assert states(start, probes, Thresholds(rise=2, fall=3)) == expected


def test_only_up_and_unknown_nodes_are_usable() -> None:
    assert [state for state in NodeState if state.is_usable] == [NodeState.UNKNOWN, NodeState.UP]


@given(st.lists(st.booleans(), min_size=1), st.integers(1, 5), st.integers(1, 5))
def test_a_state_turns_only_after_enough_probes_in_a_row(probes: list[bool], rise: int, fall: int) -> None:
    thresholds, health, row = Thresholds(rise, fall), UNKNOWN, 0
    last: bool | None = None
    for is_good in probes:
        before, health = health, thresholds.after(health, Sign.GOOD if is_good else Sign.BAD)
        row = row + 1 if is_good is last else 1
        last = is_good
        if before.state not in (health.state, NodeState.UNKNOWN):
            assert row >= (rise if is_good else fall)
        if row >= max(rise, fall):
            assert health.state is (NodeState.UP if is_good else NodeState.DOWN)


@given(st.lists(st.sampled_from(Sign)), st.integers(1, 5), st.integers(1, 5))
def test_the_last_word_of_a_node_that_drains_counts_whatever_came_before(
    signs: list[Sign], rise: int, fall: int
) -> None:
    thresholds, health = Thresholds(rise, fall), UNKNOWN
    for sign in (*signs, Sign.DRAINING):
        health = thresholds.after(health, sign)
    assert health == DRAINING
