from dataclasses import replace
from pathlib import Path

from loadtests.cases import CASES
from loadtests.measure import Measurement
from loadtests.report import COLUMNS, draw_chart, markdown_table, summarise

CASE = CASES["get-4k"]
HAPROXY = Measurement("haproxy", CASE.key, 1000, 4_096_000, 2.0, 0.010, 0.001, 0.002, errors={})
S3EDGE = replace(HAPROXY, proxy="s3edge", cpu=0.018)


def test_a_cost_is_told_over_that_of_the_reference_and_nothing_is_asked_of_rivals() -> None:
    ours, theirs = summarise([CASE], [S3EDGE, HAPROXY])
    assert ours.ratio is not None
    assert round(ours.ratio, 6) == 1.8
    assert (theirs.ratio, ours.cells()[-2:], theirs.cells()[-2:]) == (1.0, ["2.00", ""], ["", ""])


def test_a_row_with_failed_requests_says_how_many() -> None:
    broken = replace(S3EDGE, cpu=0.001, errors={"read": 2})
    row = summarise([CASE], [broken, HAPROXY, S3EDGE, HAPROXY, broken, HAPROXY])[0]
    assert row.cells()[-1] == "4 x read"


def test_without_the_reference_there_is_no_ratio() -> None:
    (row,) = summarise([CASE], [S3EDGE])
    assert row.ratio is None


def test_each_case_is_summed_up_by_itself() -> None:
    other = replace(HAPROXY, case="get-64k")
    rows = summarise([CASE, CASES["get-64k"]], [S3EDGE, HAPROXY, other])
    assert [(row.case.key, row.proxy) for row in rows] == [
        ("get-4k", "s3edge"),
        ("get-4k", "haproxy"),
        ("get-64k", "haproxy"),
    ]


def test_the_table_has_a_cell_for_each_column() -> None:
    rows = summarise([CASE], [S3EDGE, HAPROXY])
    lines = markdown_table(COLUMNS, [row.cells() for row in rows]).splitlines()
    assert len(lines) == 4
    assert {line.count("|") for line in lines} == {len(COLUMNS) + 1}


def test_the_chart_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "bench.png"
    draw_chart(summarise([CASE], [S3EDGE, HAPROXY]), path)
    assert path.read_bytes().startswith(b"\x89PNG")
