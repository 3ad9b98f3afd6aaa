from s3edge.admin.nodes import describe
from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import Thresholds
from s3edge.health.verdict import bad, draining, good, refused
from s3edge.telemetry.meter import Meter, Snapshot

THRESHOLDS = Thresholds(2, 3)


def new_node(name: str = "n1:9000") -> NodeStatus:
    """A node that was not probed yet, known since second 100."""
    return NodeStatus(name, f"http://{name}", "c", Probed(THRESHOLDS), 100.0)


def test_a_new_node_is_described_without_a_probe() -> None:
    [shown] = describe([new_node()], {}, now=100.26)
    assert shown == {
        "name": "n1:9000",
        "url": "http://n1:9000",
        "cluster": "c",
        "zone": None,
        "tier": 0,
        "weight": 1,
        "share": 0.0,
        "load_factor": 1.0,
        "state": "unknown",
        "state_seconds": 0.3,
        "reason": "not probed yet",
        "last_probe": "not probed yet",
        "last_deep_probe": None,
        "addresses": [],
        "inflight": 0,
        "attempts": 0,
        "ejected_by_workers": 0,
        "throttled_to": None,
    }


def test_a_probed_node_shows_the_reason_and_how_long_it_has_been_so() -> None:
    node = new_node()
    node.addresses = ("10.0.0.1", "10.0.0.2")
    node.probed(bad("no answer within 1 s"), 105.0)
    node.probed(good("answered 200"), 106.0)
    [shown] = describe([node], {}, now=165.0)
    assert (shown["state"], shown["state_seconds"], shown["reason"]) == ("down", 60.0, "no answer within 1 s")
    assert shown["last_probe"] == "good: answered 200"
    assert shown["addresses"] == ["10.0.0.1", "10.0.0.2"]


def test_a_deep_probe_is_shown_beside_the_other() -> None:
    node = new_node()
    node.deep = Probed(THRESHOLDS)
    assert describe([node], {}, now=100.0)[0]["last_deep_probe"] == "not probed yet"
    node.probed(draining("maintenance mode is ON"), 101.0)
    node.probed_deeply(refused("PUT 403 AccessDenied"), 102.0)
    [shown] = describe([node], {}, now=103.0)
    assert (shown["state"], shown["last_probe"]) == ("draining", "draining: maintenance mode is ON")
    assert shown["last_deep_probe"] == "refused: PUT 403 AccessDenied"


def test_where_a_node_stands_and_what_it_is_given_is_shown() -> None:
    node = new_node()
    node.zone, node.tier, node.weight, node.share = "rack-2", 1, 4, 0.5
    share: Snapshot = {"s3edge_node_share": [(["c", "n0:9000"], 0.8), (["c", "n1:9000"], 0.2)]}
    [shown] = describe([node], share, now=100.0)
    assert (shown["zone"], shown["tier"], shown["weight"]) == ("rack-2", 1, 4)
    assert (shown["share"], shown["load_factor"]) == (0.2, 0.5)


def test_attempts_are_added_up_for_each_node() -> None:
    meter = Meter()
    for node, outcome in (("n1:9000", "complete"), ("n1:9000", "failed"), ("n2:9000", "complete")):
        meter.attempt(node, outcome)
    meter.gauge("s3edge_node_inflight", ("n2:9000",), lambda: 4)
    one, two = describe([new_node("n1:9000"), new_node("n2:9000")], meter.snapshot(), now=100.0)
    assert (one["attempts"], one["inflight"]) == (2, 0)
    assert (two["attempts"], two["inflight"]) == (1, 4)


def test_what_workers_hold_against_a_node_is_shown() -> None:
    meter = Meter()
    meter.gauge("s3edge_node_ejected", ("n1:9000",), lambda: 1)
    meter.gauge("s3edge_node_throttle_rate", ("n1:9000",), lambda: 37.5)
    [node] = describe([new_node("n1:9000")], meter.snapshot(), now=100.0)
    assert (node["ejected_by_workers"], node["throttled_to"]) == (1, 37)
