import pytest

from loadtests.clients import Got
from loadtests.exact_limits import BANDWIDTH, Held, held, judge, series_of
from loadtests.report import Verdict


def test_a_limit_is_held_against_the_worst_windows_and_the_burst_is_allowed() -> None:
    # 200 a second in tenths of one; after 10 s a second of nothing, then twice as much for one.
    found = held([20.0] * 110 + [0.0] * 10 + [40.0] * 10 + [20.0] * 100, 200.0)
    assert found.least == 90.0
    assert found.most == 110.0 - 2.5
    assert found.mean == 100.0


def test_nothing_is_missed_in_the_first_second() -> None:
    assert held([0.0] * 10 + [20.0] * 110, 200.0).least == 100.0


@pytest.mark.parametrize("found, missed", [(Held(95.0, 105.0, 100.0), 0), (Held(94.9, 105.1, 100.0), 2)])
def test_a_twentieth_is_allowed_each_way(found: Held, missed: int) -> None:
    findings = judge("2 workers", "200 requests/s", found)
    assert sum(finding.verdict is Verdict.MISSED for finding in findings) == missed


def test_when_a_worker_was_killed_a_limit_may_be_missed_from_below_only() -> None:
    (finding,) = judge("2 workers, one killed", "50 MiB/s", Held(60.0, 104.0, 90.0))
    assert finding.verdict is Verdict.MET
    (finding,) = judge("2 workers, one killed", "50 MiB/s", Held(60.0, 106.0, 90.0))
    assert finding.verdict is Verdict.MISSED


def test_bandwidth_is_counted_in_bytes_and_requests_in_answers_to_the_end_of_the_run() -> None:
    assert series_of(Got("bulk", received=[1, 2, 3, 4], answered=[9]), 0.3) == ([1, 2, 3], float(BANDWIDTH))
    assert series_of(Got("chatty", received=[9], answered=[5]), 0.3) == ([5, 0.0, 0.0], 200.0)
