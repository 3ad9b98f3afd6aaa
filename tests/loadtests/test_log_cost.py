from pathlib import Path

from loadtests.log_cost import EDGES, LIMITS, lua
from loadtests.qos_cost import report
from loadtests.qos_rivals import write_edge
from loadtests.report import Verdict
from s3edge.config.load import load
from tests.loadtests.test_qos_cost import pair
from tests.loadtests.test_qos_rivals import NODES


def test_lines_go_to_a_file_in_the_folder_of_the_run(tmp_path: Path) -> None:
    logs = [load(write_edge(edge, NODES, (9000, 9090), tmp_path), {}).access_log for edge in EDGES.values()]
    assert [(log.to, log.successes) for log in logs] == [(tmp_path / "access.log", 100), (tmp_path / "access.log", 1)]


def test_a_tenth_more_for_a_request_is_allowed() -> None:
    assert [report([pair(cost)], LIMITS).findings[0].verdict for cost in (0.109, 0.111)] == [
        Verdict.MET,
        Verdict.MISSED,
    ]


def test_requests_have_what_the_log_tells_of_an_sdk() -> None:
    script = lua()
    for name in ("User-Agent", "Authorization", "X-Amz-Date"):
        assert f'wrk.headers["{name}"] = "' in script
