"""Plans: which policy decides what."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.policy import Balance, Policy
from s3edge.routing.table import MOST_PLANS, Plan, Table
from s3edge.s3.operation import Operation

CLUSTERS = ("near", "far", "cold")


def policy(
    name: str, operations: list[str] | None = None, buckets: list[str] | None = None, **sections: object
) -> Policy:
    match = {"operations": operations, "buckets": buckets}
    return Policy.model_validate({"policy": name, "match": match, **sections})


def test_without_policies_the_first_cluster_serves() -> None:
    table = Table.compile([], CLUSTERS)
    assert table.plan(Operation.GetObject, "a") == Plan(("near",), Balance.LEAST_INFLIGHT, None)


def test_the_first_policy_that_matches_and_has_a_section_decides_that_section() -> None:
    table = Table.compile(
        [
            policy("writes", ["PutObject"], route=["far"]),
            policy("scans", buckets=["scan-*", "old?"], balance="round_robin"),
            policy("rest", route=["cold", "near"], balance="least_inflight"),
        ],
        CLUSTERS,
    )
    assert table.plan(Operation.PutObject, "b") == Plan(("far",), Balance.LEAST_INFLIGHT, "writes")
    assert table.plan(Operation.PutObject, "scan-1") == Plan(("far",), Balance.ROUND_ROBIN, "writes")
    assert table.plan(Operation.GetObject, "old1") == Plan(("cold", "near"), Balance.ROUND_ROBIN, "scans")
    assert table.plan(Operation.GetObject, "old") == Plan(("cold", "near"), Balance.LEAST_INFLIGHT, "rest")


@pytest.mark.parametrize(
    "glob, bucket, is_match",
    [
        ("a", "a", True),
        ("a", "ab", False),
        ("a", "ba", False),
        ("a.b", "a-b", False),
        ("a*", "a", True),
        ("*-x", "y-x", True),
        ("*-x", "y-xz", False),
        ("a?", "a", False),
        ("[ab]c", "bc", True),
        ("A", "a", False),
        ("*", "any", True),
        ("*", None, False),
    ],
)
def test_a_bucket_glob_matches_the_whole_name(glob: str, bucket: str | None, is_match: bool) -> None:
    table = Table.compile([policy("p", buckets=["never", glob], route=["far"])], CLUSTERS)
    assert (table.plan(Operation.ListObjectsV2, bucket).policy == "p") is is_match


def test_a_request_without_a_bucket_matches_by_its_operation() -> None:
    table = Table.compile([policy("p", ["ListBuckets"], route=["far"])], CLUSTERS)
    assert table.plan(Operation.ListBuckets, None).clusters == ("far",)


def test_a_known_request_gets_the_same_plan_object() -> None:
    table = Table.compile([policy("p", route=["far"])], CLUSTERS)
    assert table.plan(Operation.GetObject, "a") is table.plan(Operation.GetObject, "a")


def test_buckets_that_do_not_exist_do_not_grow_the_memory() -> None:
    table = Table.compile([policy("p", buckets=["a*"], route=["far"])], CLUSTERS)
    for number in range(MOST_PLANS):
        table.plan(Operation.GetObject, f"fill-{number}")
    tracemalloc.start()
    try:
        for number in range(3 * MOST_PLANS):
            table.plan(Operation.GetObject, f"fake-{number}")
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 3_000_000
    assert table.plan(Operation.GetObject, "a1").policy == "p"


POLICIES = st.lists(
    st.builds(
        policy,
        st.sampled_from("pqr"),
        st.none() | st.lists(st.sampled_from(["GetObject", "PutObject"]), min_size=1),
        st.none() | st.lists(st.sampled_from(["a*", "?b", "*"]), min_size=1),
        route=st.lists(st.sampled_from(CLUSTERS), min_size=1),
        balance=st.none() | st.sampled_from(list(Balance)),
    ),
    max_size=4,
)


@given(POLICIES, st.sampled_from([Operation.GetObject, Operation.PutObject]), st.none() | st.text("ab", max_size=3))
def test_what_is_remembered_is_what_was_decided(
    policies: list[Policy], operation: Operation, bucket: str | None
) -> None:
    table = Table.compile(policies, CLUSTERS)
    first = table.plan(operation, bucket)
    assert table.plan(operation, bucket) == first == Table.compile(policies, CLUSTERS).plan(operation, bucket)
    assert set(first.clusters) <= set(CLUSTERS)
    assert first.policy is not None or first.clusters == CLUSTERS[:1]
