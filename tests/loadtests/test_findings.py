import json

from loadtests.findings import Finding
from loadtests.report import Verdict

GOOD = Finding("memory growth", 4.0, 5.0, "MiB")


def test_a_limit_may_be_reached_but_not_passed() -> None:
    assert Finding("pipes left over", 0, 0).verdict is Verdict.MET
    assert Finding("pipes left over", 1, 0).verdict is Verdict.MISSED


def test_a_figure_of_a_run_that_is_too_short_is_shown_and_not_judged() -> None:
    cost = Finding("cost", 1.2, 1.1, least_seconds=9)
    assert [cost.measured_for(seconds).verdict for seconds in (8, 9)] == [Verdict.TOO_SHORT, Verdict.MISSED]
    assert GOOD.measured_for(0.1).verdict is Verdict.MET
    assert cost.measured_for(8).cells() == ["cost", "too short to judge", "1.20", "1.10"]
    assert cost.measured_for(8).raw()["verdict"] == "too short to judge"


def test_a_finding_is_known_again_from_what_was_kept_of_it() -> None:
    assert GOOD.cells() == ["memory growth", "met", "4.00 MiB", "5.00 MiB"]
    assert Finding.from_raw(json.loads(json.dumps(GOOD.raw()))) == GOOD
