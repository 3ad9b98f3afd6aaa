from s3edge.health.presets import Verdict
from s3edge.health.status import NodeStatus
from s3edge.health.thresholds import Health, NodeState, Thresholds

GOOD = Verdict(True, "answered 200")
BAD = Verdict(False, "no answer within 1 s")


def new_node() -> NodeStatus:
    """A node that was not probed yet."""
    return NodeStatus("n1:9000", "http://n1:9000", "c", Thresholds(rise=1, fall=2), Health(NodeState.UNKNOWN, 0.0))


def test_a_probe_says_whether_it_turned_the_state() -> None:
    node = new_node()
    assert node.probed(GOOD, 1.0)
    assert not node.probed(GOOD, 2.0)
    assert not node.probed(BAD, 3.0)
    assert node.probed(BAD, 4.0)
    assert node.state is NodeState.DOWN


def test_probes_are_counted_and_the_last_one_is_kept() -> None:
    node = new_node()
    for verdict in (GOOD, GOOD, BAD):
        node.probed(verdict, 1.0)
    assert (node.probes_good, node.probes_bad, node.last_probe) == (2, 1, BAD)
