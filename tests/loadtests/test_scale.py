import subprocess
from contextlib import ExitStack
from pathlib import Path

import pytest

from loadtests.cases import CASES, Case
from loadtests.child import Child
from loadtests.measure import Measurement
from loadtests.report import Verdict
from loadtests.rivals import Proxy
from loadtests.scale import COLUMNS, DIMENSIONS, DIRECT, Dimension, Line, Sample, Turn, cells, curves, judge


def none_prepared(nodes: object, folder: Path, stack: ExitStack) -> list[Turn]:
    return []


NODES = Dimension("nodes", none_prepared, base=4, judged=64, limit=1.10)


@pytest.fixture(scope="module")
def child() -> Child:
    """A process that has ended; a turn names one."""
    process = subprocess.Popen(["true"])
    process.wait()
    return Child("nobody", process, Path("/dev/null"))


def rounds(*costs: float, errors: dict[str, int] | None = None) -> list[Sample]:
    """Samples with so many microseconds of processor time for each of 1,000 requests."""
    return [
        Sample(Measurement("", "", 1000, 4096, 1.0, cost / 1e3, 0.001, 0.002, errors=errors or {}), memory=70.0)
        for cost in costs
    ]


def line(
    child: Child,
    number: int,
    found: list[Sample],
    base: list[Sample],
    name: str = "s3edge",
    case: Case = CASES["get-4k"],
) -> Line:
    return Line(Turn(name, number, Proxy(name, 1, is_tls=False, child=child), case), found, base)


def test_the_ratio_is_that_of_turns_of_the_same_round(child: Child) -> None:
    assert line(child, 64, rounds(22, 44, 66), rounds(20, 40, 30)).ratio == pytest.approx(1.1)


def test_s3edge_alone_is_judged_and_at_one_number_only(child: Child) -> None:
    base = rounds(20)
    lines = [
        line(child, 4, base, base),
        line(child, 16, rounds(90), base),
        line(child, 64, rounds(21), base),
        line(child, 64, rounds(90), base, "haproxy"),
    ]
    assert [one.verdict for one in judge(NODES, lines)] == [Verdict.MET, Verdict.MET]
    lines[2] = line(child, 64, rounds(23), base)
    assert [one.verdict for one in judge(NODES, lines)] == [Verdict.MISSED, Verdict.MET]


def test_the_first_case_is_judged(child: Child) -> None:
    base = rounds(20)
    small, large = line(child, 64, rounds(21), base), line(child, 64, rounds(90), base, case=CASES["get-1m"])
    assert judge(NODES, [small, large])[0].found == pytest.approx(1.05)


def test_a_request_that_failed_at_any_number_misses_a_limit(child: Child) -> None:
    base = rounds(20)
    lines = [line(child, 4, rounds(20, errors={"status": 3}), base), line(child, 64, base, base)]
    assert judge(NODES, lines)[1].found == 3


def test_nothing_is_said_of_the_cost_of_what_has_nothing_between(child: Child) -> None:
    base = rounds(20)
    told = dict(zip(COLUMNS, cells(NODES, line(child, 4, base, base, DIRECT)), strict=True))
    assert (told["requests/s"], told["CPU µs/request"], told["memory MiB"]) == ("1,000", "", "")
    assert cells(NODES, line(child, 4, base, base))[COLUMNS.index("CPU µs/request")] == "20.0"


def test_each_case_has_its_chart_and_what_was_not_measured_has_no_point(child: Child) -> None:
    base = rounds(20)
    direct = line(child, 16, base, base, DIRECT)
    small = [line(child, 4, base, base), line(child, 64, rounds(21), base), direct]
    large = [line(child, 4, base, base, case=CASES["get-1m"])]
    charts = curves(NODES, small + large)
    assert list(charts) == [f"{CASES[key].title}, by the number of nodes" for key in ("get-4k", "get-1m")]
    cost, throughput, *_ = charts["4 KiB GET, 32 connections, by the number of nodes"]
    assert cost.lines == {"s3edge": [pytest.approx(20), None, pytest.approx(21)]}
    assert throughput.lines[DIRECT] == [None, 1000.0, None]


def test_the_base_and_what_is_judged_differ_in_every_dimension() -> None:
    assert all(one.base < one.judged and one.limit > 1 for one in DIMENSIONS.values())
