from collections.abc import Iterable

import pytest

from loadtests import bench, log_cost, many_tenants, qos_cost
from loadtests.cases import CASES
from loadtests.findings import Finding
from loadtests.measure import Measurement
from loadtests.qos_cost import Pair
from loadtests.report import summarise
from loadtests.suite.known_misses import KNOWN_MISSES, KnownMiss

MISS = KnownMiss("idle", "cost", 2.0, "Python")


def test_a_miss_is_known_for_its_question_alone_and_up_to_a_tenth_more() -> None:
    assert MISS.covers("idle", Finding("cost", 2.2, 1.0))
    assert not MISS.covers("idle", Finding("cost", 2.21, 1.0))
    assert not MISS.covers("bench", Finding("cost", 2.0, 1.0))
    assert not MISS.covers("idle", Finding("memory", 2.0, 1.0))


def of_bench() -> set[str]:
    rows = summarise(
        [*CASES.values()],
        [Measurement(name, key, 1, 1, 1.0, 1.0, 0.0, 0.0, {}) for key in CASES for name in ("s3edge", "haproxy")],
    )
    return {finding.question for finding in bench.findings(rows)}


def pairs(edges: Iterable[str], key: str) -> list[Pair]:
    rounds = [Measurement("s3edge", key, 1, 1, 1.0, 1.0, 0.0, 0.0, {})]
    return [Pair(CASES[key], named, rounds, rounds) for named in edges]


def of_many_tenants() -> set[str]:
    one, many = pairs(many_tenants.EDGES, "get-4k")
    return {finding.question for finding in many_tenants.report_of(one, many).findings}


def of_pairs(edges: Iterable[str], limits: dict[str, float]) -> set[str]:
    measured = [pair for key in limits for pair in pairs(edges, key)]
    return {finding.question for finding in qos_cost.report(measured, limits).findings}


@pytest.mark.parametrize(
    "name, questions",
    [
        ("bench", of_bench()),
        ("qos_cost", of_pairs(qos_cost.EDGES, qos_cost.LIMITS)),
        ("log_cost", of_pairs(log_cost.EDGES, log_cost.LIMITS)),
        ("many_tenants", of_many_tenants()),
    ],
)
def test_a_known_miss_is_of_a_limit_that_there_is(name: str, questions: set[str]) -> None:
    known = {miss.finding for miss in KNOWN_MISSES if miss.name == name}
    assert known
    assert known <= questions
