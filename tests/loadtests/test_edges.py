from collections.abc import Sequence

import pytest

from loadtests.edge_clients import READERS, WRONG, Seen, Sightings
from loadtests.edges import RUNS, USUAL_SECONDS, Result, charts, judge, lines
from loadtests.faults import Mark
from loadtests.report import Verdict

MARKS = (Mark(2.0, "killed"), Mark(6.0, "back"))
WHOLE = [Seen(kind, 0, 0.0, USUAL_SECONDS, "ok") for kind in READERS]


def result(*more: Seen) -> Result:
    reads = [*WHOLE, *more]
    sent = {kind: sum(one.kind == kind for one in reads) for kind in READERS}
    return Result(Sightings(100.0, reads, sent), MARKS, flows=3)


def missed(title: str, *more: Seen) -> Sequence[str]:
    return [one.question for one in judge(title, result(*more)) if one.verdict is Verdict.MISSED]


@pytest.mark.parametrize("title", RUNS)
def test_nothing_is_missed_when_all_reads_go_well(title: str) -> None:
    assert missed(title) == []


@pytest.mark.parametrize("title", RUNS)
def test_wrong_bytes_are_never_allowed(title: str) -> None:
    assert f"{title}: reads with wrong bytes" in missed(title, Seen("boto3", 0, 2.0, 1.0, WRONG))


def test_a_drain_may_lose_nothing() -> None:
    lost = Seen("boto3", 0, 2.0, 1.0, "ResponseStreamingError")
    assert missed("name-drain", lost) == ["name-drain: reads that failed"]
    assert missed("cutting-drain", lost) == []


def test_a_death_may_cost_each_reader_the_one_body_that_it_read() -> None:
    lost = [Seen("boto3", number, 2.0, 1.0, "ResponseStreamingError") for number in range(4)]
    assert missed("name-kill", *lost) == []
    assert missed("name-kill", *lost, lost[0]) == ["name-kill: reads that one other reader lost"]


def test_a_client_that_asks_again_may_lose_nothing_by_a_death() -> None:
    lost = Seen("s3fs", 0, 2.0, 1.0, "ResponseStreamingError")
    assert missed("balancer-kill", lost) == ["balancer-kill: failed reads of clients that ask again"]


def test_a_balancer_that_cuts_bounds_how_long_a_hanging_edge_is_felt() -> None:
    late = Seen("s3fs", 0, 2.0, 20.0, "ok")
    assert missed("cutting-hang", late) == ["cutting-hang: longest read"]
    assert missed("balancer-hang", late) == []


def test_a_line_tells_failures_and_what_was_sent_again() -> None:
    seen = result(Seen("boto3", 0, 2.0, 0.5, "ResponseStreamingError"), Seen("boto3", 0, 3.0, 2.0, "ok"))
    seen = Result(Sightings(100.0, seen.sightings.reads, {**seen.sightings.sent, "boto3": 5}), MARKS, flows=3)
    by_client = {line[1]: line for line in lines("name-kill", seen)}
    assert by_client["boto3"] == ["name-kill", "boto3", "3", "1", "2", "1.6", "2.0", "1 x ResponseStreamingError"]
    assert by_client["s3fs"] == ["name-kill", "s3fs", "1", "0", "0", "1.6", "1.6", ""]


def test_charts_have_a_panel_for_each_way_and_count_reads_where_they_ended() -> None:
    failed = result(Seen("boto3", 0, 2.0, 0.1, "ResponseStreamingError"))
    drawn = charts({"name-kill": failed, "balancer-kill": result(), "name-drain": result()}, seconds=3.0)
    assert {title: len(panels) for title, panels in drawn.items()} == {
        "One of 3 s3edges is killed": 2,
        "One of 3 s3edges is told to drain": 1,
    }
    first = drawn["One of 3 s3edges is killed"][0]
    assert first.lines == {"went well": [0, 0, 0, len(READERS), 0, 0], "failed": [0, 0, 0, 0, 1, 0]}
    assert first.marks == MARKS
