"""Plans: which policy decides what."""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.policy import Balance, Policy
from s3edge.config.resilience import Failover, Hedge, Queue, Resume
from s3edge.routing.table import MOST_PLANS, Plan, Table
from s3edge.s3.operation import Operation

CLUSTERS = ("near", "far", "cold")


def policy(name: str, operations: list[str] | None = None, buckets: list[str] | None = None, **sections: Any) -> Policy:
    match = {"operations": operations, "buckets": buckets}
    return Policy.model_validate({"policy": name, "match": match, **sections})


def test_without_policies_the_first_cluster_serves() -> None:
    table = Table([], CLUSTERS)
    assert table.plan(Operation.GetObject, "a") == Plan(("near",))


def test_what_no_policy_decides_is_as_documented() -> None:
    assert Plan(("near",)) == Plan(
        clusters=("near",),
        balance=Balance.PEAK_EWMA,
        failover=Failover(attempts=3, budget=0.2, deadline=60.0, patience=0.5, buffer=1 << 20),
        hedge=Hedge(quantile=0.95, budget=0.05),
        resume=Resume(times=16, stall=1.0),
        queue=Queue(length=256, wait=2.0),
        policy=None,
    )


def test_the_first_policy_that_matches_and_has_a_section_decides_that_section() -> None:
    table = Table(
        [
            policy("writes", ["PutObject"], route=["far"]),
            policy("scans", buckets=["scan-*", "old?"], balance="round_robin"),
            policy("rest", route=["cold", "near"], balance="least_inflight"),
        ],
        CLUSTERS,
    )
    expected = {
        (Operation.PutObject, "b"): Plan(("far",), Balance.LEAST_INFLIGHT, policy="writes"),
        (Operation.PutObject, "scan-1"): Plan(("far",), Balance.ROUND_ROBIN, policy="writes"),
        (Operation.GetObject, "old1"): Plan(("cold", "near"), Balance.ROUND_ROBIN, policy="scans"),
        (Operation.GetObject, "old"): Plan(("cold", "near"), Balance.LEAST_INFLIGHT, policy="rest"),
    }
    assert {request: table.plan(*request) for request in expected} == expected


@pytest.mark.parametrize(
    "section, said, decided",
    [
        ("failover", {"attempts": 5}, Failover(attempts=5)),
        ("failover", False, Failover(attempts=1)),
        ("hedge", {"quantile": "90%"}, Hedge(quantile=0.9)),
        ("hedge", False, Hedge(budget=0.0)),
        ("resume", {"stall": "2s"}, Resume(stall=2.0)),
        ("resume", False, Resume(times=0)),
        ("queue", {"length": 7}, Queue(length=7)),
    ],
)
def test_a_section_is_decided_as_a_whole(section: str, said: Any, decided: object) -> None:
    """A later policy adds nothing to it, not even the keys that the first one leaves out."""
    others: dict[str, Any] = {
        "failover": {"budget": "50%"},
        "hedge": {"budget": "20%"},
        "resume": {"times": 3},
        "queue": {"wait": "1s"},
    }
    table = Table([policy("first", **{section: said}), policy("later", **others)], CLUSTERS)
    plan = table.plan(Operation.GetObject, "a")
    assert getattr(plan, section) == decided
    assert all(getattr(plan, name) != getattr(Plan(CLUSTERS), name) for name in others)


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
    table = Table([policy("p", buckets=["never", glob], route=["far"])], CLUSTERS)
    assert (table.plan(Operation.ListObjectsV2, bucket).policy == "p") is is_match


def test_a_request_without_a_bucket_matches_by_its_operation() -> None:
    table = Table([policy("p", ["ListBuckets"], route=["far"])], CLUSTERS)
    assert table.plan(Operation.ListBuckets, None).clusters == ("far",)


def test_a_known_request_gets_the_same_plan_object() -> None:
    table = Table([policy("p", route=["far"])], CLUSTERS)
    assert table.plan(Operation.GetObject, "a") is table.plan(Operation.GetObject, "a")


def test_equal_plans_are_one_object() -> None:
    table = Table([policy("a", buckets=["a*"], hedge={"budget": "1%"}), policy("b", route=["far"])], CLUSTERS)
    one, other = table.plan(Operation.GetObject, "a1"), table.plan(Operation.HeadObject, "a2")
    assert one is other
    assert one == Plan(("far",), hedge=Hedge(budget=0.01), policy="a")
    assert table.plan(Operation.GetObject, "b1") is table.plan(Operation.PutObject, None)


def test_plans_stay_one_object_when_what_is_remembered_was_forgotten() -> None:
    table = Table([policy("p", route=["far"])], CLUSTERS)
    before = table.plan(Operation.GetObject, "a")
    for number in range(MOST_PLANS):
        table.plan(Operation.GetObject, f"fill-{number}")
    assert table.plan(Operation.GetObject, "a") is before


def test_buckets_that_do_not_exist_do_not_grow_the_memory() -> None:
    table = Table([policy("p", buckets=["a*"], route=["far"])], CLUSTERS)
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
        hedge=st.none() | st.booleans(),
    ),
    max_size=4,
)


@given(POLICIES, st.sampled_from([Operation.GetObject, Operation.PutObject]), st.none() | st.text("ab", max_size=3))
def test_what_is_remembered_is_what_was_decided(
    policies: list[Policy], operation: Operation, bucket: str | None
) -> None:
    table = Table(policies, CLUSTERS)
    first = table.plan(operation, bucket)
    assert table.plan(operation, bucket) == first == Table(policies, CLUSTERS).plan(operation, bucket)
    assert set(first.clusters) <= set(CLUSTERS)
    assert first.policy is not None or first.clusters == CLUSTERS[:1]
