import pytest

from loadtests.checkpoint_writers import Log, Save
from loadtests.checkpoints import COLUMNS, Outcome, failures, judge, lines, series
from loadtests.nodes import MIB
from loadtests.report import Verdict

SAVE = Save("boto3", started=1.0, took=2.0, size=64 * MIB)
FAILED = Save("boto3", started=0.5, took=3.0, size=64 * MIB, failure="ClientError: 502", is_stored=True)
UNREAD = Save("s3torchconnector", started=2.0, took=1.0, size=128 * MIB, reading="cut")
WRONG = Save("s3torchconnector", started=2.0, took=4.0, size=128 * MIB, reading="other bytes", is_wrong=True)


def outcome(*saves: Save, left_over: int = 0) -> Outcome:
    return Outcome(Log(saves=list(saves), calls=10, tries=13), left_over, marks=[])


def test_each_client_has_a_line_of_its_own() -> None:
    first, second = lines("nginx", outcome(SAVE, FAILED, UNREAD, WRONG, left_over=2))
    assert dict(zip(COLUMNS, first, strict=True)) == {
        "through": "nginx", "client": "boto3", "saved": "1", "failed": "1", "of these stored": "1",
        "not read back": "0", "wrong": "0", "MiB/s": "32.0", "p50 s": "2.00", "longest s": "3.00",
        "retries of boto3": "3", "uploads left over": "2",
    }  # fmt: skip
    assert second[1:7] == ["s3torchconnector", "2", "0", "0", "2", "1"]


def test_a_client_that_saved_nothing_has_a_line_too() -> None:
    (line,) = lines("direct", outcome(FAILED))
    assert line[2:4] == ["0", "1"]
    assert line[8:10] == ["nan", "3.00"]


def test_all_went_well_only_if_nothing_failed_was_wrong_or_was_left_over() -> None:
    assert {finding.verdict for finding in judge("s3edge", outcome(SAVE))} == {Verdict.MET}
    for bad, missed in (
        (outcome(SAVE, FAILED), ["s3edge: checkpoints that were not saved"]),
        (outcome(SAVE, UNREAD), ["s3edge: checkpoints that were not read back"]),
        (
            outcome(SAVE, WRONG),
            ["s3edge: checkpoints that were not read back", "s3edge: checkpoints with wrong bytes"],
        ),
        (outcome(SAVE, left_over=1), ["s3edge: incomplete uploads left over"]),
    ):
        assert [one.question for one in judge("s3edge", bad) if one.verdict is Verdict.MISSED] == missed


def test_what_was_saved_is_spread_over_the_time_that_it_took() -> None:
    assert series([SAVE, FAILED], 5.0) == [0, 32, 32, 0, 0]
    assert series([SAVE, UNREAD], 4.0) == [0, 32, 160, 0]
    assert sum(series([Save("boto3", 0.25, 2.5, 100 * MIB)], 4.0)) == pytest.approx(100)


def test_failures_add_up_where_they_came() -> None:
    assert failures([SAVE, FAILED, UNREAD, WRONG], 5.0) == [0, 0, 1, 2, 2]
