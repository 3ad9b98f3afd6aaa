import pytest

from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import NodeState, Thresholds
from s3edge.health.verdict import Sign, Verdict, bad, draining, good, refused

GOOD = good("answered 200")
BAD = bad("no answer within 1 s")
THRESHOLDS = Thresholds(rise=1, fall=2)


def new_node(name: str = "n1:9000", *, has_deep: bool = False) -> NodeStatus:
    """A node that was not probed yet."""
    deep = Probed(THRESHOLDS) if has_deep else None
    return NodeStatus(name, f"http://{name}", "c", Probed(THRESHOLDS), 0.0, deep)


def test_a_probe_says_whether_it_turned_the_state() -> None:
    node = new_node()
    assert node.probed(GOOD, 1.0)
    assert not node.probed(GOOD, 2.0)
    assert not node.probed(BAD, 3.0)
    assert node.probed(BAD, 4.0)
    assert node.state is NodeState.DOWN


def test_probes_are_counted_by_their_sign_and_the_last_one_is_kept() -> None:
    node = new_node()
    for verdict in (GOOD, GOOD, BAD):
        node.probed(verdict, 1.0)
    assert node.shallow.counts == {Sign.GOOD: 2, Sign.BAD: 1}
    assert node.shallow.last == BAD


def test_a_state_has_its_time_and_its_reason_until_the_next_one() -> None:
    node = new_node()
    assert (node.state, node.reason) == (NodeState.UNKNOWN, "not probed yet")
    for now, verdict in ((1.0, GOOD), (2.0, BAD), (3.0, BAD), (4.0, bad("answered 500"))):
        node.probed(verdict, now)
    assert (node.state, node.since, node.reason) == (NodeState.DOWN, 3.0, "no answer within 1 s")


def test_a_node_that_drains_says_so_as_its_reason() -> None:
    node = new_node()
    assert node.probed(draining("maintenance mode is ON"), 1.0)
    assert (node.state, node.reason) == (NodeState.DRAINING, "maintenance mode is ON")


def test_what_the_operator_drains_stays_drained_whatever_the_probes_say() -> None:
    node = new_node()
    node.probed(GOOD, 1.0)
    assert node.set_drained(True, 2.0)
    assert not node.set_drained(True, 3.0)
    for verdict in (BAD, BAD, GOOD, draining("drains")):
        assert not node.probed(verdict, 4.0)
    assert (node.state, node.since, node.reason) == (NodeState.DRAINED, 2.0, "drained by the operator")


def test_a_node_that_is_undrained_is_what_the_probes_said_in_the_meantime() -> None:
    node = new_node()
    node.probed(GOOD, 1.0)
    node.set_drained(True, 2.0)
    for _ in range(2):
        node.probed(BAD, 3.0)
    assert node.set_drained(False, 4.0)
    assert (node.state, node.since, node.reason) == (NodeState.DOWN, 4.0, "no answer within 1 s")
    assert not node.set_drained(False, 5.0)


@pytest.mark.parametrize(
    "shallow,deep,state",
    [
        pytest.param([GOOD], [], NodeState.UP, id="a deep probe without a result has no say"),
        pytest.param([], [GOOD], NodeState.UNKNOWN, id="nor does it prove a node alone"),
        pytest.param([GOOD], [GOOD], NodeState.UP, id="both"),
        pytest.param([GOOD], [GOOD, BAD], NodeState.UP, id="one bad deep probe"),
        pytest.param([GOOD], [GOOD, BAD, BAD], NodeState.DOWN, id="fall bad deep probes"),
        pytest.param([GOOD], [GOOD, BAD, BAD, GOOD], NodeState.UP, id="rise good ones bring it back"),
        pytest.param([GOOD, BAD, BAD], [GOOD], NodeState.DOWN, id="the other kind fails"),
        pytest.param([], [BAD], NodeState.DOWN, id="the deep probe is the first"),
        pytest.param([draining("drains")], [BAD], NodeState.DRAINING, id="the node's own wish before its faults"),
        pytest.param([GOOD], [refused("PUT 403")], NodeState.UP, id="a refused deep probe has no say"),
        pytest.param([GOOD], [BAD, BAD, refused("PUT 403")], NodeState.UP, id="not even after bad ones"),
    ],
)
def test_a_node_is_up_only_if_neither_kind_of_probe_speaks_against_it(
    shallow: list[Verdict], deep: list[Verdict], state: NodeState
) -> None:
    node = new_node(has_deep=True)
    for verdict in shallow:
        node.probed(verdict, 1.0)
    for verdict in deep:
        node.probed_deeply(verdict, 2.0)
    assert node.state is state


def test_the_reason_tells_which_kind_of_probe_took_the_node_away() -> None:
    node = new_node(has_deep=True)
    node.probed(GOOD, 1.0)
    assert node.probed_deeply(bad("PUT 500 InternalError"), 2.0)
    assert (node.state, node.reason) == (NodeState.DOWN, "deep probe: PUT 500 InternalError")


def test_a_deep_result_for_a_node_without_deep_probes_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="n1:9000 has no deep probe"):
        new_node().probed_deeply(GOOD, 1.0)


def test_a_refusal_speaks_against_a_node_only_if_a_peer_lets_the_same_probe_do_its_work() -> None:
    one, two = new_node("n1:9000", has_deep=True), new_node("n2:9000", has_deep=True)
    refusal = refused("PUT 403 AccessDenied")
    assert one.judge_alone(refusal, (one, two)) == refusal
    two.probed_deeply(refusal, 1.0)
    assert one.judge_alone(refusal, (one, two)) == refusal
    two.probed_deeply(GOOD, 2.0)
    assert one.judge_alone(refusal, (one, two)) == bad("PUT 403 AccessDenied")
    assert two.judge_alone(refusal, (one, two)) == refusal
