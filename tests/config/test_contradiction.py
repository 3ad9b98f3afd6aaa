"""Limits and capacities that keep each other from being reached."""

import pytest

from s3edge.config.contradiction import contradictions
from s3edge.config.reading import read_document


def contradictions_of(text: str) -> list[str]:
    return [str(fault) for fault in contradictions(read_document(text, "f", {"RATE": "6/s"}))]


def of_policy(limits: str) -> list[str]:
    prefix, suffix = "f:2: policies[0].limits.", "; allowed: at most what holds for all of it together"
    return [
        fault.removeprefix(prefix).removesuffix(suffix).replace("policies[0].limits.", "")
        for fault in contradictions_of(f"policies:\n- limits: {limits}")
    ]


@pytest.mark.parametrize(
    "limits",
    [
        "{}",
        "{requests: {all: 5/s, read: 5/s, write: 300/m, list: 1/s}}",
        "{requests: {read: 5/s, write: 9/s}, per_client: {requests: {all: 9/s, read: 5/s}}}",
        "{requests: 5/s, bandwidth: 1MiB/s, concurrency: 4, per_client: {requests: 5/s, concurrency: 4, burst: 1s}}",
        "{bandwidth: {sent: 1MiB/s}, per_bucket: {bandwidth: {received: 2MiB/s}}}",
        "{per_client: {requests: 5/s}, per_bucket: {requests: 6/s}}",
    ],
)
def test_limits_that_can_all_be_reached_do_not_contradict_each_other(limits: str) -> None:
    assert of_policy(limits) == []


@pytest.mark.parametrize(
    "limits, fault",
    [
        (
            "{requests: {all: 5/s, list: 6/s}}",
            'requests.list: found "6/s", which is above the "5/s" of requests.all (f:2)',
        ),
        (
            "{requests: 5/s, per_client: {requests: 301/m}}",
            'per_client.requests: found "301/m", which is above the "5/s" of requests (f:2)',
        ),
        (
            "{requests: {all: 5/s}, per_bucket: {requests: {write: 6/s}}}",
            'per_bucket.requests.write: found "6/s", which is above the "5/s" of requests.all (f:2)',
        ),
        (
            "{requests: {read: 2/s}, per_client: {requests: {all: 5/s, read: 6/s}}}",
            'per_client.requests.read: found "6/s", which is above the "5/s" of per_client.requests.all (f:2)',
        ),
        (
            "{bandwidth: 1MiB/s, per_client: {bandwidth: 2MiB/s}}",
            'per_client.bandwidth: found "2MiB/s", which is above the "1MiB/s" of bandwidth (f:2)',
        ),
        (
            "{bandwidth: {sent: 1MiB/s}, per_client: {bandwidth: 2MiB/s}}",
            'per_client.bandwidth: found "2MiB/s", which is above the "1MiB/s" of bandwidth.sent (f:2)',
        ),
        (
            "{concurrency: 4, per_bucket: {concurrency: 5}}",
            "per_bucket.concurrency: found 5, which is above the 4 of concurrency (f:2)",
        ),
        (
            "{connections: 4, per_client: {connections: 5}}",
            "per_client.connections: found 5, which is above the 4 of connections (f:2)",
        ),
        (
            "{requests: 5/s, per_client: {requests: '${RATE}'}}",
            'per_client.requests: found the value of "${RATE}", which is above the "5/s" of requests (f:2)',
        ),
    ],
)
def test_a_limit_that_another_one_hides_is_named_once_with_both_places(limits: str, fault: str) -> None:
    assert of_policy(limits) == [fault]


def test_the_limits_of_the_whole_edge_are_compared_too() -> None:
    assert contradictions_of("limits:\n  concurrency: 4\n  per_client:\n    concurrency: 5") == [
        "f:4: limits.per_client.concurrency: found 5, which is above the 4 of limits.concurrency (f:2); "
        "allowed: at most what holds for all of it together"
    ]


def test_a_limit_of_a_policy_may_be_above_that_of_the_edge() -> None:
    assert contradictions_of("limits: {concurrency: 4}\npolicies: [{limits: {concurrency: 5}}]") == []


@pytest.mark.parametrize(
    "capacity, keys",
    [
        ("{concurrency: 8, node: {concurrency: 9}}", ["concurrency"]),
        ("{concurrency: 8, bandwidth: 1MB/s, node: {concurrency: 9, bandwidth: 2MB/s}}", ["concurrency", "bandwidth"]),
        ("{concurrency: 8, bandwidth: 1MB/s, node: {concurrency: 8, bandwidth: 1MB/s}}", []),
        ("{concurrency: 8, node: {concurrency: adaptive}}", []),
        ("{node: {concurrency: 9}}", []),
    ],
)
def test_a_node_that_takes_more_than_its_cluster_is_named(capacity: str, keys: list[str]) -> None:
    found = contradictions_of(f"clusters:\n- capacity: {capacity}")
    assert [fault.split(":")[2].strip() for fault in found] == [f"clusters[0].capacity.node.{key}" for key in keys]


def test_a_section_with_another_fault_is_left_out() -> None:
    assert of_policy("{requests: {all: 5/s, read: 6/s}, concurrency: 0}") == []
