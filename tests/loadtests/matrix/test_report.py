from collections.abc import Sequence
from pathlib import Path

import pytest

from loadtests.findings import RESULTS
from loadtests.matrix.actions import DYING, NAMES
from loadtests.matrix.compare import Compared, compare
from loadtests.matrix.outcome import Outcome, Result
from loadtests.matrix.record import FILE, Run, Trial, load
from loadtests.matrix.report import BEGIN, END, cell, death, readme_section, replace_section, report, summary
from loadtests.matrix.trial import RETRIED
from loadtests.matrix.ways import DIRECT, EDGE, SCHEMES, way_name

README = Path(__file__).parents[3] / "README.md"
OK, FAILED, ABSENT = Result(Outcome.OK), Result(Outcome.FAILED, "a | b"), Result(Outcome.NOT_OFFERED, "signs none")
PARTLY = Result(Outcome.FAILED, "dots", parts={"dots": "refused"})
BOTH_OK, NEITHER, ONLY_DIRECT, ONLY_EDGE, NONE = (
    (OK, OK),
    (FAILED, FAILED),
    (OK, FAILED),
    (FAILED, OK),
    (ABSENT, ABSENT),
)


def pairs(*results: tuple[Result, Result], action: str = "put") -> list[Compared]:
    return [Compared("boto3", action, "http", direct, edge) for direct, edge in results]


def run_of(direct: Result = OK, edge: Result = OK, client: str = "boto3", kind: str = "ceph") -> Run:
    """A run in which all actions came to the same."""
    trials = [
        Trial(client, way_name(scheme, through), "1.2", dict.fromkeys(NAMES, result))
        for scheme in SCHEMES
        for through, result in ((DIRECT, direct), (EDGE, edge))
    ]
    return Run(kind, f"{kind} 1", {"A": "b"}, "python -m loadtests.matrix", 12, {"cores": "2"}, trials)


@pytest.mark.parametrize(
    "results,word",
    [
        ([BOTH_OK, BOTH_OK], "ok"),
        ([BOTH_OK, ONLY_EDGE], "ok"),
        ([BOTH_OK, NEITHER], "ok*"),
        ([NEITHER, NEITHER], "no*"),
        ([BOTH_OK, NEITHER, ONLY_DIRECT], "**no**"),
        ([NONE, NONE], "-"),
        ([NONE, BOTH_OK], "ok"),
        ([BOTH_OK, (OK, Result(Outcome.UNTRIED))], "untried"),
        ([(PARTLY, PARTLY), NEITHER], "some*"),
        ([(PARTLY, PARTLY), BOTH_OK], "ok*"),
    ],
)
def test_a_cell_is_the_worst_of_what_it_stands_for(results: Sequence[tuple[Result, Result]], word: str) -> None:
    assert cell(pairs(*results)) == word


@pytest.mark.parametrize(
    "direct,words",
    [
        ([FAILED, FAILED], "error"),
        ([FAILED, Result(Outcome.OK, RETRIED)], "error or tries again"),
        ([Result(Outcome.WRONG, "other bytes")], "wrong bytes"),
        ([Result(Outcome.HUNG)], "hung"),
        ([ABSENT], "-"),
    ],
)
def test_a_death_is_told_as_the_client_has_it_direct(direct: Sequence[Result], words: str) -> None:
    assert death(pairs(*((result, OK) for result in direct), action=DYING)) == words


def test_the_summary_has_a_row_for_each_client_over_all_storages() -> None:
    _, _, *rows = summary([run_of(), run_of(FAILED, FAILED, kind="minio")]).splitlines()
    assert rows == ["| boto3 | " + " | ".join(["ok*"] * len(NAMES)) + " | tries again or error |"]


def test_a_client_that_is_not_installed_says_so_and_no_more() -> None:
    absent = Result(Outcome.NOT_INSTALLED, "pip install it")
    row = summary([run_of(absent, absent)]).splitlines()[-1]
    assert row.startswith("| boto3 | not installed |  |")


def test_the_report_lists_what_differs_once_for_both_schemes() -> None:
    text = report([run_of(OK, FAILED)])
    assert text.count("| boto3 | get | http, https | ok | failed: a \\| b |") == 1
    assert "## ceph 1\n\n- command: `python -m loadtests.matrix`\n- took: 12 s\n- cores: 2\n" in text
    assert "`A=b`" in text


def test_the_report_lists_what_goes_well_on_neither_way_apart() -> None:
    text = report([run_of(FAILED, FAILED)])
    _, _, neither = text.partition("### What goes well on neither way")
    assert "| boto3 | get | http, https | failed: a \\| b | the same |" in neither
    assert "### Other differences between direct and through s3edge\n\nNone.\n" in text


def test_a_section_takes_the_place_of_the_one_before_and_of_nothing_else() -> None:
    section = readme_section([run_of()])
    text = f"# Head\n{BEGIN}\nold\n{END}\ntail\n"
    assert replace_section(text, section) == f"# Head\n{section}tail\n"
    with pytest.raises(ValueError, match="found no lines"):
        replace_section("# Head\n", section)


def test_the_table_of_the_readme_is_that_of_the_last_runs() -> None:
    assert (RESULTS / FILE).exists()
    text = README.read_text()
    assert replace_section(text, readme_section(load(RESULTS))) == text, "run `python -m loadtests.matrix --readme`"


def test_nothing_in_the_last_runs_fails_through_s3edge_alone() -> None:
    assert {cell([one]) for run in load(RESULTS) for one in compare(run)} <= {"ok", "some*", "no*", "-"}
