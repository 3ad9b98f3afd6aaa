from dataclasses import replace

from loadtests.cases import CASES
from loadtests.clients import claim
from loadtests.measure import Measurement
from loadtests.qos_cost import COLUMNS, LIMITS, Pair, lua, report
from loadtests.report import Verdict

ROUND = Measurement("without", "get-4k", 1000, 4_096_000, 1.0, cpu=0.1, p50=0.001, p99=0.002, errors={})


def pair(*costs: float, errors: dict[str, int] | None = None) -> Pair:
    rounds = [replace(ROUND, cpu=cost, errors=errors or {}) for cost in costs]
    return Pair(CASES["get-4k"], "a tenant", [ROUND] * len(rounds), rounds)


def test_the_ratio_is_the_median_of_the_rounds() -> None:
    assert pair(0.125, 0.5, 0.0625).ratio == 1.25


def test_a_tenth_more_for_a_request_is_allowed_and_no_failure() -> None:
    cost, failures = report([pair(0.109)], LIMITS).findings
    assert (cost.verdict, failures.verdict) == (Verdict.MET, Verdict.MET)
    cost, failures = report([pair(0.111, errors={"status": 3})], LIMITS).findings
    assert (cost.verdict, failures.verdict, failures.found) == (Verdict.MISSED, Verdict.MISSED, 3)


def test_each_has_a_line_of_the_table_and_the_one_without_tenants_a_single_one() -> None:
    lines = report([pair(0.11), replace(pair(0.12), named="and limits")], LIMITS).lines
    assert [line[1] for line in lines] == ["without", "a tenant", "and limits"]
    assert [line[-1] for line in lines] == ["1.000", "1.100", "1.200"]
    assert {len(line) for line in lines} == {len(COLUMNS)}


def test_requests_claim_the_keys_of_all_tenants_in_turn() -> None:
    script = lua("one", "two")
    for tenant in ("one", "two"):
        assert f'"{claim(tenant).removeprefix("Authorization: ").strip()}"' in script
