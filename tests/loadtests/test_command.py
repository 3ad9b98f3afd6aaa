import json
from pathlib import Path

from loadtests.command import judged, report
from loadtests.findings import Finding
from loadtests.load import Load
from loadtests.question import write_report
from loadtests.records import summarise
from loadtests.scenario import Result, Results, Scenario

RESULT = Result(summarise([], seconds=1.0), points=[], marks=[], attempts=[3], late_attempts=[3])


def judge(results: Results) -> list[Finding]:
    return [Finding("requests that failed", 1, 0)]


SCENARIO = Scenario("a storm", Load(1.0), judge)


def test_findings_bear_the_name_of_their_run() -> None:
    assert judged(SCENARIO, {"s3edge": RESULT}) == [Finding("a storm: requests that failed", 1, 0)]


def test_nothing_is_asked_of_rivals_alone() -> None:
    assert judged(SCENARIO, {"haproxy": RESULT}) == ()


def test_results_are_a_table_a_chart_for_each_run_and_raw_figures(tmp_path: Path) -> None:
    runs = {"calm": {"s3edge": RESULT, "nginx": RESULT}, "a storm": {"s3edge": RESULT}}
    write_report("weather", "Storms", report(runs, [Finding("calm: requests that failed", 0, 0)]), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "weather.md",
        "weather.json",
        "weather.png",
        "weather-2.png",
    }
    text = (tmp_path / "weather.md").read_text()
    assert text.startswith("# Storms\n")
    assert text.count("| calm |") == 2
    assert "| calm: requests that failed | met |" in text
    assert "![a storm](weather-2.png)" in text
    raw = json.loads((tmp_path / "weather.json").read_text())
    assert raw["runs"]["calm"]["nginx"]["attempts"] == [3]
    assert raw["runs"]["calm"]["nginx"]["summary"]["p99"] is None
