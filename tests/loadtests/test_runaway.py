from dataclasses import replace

from loadtests.clients import Got
from loadtests.contest import Outcome
from loadtests.finite_nodes import Counts
from loadtests.records import Readings, Record
from loadtests.report import Verdict
from loadtests.runaway import ALONE_SECONDS, COLUMNS, IN_FLIGHT_LIMITS, contest, figures, judge

READ = Record(started=ALONE_SECONDS, first_byte=0.004, stall=0.0, took=0.005, size=10_000_000, outcome="ok")
ALONE = replace(READ, started=0.0, took=0.002)


def outcome(*records: Record, bucket: int = 19_000_000, most_in_flight: int = 16) -> Outcome:
    """A runaway that pulls `bucket` bytes each tenth of a second for 5 s, of 240 MB/s of the nodes."""
    received = [0] * round(10 * ALONE_SECONDS) + [bucket] * 50
    got = Got("training", received=received, outcomes={"503": 7, "ok": 100})
    node = Counts(most_in_flight=most_in_flight)
    return Outcome({"training": got}, Readings(records, []), [Counts(most_in_flight=1), node], cpu=4.0)


def test_latencies_are_told_beside_the_runaway_and_alone() -> None:
    found = figures(outcome(ALONE, ALONE, *[READ] * 99, replace(READ, took=0.5)), 5.0)
    assert (found.p50, found.p99, found.longest, found.p99_alone) == (5.0, 5.0, 500.0, 2.0)
    assert (found.reads_per_second, found.failed, found.cores) == (20.0, 0, 0.5)


def test_a_read_that_the_beginning_runaway_holds_up_counts_as_beside_it() -> None:
    found = figures(outcome(ALONE, replace(ALONE, started=ALONE_SECONDS - 0.1, took=2.0)), 5.0)
    assert (found.p99, found.p99_alone) == (2000.0, 2.0)


def test_the_runaways_share_is_that_of_what_the_readers_leave() -> None:
    found = figures(outcome(*[READ] * 20), 5.0)  # 40 MB/s
    assert found.runaway_bytes_per_second == 190e6
    assert found.spare_share == 95.0
    assert found.runaway_failures == 7


def test_each_limit_of_an_s3edge_is_held_against_its_figure() -> None:
    good = figures(outcome(*[READ] * 20), 5.0)
    assert all(finding.verdict is Verdict.MET for finding in judge("polite", "s3edge-cap", good))
    slow = [replace(READ, took=0.011)] * 20 + [replace(READ, outcome="503")]
    bad = figures(outcome(*slow, bucket=15_000_000, most_in_flight=17), 5.0)
    assert [finding.verdict for finding in judge("polite", "s3edge-cap", bad)] == [Verdict.MISSED] * 4
    missed = [one.question for one in judge("polite", "s3edge-adaptive", bad) if one.verdict is Verdict.MISSED]
    assert missed == [
        "polite runaway, s3edge-adaptive: requests of the rag service that failed",
        "polite runaway, s3edge-adaptive: spare bandwidth that the runaway did not get",
    ]
    assert IN_FLIGHT_LIMITS["s3edge-adaptive"] == 24
    assert judge("polite", "haproxy", bad) == []


def test_a_line_of_the_table_has_a_cell_for_each_column() -> None:
    assert len(figures(outcome(READ), 5.0).cells()) + 2 == len(COLUMNS)


def test_the_runaway_begins_when_the_readers_have_been_alone() -> None:
    run = contest(5.0, is_reckless=True)
    (training,) = run.greedy
    assert (training.begin, training.connections, training.is_reckless) == (ALONE_SECONDS, 400, True)
    assert run.readers is not None
    assert run.readers.seconds == run.seconds == ALONE_SECONDS + 5.0
