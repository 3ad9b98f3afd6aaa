from dataclasses import replace
from pathlib import Path

from loadtests.cases import CASES
from loadtests.measure import Measurement
from loadtests.report import COLUMNS, Verdict, draw_chart, markdown_table, summarise

CASE = CASES["get-4k"]
HAPROXY = Measurement("haproxy", CASE.key, 1000, 4_096_000, 2.0, 0.010, 0.001, 0.002, errors={})
S3EDGE = replace(HAPROXY, proxy="s3edge", cpu=0.018)


def test_a_cost_within_the_limit_is_met_and_one_above_is_missed() -> None:
    (cheap, _) = summarise([CASE], [S3EDGE, HAPROXY])
    (dear, _) = summarise([CASE], [replace(S3EDGE, cpu=0.021), HAPROXY])
    assert (cheap.verdict, dear.verdict) == (Verdict.MET, Verdict.MISSED)
    assert cheap.ratio is not None
    assert round(cheap.ratio, 6) == 1.8


def test_a_row_with_a_failed_request_is_failed_however_cheap_and_says_how_many() -> None:
    broken = replace(S3EDGE, cpu=0.001, errors={"read": 2})
    (row, _) = summarise([CASE], [broken, HAPROXY, S3EDGE, HAPROXY, broken, HAPROXY])[:2]
    assert row.verdict is Verdict.FAILED
    assert row.cells()[-1] == "failed, 4 x read"


def test_without_the_reference_there_is_no_ratio_and_no_verdict() -> None:
    (row,) = summarise([CASE], [S3EDGE])
    assert row.ratio is None
    assert row.verdict is Verdict.NONE


def test_nothing_is_asked_of_a_rival() -> None:
    rows = summarise([CASE], [S3EDGE, HAPROXY, replace(HAPROXY, proxy="nginx", cpu=1.0)])
    assert [row.verdict for row in rows] == [Verdict.MET, Verdict.NONE, Verdict.NONE]


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
