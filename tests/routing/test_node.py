"""A node as the edge sees it."""

from s3edge.routing.node import Node


def test_a_new_node_is_used_before_the_first_probe_has_ended() -> None:
    node = Node("a", "storage", "10.0.0.1", 9000)
    assert node.is_up
    assert (node.weight, node.inflight, node.addresses, node.is_tls) == (1, 0, (), False)


def test_nodes_are_told_apart_by_themselves_and_not_by_what_is_known_of_them() -> None:
    one, twin = (Node("a", "storage", "10.0.0.1", 9000) for _ in range(2))
    assert one != twin
    assert len({one, twin}) == 2
    known = {one: "one"}
    one.inflight += 1
    assert known[one] == "one"
