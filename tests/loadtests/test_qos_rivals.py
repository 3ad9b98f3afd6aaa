from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from loadtests import exact_limits, fair_shares, live_reload, log_cost, many_tenants, qos_cost, runaway, scrape
from loadtests.qos_rivals import Edge, write_edge, write_policy
from s3edge.config.load import load


@dataclass(frozen=True)
class Node:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


NODES = [Node(9001), Node(9002)]
EDGES = {
    "nothing": Edge(),
    "runaway, capped": runaway.CAPPED,
    "runaway, adaptive": runaway.ADAPTIVE,
    **{trial.title: trial.edge for trial in fair_shares.trials()},
    "exact limits": exact_limits.edge(4),
    **many_tenants.EDGES,
    **qos_cost.EDGES,
    **log_cost.EDGES,
    "live reload": live_reload.EDGE,
    "scrape": scrape.EDGE,
}


@pytest.mark.parametrize("edge", EDGES.values(), ids=EDGES)
def test_s3edge_reads_what_it_is_told(edge: Edge, tmp_path: Path) -> None:
    config = load(write_edge(edge, NODES, (9000, 9090), tmp_path), {})
    assert [tenant.name for tenant in config.tenants] == list(edge.tenants)
    assert [policy.name for policy in config.policies] == [policy["policy"] for policy in edge.policies]
    assert config.workers == edge.workers


def test_what_a_tenant_is_told_arrives_at_its_policy(tmp_path: Path) -> None:
    config = load(write_edge(runaway.CAPPED, NODES, (9000, 9090), tmp_path), {})
    (cluster,) = config.clusters
    assert cluster.capacity.node.concurrency == 16
    rag, training = config.policies
    assert (rag.priority, training.priority) == ("interactive", "background")
    assert training.limits is not None
    assert training.limits.concurrency == 32
    assert config.tenants[1].access_keys == ("AKTRAINING",)


def test_a_policy_is_replaced_as_a_whole(tmp_path: Path) -> None:
    policies: list[dict[str, Any]] = [{"policy": "old", "weight": 1}, {"policy": "other", "priority": "normal"}]
    file = write_edge(Edge(policies=policies), NODES, (9000, 9090), tmp_path)
    write_policy({"policy": "new", "weight": 3}, 0, tmp_path)
    assert [(policy.name, policy.weight) for policy in load(file, {}).policies] == [("new", 3.0), ("other", None)]
