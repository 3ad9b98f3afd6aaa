"""Policies as values."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from s3edge.config.policy import Balance, Match, Policy
from s3edge.config.shadow import covers, shadows
from s3edge.s3.operation import Operation


def policy(name: str = "p", **sections: object) -> Policy:
    return Policy.model_validate({"policy": name, **sections})


def test_a_policy_names_requests_and_what_is_decided_for_them() -> None:
    read = policy(
        "reads",
        match={"operations": ["GetObject", "HeadObject"], "buckets": ["datasets-*"]},
        route=["near", "far"],
        balance="round_robin",
    )
    assert read.match.operations == (Operation.GetObject, Operation.HeadObject)
    assert read.match.buckets == ("datasets-*",)
    assert (read.name, read.route, read.balance) == ("reads", ("near", "far"), Balance.ROUND_ROBIN)
    assert read.sections == {"route", "balance"}


def test_a_policy_without_a_match_is_for_all_requests() -> None:
    assert policy(balance="least_inflight").match == Match(operations=None, buckets=None)


@pytest.mark.parametrize(
    "sections",
    [
        {},
        {"balance": "random"},
        {"route": []},
        {"route": ["a b"]},
        {"balance": "round_robin", "match": {"operations": []}},
        {"balance": "round_robin", "match": {"operations": ["GetObjet"]}},
        {"balance": "round_robin", "match": {"buckets": ["a/b"]}},
        {"balance": "round_robin", "match": {"buckets": [""]}},
        {"balance": "round_robin", "match": {"tenants": []}},
        {"balance": "round_robin", "match": {"classes": ["get"]}},
        {"balance": "round_robin", "match": {"prefixes": [""]}},
        {"balance": "round_robin", "match": {"prefixes": ["tmp/*"]}},
        {"balance": "round_robin", "match": {"prefixes": ["k" * 1025]}},
        {"balance": "round_robin", "match": {"prefixes": ["\ud800"]}},
        {"priority": "high"},
        {"weight": 0},
    ],
)
def test_a_policy_that_means_nothing_is_refused(sections: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"policy": "p", **sections})


GET, PUT, HEAD = "GetObject", "PutObject", "HeadObject"


@pytest.mark.parametrize(
    "wide, narrow, is_covered",
    [
        ({}, {}, True),
        ({}, {"operations": [GET], "buckets": ["a"]}, True),
        ({"operations": [GET]}, {}, False),
        ({"operations": [GET, PUT]}, {"operations": [PUT]}, True),
        ({"operations": [GET]}, {"operations": [GET, PUT]}, False),
        ({"buckets": ["*"]}, {}, False),  # ListBuckets has no bucket
        ({"buckets": ["*"]}, {"buckets": ["a?[bc]*"]}, True),
        ({"buckets": ["a-*"]}, {"buckets": ["a-b-*"]}, True),
        ({"buckets": ["a-*"]}, {"buckets": ["a*"]}, False),
        ({"buckets": ["a-?"]}, {"buckets": ["a-1"]}, True),
        ({"buckets": ["a-?"]}, {"buckets": ["a-?"]}, True),
        ({"buckets": ["a-?", "b*"]}, {"buckets": ["b?", "a-2"]}, True),
        ({"buckets": ["a-?", "b*"]}, {"buckets": ["b?", "c"]}, False),
        ({"operations": [GET], "buckets": ["a*"]}, {"operations": [PUT], "buckets": ["a*"]}, False),
        ({"tenants": ["a", "b"]}, {"tenants": ["b"]}, True),
        ({"tenants": ["a"]}, {"tenants": ["a", "b"]}, False),
        ({"tenants": ["a"]}, {}, False),
        ({}, {"tenants": ["a"], "prefixes": ["x"], "classes": ["read"]}, True),
        ({"prefixes": ["a/", "b"]}, {"prefixes": ["a/b/", "bc"]}, True),
        ({"prefixes": ["a/", "b"]}, {"prefixes": ["a/b/", "c"]}, False),
        ({"prefixes": ["a/b/"]}, {"prefixes": ["a/"]}, False),
        ({"prefixes": ["a/"]}, {}, False),
        ({"classes": ["read"]}, {"operations": [GET, HEAD]}, True),
        ({"classes": ["read"]}, {"operations": [GET, PUT]}, False),
        ({"classes": ["read"]}, {"operations": [GET, PUT], "classes": ["read"]}, True),
        ({"classes": ["read", "list"]}, {"classes": ["list"]}, True),
        ({"classes": ["read"]}, {"classes": ["list"]}, False),
        ({"classes": ["read", "write", "list"]}, {}, True),
        ({"operations": [GET]}, {"operations": [GET, "ListBuckets"], "buckets": ["*"]}, True),  # no bucket fits that
    ],
)
def test_a_match_covers_another_if_the_patterns_prove_it(
    wide: dict[str, object], narrow: dict[str, object], is_covered: bool
) -> None:
    assert covers(Match.model_validate(wide), Match.model_validate(narrow)) is is_covered


GLOBS = st.text(alphabet="ab*?[]!", min_size=1, max_size=5)


@given(GLOBS, GLOBS, st.text(alphabet="ab", max_size=5))
def test_what_a_covered_glob_matches_the_wider_one_matches_too(wide: str, narrow: str, bucket: str) -> None:
    is_covered = covers(Match(buckets=(wide,)), Match(buckets=(narrow,)))
    if is_covered and fnmatchcase(bucket, narrow):
        assert fnmatchcase(bucket, wide)


def test_a_policy_is_shadowed_if_earlier_ones_decide_each_of_its_sections() -> None:
    policies = [
        policy("gets", match={"operations": [GET]}, balance="round_robin"),
        policy("routes", route=["a"]),
        policy("both", match={"operations": [GET], "buckets": ["x"]}, balance="least_inflight", route=["b"]),
        policy("puts", match={"operations": [PUT]}, balance="least_inflight", route=["b"]),
        policy("more-gets", match={"operations": [GET]}, balance="round_robin"),
    ]
    assert shadows(policies) == [(2, 0), (4, 0)]
