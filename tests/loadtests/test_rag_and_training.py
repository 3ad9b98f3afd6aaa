from dataclasses import replace
from typing import Any

import pytest

from loadtests.clients import Got
from loadtests.contest import Outcome
from loadtests.finite_nodes import Counts
from loadtests.nodes import MIB
from loadtests.rag_and_training import (
    ALONE_SHARE,
    COLUMNS,
    DAYS,
    STATED,
    Figures,
    Times,
    contest,
    figures,
    judge,
    policies,
)
from loadtests.records import Readings, Record
from loadtests.report import Verdict

SECONDS = 6.0
ALONE = ALONE_SHARE * SECONDS
READ = Record(started=ALONE, first_byte=0.004, stall=0.0, took=0.006, size=4096, outcome="ok")
BEFORE = replace(READ, started=0.0, took=0.003)
USUAL, KILLING = DAYS


def outcome(*records: Record, bucket: int = 20 * MIB) -> Outcome:
    """A job that pulls `bucket` bytes each tenth of a second as long as it is there, and is told twice to slow down."""
    received = [0] * round(10 * ALONE) + [bucket] * round(10 * SECONDS)
    got = Got("training", received=received, outcomes={"503": 2, "ok": 100, "reset": 1})
    return Outcome({"training": got}, Readings(records, []), [Counts(most_in_flight=9)], cpu=4.0)


def test_times_are_those_beside_the_job_and_the_longest_is_of_failures_too() -> None:
    slow = replace(READ, first_byte=None, took=2.0, outcome="503 SlowDown")
    lie = replace(READ, outcome="wrong bytes")
    found = figures(outcome(BEFORE, *[READ] * 97, slow, lie), SECONDS)
    assert (found.reads, found.failed, found.wrong) == (99, 2, 1)
    assert found.first_byte == Times(4.0, 4.0, 2000.0)
    assert found.whole == Times(6.0, 6.0, 2000.0)
    assert (found.p99_alone, found.most_in_flight, found.cores) == (3.0, 9, 0.5)


def test_the_jobs_rate_is_that_once_it_has_begun_and_slowdown_is_no_failure_of_its() -> None:
    found = figures(outcome(READ), SECONDS)
    assert found.pulled == pytest.approx(200)
    assert (found.slowed, found.job_failures) == (2, 1)


def good(**changes: Any) -> Figures:
    found = figures(outcome(BEFORE, READ), SECONDS)
    return replace(found, **{"job_failures": 0, **changes})


def missed(day_found: dict[str, Figures], is_killing: bool = False) -> list[str]:
    findings = judge(KILLING if is_killing else USUAL, STATED, day_found)
    return [one.question.partition(": ")[2] for one in findings if one.verdict is Verdict.MISSED]


def test_a_day_goes_well_if_nothing_fails_and_both_get_their_part() -> None:
    found = {"direct": good(), "s3edge": good(), STATED: good()}
    assert missed(found) == []
    assert missed(found | {STATED: good(failed=1, wrong=1, job_failures=1)}) == [
        "reads that failed", "answers with wrong bytes", "requests of the job that failed",
    ]  # fmt: skip
    assert missed(found | {STATED: good(p99_alone=1.9)}) == ["p99 over that alone"]
    assert missed(found | {STATED: good(pulled=165.0)}) == [
        "of what the job gets through direct, not had",
        "of what the job gets through s3edge, not had",
    ]


def test_of_days_on_which_nodes_are_killed_only_failures_count() -> None:
    assert missed({STATED: good(p99_alone=0.1, pulled=1.0)}, is_killing=True) == []
    assert missed({STATED: good(failed=1)}, is_killing=True) == ["reads that failed"]


def test_nothing_is_asked_of_rivals() -> None:
    assert judge(USUAL, "haproxy", {"haproxy": good(failed=9)}) == []


def test_a_line_of_the_table_has_a_cell_for_each_column() -> None:
    assert len(good().cells()) + 2 == len(COLUMNS)


def test_the_job_comes_when_the_service_has_been_alone() -> None:
    run = contest(SECONDS)
    (job,) = run.greedy
    assert (job.tenant, job.begin, job.is_reckless) == ("training", ALONE, False)
    assert run.readers is not None
    assert run.readers.seconds == run.seconds == ALONE + SECONDS


def test_the_policies_are_those_that_s3edge_comes_with() -> None:
    by_name = {policy["policy"]: policy for policy in policies()}
    assert by_name["rag-interactive"]["priority"] == "interactive"
    assert by_name["training-read"]["priority"] == "background"
