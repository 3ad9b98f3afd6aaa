from s3edge.admin.nodes import describe
from s3edge.health.presets import Verdict
from s3edge.health.status import NodeStatus
from s3edge.health.thresholds import Health, NodeState, Thresholds
from s3edge.telemetry.meter import Meter


def new_node(name: str = "n1:9000") -> NodeStatus:
    """A node that was not probed yet, known since second 100."""
    return NodeStatus(name, f"http://{name}", "c", Thresholds(2, 3), Health(NodeState.UNKNOWN, 100.0))


def test_a_new_node_is_described_without_a_probe() -> None:
    [shown] = describe([new_node()], {}, now=100.26)
    assert shown == {
        "name": "n1:9000",
        "url": "http://n1:9000",
        "cluster": "c",
        "state": "unknown",
        "state_seconds": 0.3,
        "last_probe": "not probed yet",
        "addresses": [],
        "inflight": 0,
        "attempts": 0,
    }


def test_a_probed_node_shows_the_reason_and_how_long_it_has_been_so() -> None:
    node = new_node()
    node.addresses = ("10.0.0.1", "10.0.0.2")
    node.probed(Verdict(False, "no answer within 1 s"), 105.0)
    [shown] = describe([node], {}, now=165.0)
    assert (shown["state"], shown["state_seconds"]) == ("down", 60.0)
    assert shown["last_probe"] == "bad: no answer within 1 s"
    assert shown["addresses"] == ["10.0.0.1", "10.0.0.2"]


def test_attempts_are_added_up_for_each_node() -> None:
    meter = Meter()
    for node, outcome in (("n1:9000", "complete"), ("n1:9000", "failed"), ("n2:9000", "complete")):
        meter.attempt(node, outcome)
    meter.gauge("s3edge_node_inflight", ("n2:9000",), lambda: 4)
    one, two = describe([new_node("n1:9000"), new_node("n2:9000")], meter.snapshot(), now=100.0)
    assert (one["attempts"], one["inflight"]) == (2, 0)
    assert (two["attempts"], two["inflight"]) == (1, 4)
