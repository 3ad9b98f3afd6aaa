from dataclasses import replace

from loadtests.bench import LEAST_SECONDS, findings
from loadtests.cases import CASES
from loadtests.measure import Measurement
from loadtests.report import Verdict, summarise

CASE = CASES["get-4k"]
HAPROXY = Measurement("haproxy", CASE.key, 1000, 4_096_000, 2.0, 0.010, 0.001, 0.002, errors={})
S3EDGE = replace(HAPROXY, proxy="s3edge", cpu=0.018)


def verdicts(*measurements: Measurement, seconds: float = LEAST_SECONDS) -> list[Verdict]:
    return [one.measured_for(seconds).verdict for one in findings(summarise([CASE], measurements))]


def test_a_cost_within_the_limit_is_met_and_one_above_is_missed() -> None:
    assert verdicts(S3EDGE, HAPROXY) == [Verdict.MET, Verdict.MET]
    assert verdicts(replace(S3EDGE, cpu=0.021), HAPROXY) == [Verdict.MISSED, Verdict.MET]


def test_a_short_run_does_not_tell_what_a_request_costs_but_what_failed() -> None:
    broken = replace(S3EDGE, errors={"read": 2})
    assert verdicts(broken, HAPROXY, seconds=LEAST_SECONDS - 1) == [Verdict.TOO_SHORT, Verdict.MISSED]


def test_without_the_reference_there_is_no_cost_to_judge() -> None:
    assert [one.question for one in findings(summarise([CASE], [S3EDGE]))] == [
        "requests that failed, through any proxy"
    ]
