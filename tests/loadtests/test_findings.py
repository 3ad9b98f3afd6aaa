import json
from pathlib import Path

import pytest

from loadtests.findings import Finding, conclude
from loadtests.report import Verdict

GOOD = Finding("memory growth", 4.0, 5.0, "MiB")


def test_a_limit_may_be_reached_but_not_passed(tmp_path: Path) -> None:
    assert conclude("soak", [GOOD, Finding("pipes left over", 0, 0)], tmp_path) == 0
    assert conclude("soak", [GOOD, Finding("pipes left over", 1, 0)], tmp_path) == 1


def test_a_figure_of_a_run_that_is_too_short_is_shown_and_not_judged() -> None:
    cost = Finding("cost", 1.2, 1.1, least_seconds=9)
    assert [cost.measured_for(seconds).verdict for seconds in (8, 9)] == [Verdict.TOO_SHORT, Verdict.MISSED]
    assert GOOD.measured_for(0.1).verdict is Verdict.MET
    assert cost.measured_for(8).cells() == ["cost", "too short to judge", "1.20", "1.10"]
    assert cost.measured_for(8).raw()["verdict"] == "too short to judge"


def test_findings_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    conclude("soak", [GOOD], tmp_path)
    line = "| memory growth | met | 4.00 MiB | 5.00 MiB |"
    assert line in capsys.readouterr().out
    assert line in (tmp_path / "soak.md").read_text()
    assert json.loads((tmp_path / "soak.json").read_text())["findings"][0]["found"] == 4.0
