import json
from pathlib import Path

from loadtests.faults import Mark
from loadtests.findings import Finding
from loadtests.question import Panel, Report, write_report

PANEL = Panel("MB/s", 0.1, {"rag": [1.0, 2.0], "training": [3.0]}, limit=2.5, marks=[Mark(0.1, "killed")])
LOGARITHMIC = Panel("ms", 0.5, {"rag": [1.0, float("nan"), 100.0]}, is_log=True)


def test_an_answer_is_kept_as_table_charts_and_figures(tmp_path: Path) -> None:
    report = Report(
        columns=("run", "MB/s"),
        lines=[["alone", "1.5"]],
        findings=[Finding("p99", 12.0, 10.0, "ms")],
        charts={"First": [PANEL, LOGARITHMIC], "Second": [PANEL]},
        raw={"series": [1.0, float("nan")]},
    )
    write_report("runaway", "A runaway", report, tmp_path)
    text = (tmp_path / "runaway.md").read_text()
    assert "| alone | 1.5 |" in text
    assert "| p99 | missed | 12.00 ms | 10.00 ms |" in text
    assert "![First](runaway.png)\n\n![Second](runaway-2.png)" in text
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in ("runaway.png", "runaway-2.png"))
    raw = json.loads((tmp_path / "runaway.json").read_text())
    assert raw["lines"] == [{"run": "alone", "MB/s": "1.5"}]
    assert (raw["series"], raw["findings"][0]["found"]) == ([1.0, None], 12.0)


def test_an_answer_without_charts_gets_one_of_its_findings_and_none_where_nothing_is_allowed(tmp_path: Path) -> None:
    cost, failed = Finding("cost", 1.2, 1.1), Finding("requests that failed", 0, 0)
    write_report("costly", "Cost", Report((), (), [cost, failed]), tmp_path)
    write_report("free", "Failures", Report((), (), [failed]), tmp_path)
    assert (tmp_path / "costly.png").read_bytes().startswith(b"\x89PNG")
    assert "](costly.png)" in (tmp_path / "costly.md").read_text()
    assert not (tmp_path / "free.png").exists()
