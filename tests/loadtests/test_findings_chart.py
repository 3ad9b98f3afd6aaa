from pathlib import Path

from loadtests.findings import Finding
from loadtests.findings_chart import by_unit, draw_findings

MEMORY = Finding("memory", 150.0, 250.0, "MiB")
COST = Finding("CPU per request over without", 1.2, 1.1)
FAILED = Finding("requests that failed", 0, 0)


def test_figures_of_one_unit_share_an_axis_and_what_must_be_nothing_has_none() -> None:
    assert by_unit([MEMORY, COST, FAILED, COST]) == {"MiB": [MEMORY], "": [COST, COST]}


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    draw_findings([MEMORY, COST, FAILED], tmp_path / "found.png")
    assert (tmp_path / "found.png").read_bytes().startswith(b"\x89PNG")
