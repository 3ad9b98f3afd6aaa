from typing import Literal

import pytest

from s3edge.health.status import NodeStatus, Probed
from s3edge.health.thresholds import NodeState, Thresholds
from s3edge.qos.activity import Source
from s3edge.qos.jump import Rates
from s3edge.qos.runaway import SourceState, SourceStatus, Verdict
from s3edge.server.figures import share_figures, source_figures
from s3edge.telemetry.meter import Snapshot


def node(name: str, state: NodeState = NodeState.UP, cluster: str = "c") -> NodeStatus:
    return NodeStatus(name, f"http://{name}", cluster, Probed(Thresholds(rise=1, fall=1)), 0.0, state=state)


def shares(nodes: list[NodeStatus], counted: Snapshot, workers: int = 2) -> dict[str, float]:
    samples = share_figures(nodes, counted, workers)["s3edge_node_share"]
    return {labels[1]: value for labels, value in samples if not isinstance(value, list)}


WEIGHTS: Snapshot = {"s3edge_node_weight": [(["n1"], 2.0), (["n2"], 4.0), (["n3"], 2.0)]}


def test_the_shares_of_a_cluster_are_its_nodes_weights_and_add_up_to_one() -> None:
    assert shares([node("n1"), node("n2"), node("n3")], WEIGHTS) == {"n1": 0.25, "n2": 0.5, "n3": 0.25}
    assert shares([node("n1"), node("n2"), node("n3", cluster="other")], WEIGHTS)["n3"] == 1.0


@pytest.mark.parametrize("state", [NodeState.DOWN, NodeState.DRAINING, NodeState.DRAINED])
def test_a_node_that_may_not_be_used_has_no_share(state: NodeState) -> None:
    assert shares([node("n1"), node("n2", state), node("n3")], WEIGHTS) == {"n1": 0.5, "n2": 0.0, "n3": 0.5}


def test_a_node_that_some_workers_ejected_has_the_share_that_the_others_give_it() -> None:
    counted: Snapshot = {**WEIGHTS, "s3edge_node_ejected": [(["n2"], 1)]}
    assert shares([node("n1"), node("n2")], counted) == {"n1": 0.5, "n2": 0.5}
    counted = {**WEIGHTS, "s3edge_node_ejected": [(["n2"], 2)]}
    assert shares([node("n1"), node("n2")], counted) == {"n1": 1.0, "n2": 0.0}


def test_before_any_worker_has_told_its_weights_nobody_has_a_share() -> None:
    assert shares([node("n1"), node("n2")], {}, workers=0) == {"n1": 0.0, "n2": 0.0}


def status(kind: Literal["tenant", "client"], name: str, state: SourceState) -> SourceStatus:
    verdict = Verdict(Source(kind, name), state, 0, None, None, "")
    return SourceStatus(verdict, 0.0, Rates(), Rates(), is_new=False)


def test_only_tenants_that_the_guard_or_the_operator_does_something_about_are_shown_by_name() -> None:
    figures = source_figures(
        [
            status("tenant", "calm", SourceState.NORMAL),
            status("tenant", "wild", SourceState.THROTTLED),
            status("tenant", "seen", SourceState.OBSERVED),
            status("tenant", "held", SourceState.PINNED),
            status("client", "10.0.0.7", SourceState.THROTTLED),
        ]
    )
    assert figures["s3edge_tenant_guarded"] == [
        (["wild", "throttled"], 1),
        (["seen", "observed"], 1),
        (["held", "pinned"], 1),
    ]
    assert (["client", "throttled"], 1) in figures["s3edge_sources"]
