"""A node as the edge sees it."""

import pytest

from s3edge.routing.node import Node, NodeState


def test_a_new_node_is_used_before_the_first_probe_has_ended() -> None:
    node = Node("a", "storage", "10.0.0.1", 9000)
    assert node.state is NodeState.UNKNOWN
    assert node.is_up
    assert (node.weight, node.inflight, node.addresses, node.is_tls) == (1, 0, (), False)


@pytest.mark.parametrize("state, is_up", [(NodeState.UNKNOWN, True), (NodeState.UP, True), (NodeState.DOWN, False)])
def test_only_a_node_that_is_down_gets_no_attempts(state: NodeState, is_up: bool) -> None:
    assert Node("a", "storage", "10.0.0.1", 9000, state=state).is_up is is_up


def test_nodes_are_told_apart_by_themselves_and_not_by_what_is_known_of_them() -> None:
    one, twin = (Node("a", "storage", "10.0.0.1", 9000) for _ in range(2))
    assert one != twin
    assert len({one, twin}) == 2
    one.inflight += 1
    assert one in {one}
