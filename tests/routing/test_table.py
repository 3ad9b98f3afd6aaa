"""Plans: what is decided for a request, and from what this follows."""

import tracemalloc
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from s3edge.config.policy import SECTIONS, Balance, Policy
from s3edge.config.qos import Guard, GuardMode, Limits, Priority, RequestRates, ScopedLimits
from s3edge.config.resilience import Failover, Hedge, Queue, Resume
from s3edge.routing.table import MOST_PLANS, Plan, Table
from s3edge.s3.operation import Operation

CLUSTERS = ("near", "far", "cold")


def policy(name: str, match: dict[str, Any] | None = None, **sections: Any) -> Policy:
    return Policy.model_validate({"policy": name, "match": match or {}, **sections})


def plan(
    table: Table, operation: Operation = Operation.GetObject, bucket: str = "a", key: bytes = b"k", tenant: str = "t"
) -> Plan:
    return table.plan(tenant, operation, bucket, key)


def test_without_policies_the_first_cluster_serves() -> None:
    assert plan(Table([], CLUSTERS)) == Plan(("near",))


def test_what_no_policy_decides_is_as_documented() -> None:
    assert Plan(("near",)) == Plan(
        clusters=("near",),
        priority=Priority.NORMAL,
        weight=1.0,
        limits=None,
        limits_of="",
        guard=None,
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
            policy("writes", {"operations": ["PutObject"]}, route=["far"]),
            policy("scans", {"buckets": ["scan-*", "old?"]}, balance="round_robin"),
            policy("rest", route=["cold", "near"], balance="least_inflight"),
        ],
        CLUSTERS,
    )
    expected = {
        (Operation.PutObject, "b"): Plan(("far",), balance=Balance.LEAST_INFLIGHT, policy="writes"),
        (Operation.PutObject, "scan-1"): Plan(("far",), balance=Balance.ROUND_ROBIN, policy="writes"),
        (Operation.GetObject, "old1"): Plan(("cold", "near"), balance=Balance.ROUND_ROBIN, policy="scans"),
        (Operation.GetObject, "old"): Plan(("cold", "near"), balance=Balance.LEAST_INFLIGHT, policy="rest"),
    }
    assert {request: plan(table, *request) for request in expected} == expected


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
        ("limits", {"requests": "9/s"}, ScopedLimits(requests=RequestRates(all=9.0))),
        ("guard", {"mode": "observe"}, Guard(mode=GuardMode.OBSERVE)),
        ("guard", False, Guard(mode=GuardMode.OFF)),
    ],
)
def test_a_section_is_decided_as_a_whole(section: str, said: Any, decided: object) -> None:
    """A later policy adds nothing to it, not even the keys that the first one leaves out."""
    others: dict[str, Any] = {
        "failover": {"budget": "50%"},
        "hedge": {"budget": "20%"},
        "resume": {"times": 3},
        "queue": {"wait": "1s"},
        "limits": {"concurrency": 5},
        "guard": {"factor": 20},
        "priority": "background",
        "weight": 3,
    }
    table = Table([policy("first", **{section: said}), policy("later", **others)], CLUSTERS)
    found = plan(table)
    assert getattr(found, section) == decided
    assert all(getattr(found, name) != getattr(Plan(CLUSTERS), name) for name in others)


def test_a_plan_has_a_field_for_each_section_of_a_policy() -> None:
    known = {field.name for field in fields(Plan)}
    assert known - {"clusters", "guard_of", "limits_of", "policy"} == set(SECTIONS) - {"route"}


def test_equal_limits_of_two_policies_are_two_limits() -> None:
    limits = {"concurrency": 5, "per_client": {"requests": "3/s"}}
    table = Table(
        [
            policy("first", {"buckets": ["a"]}, weight=2),
            policy("one", {"buckets": ["a", "b"]}, limits=limits),
            policy("two", {"buckets": ["a", "c"]}, limits=limits),
        ],
        CLUSTERS,
    )
    expected = ScopedLimits(concurrency=5, per_client=Limits(requests=RequestRates(all=3.0)))
    plans = [plan(table, bucket=bucket) for bucket in "abcd"]
    assert [found.limits for found in plans] == [expected, expected, expected, None]
    assert [found.limits_of for found in plans] == ["one", "one", "two", ""]
    assert [found.policy for found in plans] == ["first", "one", "two", None]


def test_the_policy_that_decides_the_guard_is_named_unless_it_turns_the_guard_off() -> None:
    table = Table(
        [
            policy("off", {"buckets": ["a"]}, guard={"mode": "off"}),
            policy("first", {"buckets": ["a", "b"]}, weight=2),
            policy("on", {"buckets": ["a", "b"]}, guard={"mode": "observe"}),
        ],
        CLUSTERS,
    )
    assert [plan(table, bucket=bucket).guard_of for bucket in "abc"] == ["", "on", ""]


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
    ],
)
def test_a_bucket_glob_matches_the_whole_name(glob: str, bucket: str, is_match: bool) -> None:
    table = Table([policy("p", {"buckets": ["never", glob]}, route=["far"])], CLUSTERS)
    assert (plan(table, bucket=bucket).policy == "p") is is_match


def test_a_request_without_a_bucket_fits_no_glob_and_matches_by_its_operation() -> None:
    table = Table(
        [
            policy("any", {"buckets": ["*"]}, route=["cold"]),
            policy("p", {"operations": ["ListBuckets"]}, route=["far"]),
        ],
        CLUSTERS,
    )
    assert plan(table, Operation.ListBuckets, "", b"").policy == "p"


@pytest.mark.parametrize(
    "match, tenant, operation, is_match",
    [
        ({"tenants": ["rag", "training"]}, "training", Operation.GetObject, True),
        ({"tenants": ["rag"]}, "training", Operation.GetObject, False),
        ({"tenants": ["default"]}, "default", Operation.GetObject, True),
        ({"classes": ["read"]}, "rag", Operation.HeadObject, True),
        ({"classes": ["read"]}, "rag", Operation.ListObjectsV2, False),
        ({"classes": ["write", "list"]}, "rag", Operation.ListObjectsV2, True),
        ({"classes": ["write"]}, "rag", Operation.Other, True),
        ({"classes": ["read"], "operations": ["PutObject"]}, "rag", Operation.PutObject, False),
        ({"classes": ["write"], "tenants": ["rag"]}, "training", Operation.PutObject, False),
    ],
)
def test_a_policy_matches_if_each_key_that_is_said_fits(
    match: dict[str, Any], tenant: str, operation: Operation, is_match: bool
) -> None:
    table = Table([policy("p", match, route=["far"])], CLUSTERS)
    assert (plan(table, operation, tenant=tenant).policy == "p") is is_match


@pytest.mark.parametrize(
    "key, policy_name",
    [
        (b"tmp/x", "tmp"),
        (b"tmp/", "tmp"),
        (b"tmp", None),
        (b"a/tmp/", None),
        (b"", None),
        (b"TMP/x", None),
        ("données/1".encode(), "utf-8"),
        ("données".encode("latin-1") + b"/1", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_prefix_is_compared_with_the_bytes_of_the_key(key: bytes, policy_name: str | None) -> None:
    table = Table(
        [policy("tmp", {"prefixes": ["tmp/"]}, weight=2), policy("utf-8", {"prefixes": ["x", "données/"]}, weight=3)],
        CLUSTERS,
    )
    assert plan(table, key=key).policy == policy_name


def test_policies_with_and_without_prefixes_keep_their_order() -> None:
    table = Table(
        [
            policy("writes", {"classes": ["write"]}, weight=9),
            policy("deep", {"prefixes": ["tmp/deep/", "other/"]}, weight=2),
            policy("all", balance="round_robin"),
            policy("tmp", {"prefixes": ["tmp/"]}, weight=3, balance="least_inflight"),
            policy("rest", weight=4),
        ],
        CLUSTERS,
    )
    keys = (b"tmp/deep/1", b"tmp/1", b"other/1", b"1")
    plans = [plan(table, key=key) for key in keys]
    assert [found.weight for found in plans] == [2, 3, 2, 4]
    assert [found.policy for found in plans] == ["deep", "all", "deep", "all"]
    assert {found.balance for found in plans} == {Balance.ROUND_ROBIN}
    assert all(plan(table, bucket="other", key=key) is found for key, found in zip(keys, plans, strict=True))
    assert plans[0] is plans[2]
    assert plan(table, Operation.PutObject, key=b"tmp/1").weight == 9


def test_keys_do_not_grow_the_memory() -> None:
    table = Table([policy("tmp", {"prefixes": ["tmp/"]}, weight=2)], CLUSTERS)
    plan(table, key=b"tmp/")
    plan(table, key=b"fill")
    tracemalloc.start()
    try:
        for number in range(10_000):
            plan(table, key=b"tmp/%d" % number)
            plan(table, key=b"%d" % number)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 200_000  # CPython keeps some freed tuples


def test_a_known_request_gets_the_same_plan_object() -> None:
    table = Table([policy("p", route=["far"])], CLUSTERS)
    assert plan(table) is plan(table)


def test_equal_plans_are_one_object() -> None:
    table = Table([policy("a", {"buckets": ["a*"]}, hedge={"budget": "1%"}), policy("b", route=["far"])], CLUSTERS)
    one, other = plan(table, bucket="a1"), plan(table, Operation.HeadObject, "a2", b"j", tenant="u")
    assert one is other
    assert one == Plan(("far",), hedge=Hedge(budget=0.01), policy="a")
    assert plan(table, bucket="b1") is plan(table, Operation.ListBuckets, "", b"")


@pytest.mark.parametrize("match", [{}, {"prefixes": ["k"]}], ids=["by bucket", "by key"])
def test_plans_stay_one_object_when_what_is_remembered_was_forgotten(match: dict[str, Any]) -> None:
    table = Table([policy("p", match, route=["far"])], CLUSTERS)
    before = plan(table)
    for number in range(MOST_PLANS):
        plan(table, bucket=f"fill-{number}")
    assert plan(table) is before
    assert before.policy == "p"


@pytest.mark.parametrize("match", [{"buckets": ["a*"]}, {"prefixes": ["k"]}], ids=["by bucket", "by key"])
def test_buckets_that_do_not_exist_do_not_grow_the_memory(match: dict[str, Any]) -> None:
    table = Table([policy("p", match, route=["far"])], CLUSTERS)
    for number in range(MOST_PLANS):
        plan(table, bucket=f"fill-{number}")
    tracemalloc.start()
    try:
        for number in range(MOST_PLANS + MOST_PLANS // 2):
            plan(table, bucket=f"fake-{number}")
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 4_000_000
    assert plan(table, bucket="a1").policy == "p"


def test_names_that_no_bucket_can_have_are_not_remembered() -> None:
    table = Table([policy("p", {"buckets": ["b*"]}, route=["far"])], CLUSTERS)
    tracemalloc.start()
    try:
        for number in range(1000):
            assert plan(table, bucket=f"b{number:060000}").policy == "p"
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 1_000_000


def _lists(*choices: str) -> st.SearchStrategy[list[str] | None]:
    return st.none() | st.lists(st.sampled_from(choices), min_size=1)


POLICIES = st.lists(
    st.builds(
        policy,
        st.sampled_from("pqr"),
        st.fixed_dictionaries(
            {
                "tenants": _lists("t", "u"),
                "operations": _lists("GetObject", "PutObject"),
                "classes": _lists("read", "write"),
                "buckets": _lists("a*", "?b", "*"),
                "prefixes": _lists("a", "ab", "b"),
            }
        ),
        route=st.lists(st.sampled_from(CLUSTERS), min_size=1),
        balance=st.none() | st.sampled_from(list(Balance)),
        hedge=st.none() | st.booleans(),
    ),
    max_size=4,
)
REQUESTS = st.tuples(
    st.sampled_from("tuv"),
    st.sampled_from([Operation.GetObject, Operation.PutObject]),
    st.text("ab", max_size=3),
    st.sampled_from([b"", b"a", b"ab", b"abb", b"b", b"c"]),
)


@given(POLICIES, st.lists(REQUESTS, min_size=1))
def test_what_is_remembered_is_what_is_decided_afresh(
    policies: list[Policy], requests: list[tuple[str, Operation, str, bytes]]
) -> None:
    table = Table(policies, CLUSTERS)
    first = [table.plan(*request) for request in requests]
    assert [table.plan(*request) for request in requests] == first
    assert [Table(policies, CLUSTERS).plan(*request) for request in requests] == first


@given(POLICIES, REQUESTS)
def test_an_explanation_is_of_the_plan_that_a_request_gets(
    policies: list[Policy], request: tuple[str, Operation, str, bytes]
) -> None:
    table = Table(policies, CLUSTERS)
    found, explanation = table.plan(*request), table.explain(*request)
    values = {decision.section: decision.value for decision in explanation.decisions}
    assert values.pop("route") == found.clusters
    assert values == {section: getattr(found, section) for section in values}
    matching = [verdict.policy for verdict in explanation.verdicts if not verdict.misfits]
    assert found.policy == (matching[0] if matching else None)
