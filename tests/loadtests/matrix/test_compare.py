from collections.abc import Mapping

import pytest

from loadtests.matrix.actions import DYING, ODD
from loadtests.matrix.compare import Compared, Comparison, compare, judge
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.record import Run, Trial
from loadtests.matrix.trial import RETRIED
from loadtests.report import Verdict

OK, FAILED, ABSENT = Result(Outcome.OK), Result(Outcome.FAILED, "OSError"), Result(Outcome.NOT_OFFERED, "signs none")
WRONG, UNTRIED = Result(Outcome.WRONG, "other bytes"), Result(Outcome.UNTRIED, "over before")
NOTICED = Result(Outcome.OK, RETRIED)
WORSE, NOTICED_DEATHS, UNTRIED_DEATHS = range(3)
"""Where each question stands in what `judge` gives."""


def one(direct: Result, edge: Result, action: str = "put", can_read: bool = True) -> Compared:
    return Compared("boto3", action, "http", direct, edge, can_read)


def parts(*failed: str) -> Result:
    return Result(Outcome.FAILED, "; ".join(failed), parts=dict.fromkeys(failed, "refused"))


def missed(*compared: Compared) -> list[int]:
    """The questions whose limits were missed."""
    return [number for number, finding in enumerate(judge(compared)) if finding.verdict is Verdict.MISSED]


@pytest.mark.parametrize(
    "direct,edge,comparison",
    [
        (OK, OK, Comparison.SAME),
        (FAILED, OK, Comparison.BETTER),
        (OK, FAILED, Comparison.WORSE),
        (OK, WRONG, Comparison.WORSE),
        (FAILED, FAILED, Comparison.NEITHER),
        (FAILED, Result(Outcome.HUNG), Comparison.NEITHER),
        (ABSENT, ABSENT, Comparison.ABSENT),
        (Result(Outcome.NOT_INSTALLED), Result(Outcome.NOT_INSTALLED), Comparison.ABSENT),
    ],
)
def test_an_action_is_compared_with_the_same_one_direct(direct: Result, edge: Result, comparison: Comparison) -> None:
    assert one(direct, edge).comparison is comparison


@pytest.mark.parametrize(
    "direct,edge,comparison",
    [
        (parts("dots", "empty"), parts("dots", "empty"), Comparison.NEITHER),
        (parts("dots", "empty"), parts("dots"), Comparison.NEITHER),
        (parts("dots"), parts("dots", "empty"), Comparison.WORSE),
        (parts("dots"), parts("empty"), Comparison.WORSE),
    ],
)
def test_no_part_may_fail_that_does_not_fail_direct(direct: Result, edge: Result, comparison: Comparison) -> None:
    assert one(direct, edge, ODD).comparison is comparison


@pytest.mark.parametrize("direct", [OK, FAILED, WRONG])
def test_a_read_that_a_death_breaks_through_s3edge_is_worse_whatever_happens_direct(direct: Result) -> None:
    assert one(direct, FAILED, DYING).comparison is Comparison.WORSE
    assert one(direct, UNTRIED, DYING).comparison is Comparison.UNTRIED


def test_limits_are_met_where_direct_and_through_s3edge_are_the_same() -> None:
    every = [one(OK, OK), one(FAILED, FAILED), one(FAILED, OK), one(OK, OK, "get"), one(FAILED, OK, DYING)]
    assert missed(*every) == []


def test_an_action_that_fails_through_s3edge_alone_misses_the_first_limit() -> None:
    assert missed(one(OK, OK), one(OK, FAILED)) == [WORSE]


def test_a_death_that_a_client_noticed_misses_the_second_limit() -> None:
    for edge in (FAILED, WRONG, NOTICED):
        assert missed(one(OK, OK, "get"), one(NOTICED, edge, DYING)) == [NOTICED_DEATHS]


def test_a_death_that_was_none_misses_the_third_limit() -> None:
    assert missed(one(OK, OK, "get"), one(FAILED, UNTRIED, DYING)) == [UNTRIED_DEATHS]


def test_of_a_client_that_cannot_read_nothing_is_asked_when_a_node_dies() -> None:
    death = one(FAILED, FAILED, DYING, can_read=False)
    assert death.comparison is Comparison.NEITHER
    assert missed(one(FAILED, FAILED, "get"), death) == []


def test_a_run_is_compared_by_client_scheme_and_action() -> None:
    def trial(client: str, way: str, **results: Result) -> Trial:
        return Trial(client, way, results=dict(results))

    machine: Mapping[str, str] = {}
    trials = [
        trial("boto3", "http direct", put=OK, get=FAILED),
        trial("boto3", "http s3edge", put=OK, get=OK),
        trial("boto3", "https direct", put=FAILED, get=OK),
        trial("boto3", "https s3edge", put=FAILED, get=WRONG),
    ]
    compared = compare(Run("moto", "moto 5", {}, "", 1, machine, trials))
    assert [(each.scheme, each.action, each.comparison) for each in compared] == [
        ("http", "put", Comparison.SAME),
        ("http", "get", Comparison.BETTER),
        ("https", "put", Comparison.NEITHER),
        ("https", "get", Comparison.WORSE),
    ]
    assert [each.can_read for each in compared] == [True, True, False, False]
