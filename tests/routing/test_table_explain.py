"""Explanations: which policy decides which section of a plan, and why the others do not match."""

from typing import Any

import pytest

from s3edge.config.policy import SECTIONS, Balance, Policy
from s3edge.config.qos import Priority
from s3edge.routing.table import Decision, Misfit, Table, Verdict
from s3edge.s3.operation import Operation

CLUSTERS = ("near", "far")


def policy(name: str, match: dict[str, Any], **sections: Any) -> Policy:
    return Policy.model_validate({"policy": name, "match": match, **sections})


def test_each_section_has_its_value_and_who_decides_it_in_the_order_of_the_documentation() -> None:
    table = Table(
        [
            policy("writes", {"classes": ["write"]}, weight=9),
            policy("training", {"tenants": ["training"]}, priority="background", route=["far"]),
            policy("rest", {}, priority="interactive", balance="round_robin"),
        ],
        CLUSTERS,
    )
    decisions = table.explain("training", Operation.GetObject, "a", b"k").decisions
    assert tuple(decision.section for decision in decisions) == SECTIONS
    assert decisions[:4] == (
        Decision("route", ("far",), "training"),
        Decision("priority", Priority.BACKGROUND, "training"),
        Decision("weight", 1.0, None),
        Decision("limits", None, None),
    )
    assert Decision("balance", Balance.ROUND_ROBIN, "rest") in decisions


@pytest.mark.parametrize(
    "match, misfit",
    [
        ({"tenants": ["rag", "scan"]}, Misfit("tenants", "training", ("rag", "scan"))),
        ({"operations": ["PutObject"]}, Misfit("operations", "GetObject", ("PutObject",))),
        ({"classes": ["write", "list"]}, Misfit("classes", "read", ("write", "list"))),
        ({"buckets": ["b*"]}, Misfit("buckets", "a", ("b*",))),
        ({"prefixes": ["tmp/"]}, Misfit("prefixes", "k\udcff", ("tmp/",))),
    ],
    ids=lambda value: value.key if isinstance(value, Misfit) else "",
)
def test_a_policy_that_does_not_match_has_what_was_found_and_what_was_wanted(
    match: dict[str, Any], misfit: Misfit
) -> None:
    table = Table([policy("p", match, weight=2), policy("q", {}, weight=3)], CLUSTERS)
    explanation = table.explain("training", Operation.GetObject, "a", b"k\xff")
    assert explanation.verdicts == (Verdict("p", (misfit,)), Verdict("q", ()))


def test_all_keys_that_do_not_fit_are_named_at_once() -> None:
    match = {"tenants": ["rag"], "operations": ["ListBuckets"], "buckets": ["*"], "prefixes": ["tmp/"]}
    [verdict] = Table([policy("p", match, weight=2)], CLUSTERS).explain("t", Operation.ListBuckets, "", b"").verdicts
    assert verdict.misfits == (
        Misfit("tenants", "t", ("rag",)),
        Misfit("buckets", "", ("*",)),
        Misfit("prefixes", "", ("tmp/",)),
    )
