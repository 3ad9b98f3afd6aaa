import json
from pathlib import Path

from loadtests.ceph_failover import judge, write_results
from loadtests.report import Verdict

WELL = {"reads": 1000, "failed reads": 0, "puts": 30, "failed puts": 0, "uploads": 9, "failed uploads": 0, "stuck": 0}


def test_every_kind_of_failure_is_one_too_many_for_s3edge() -> None:
    assert {finding.verdict for finding in judge(WELL)} == {Verdict.MET}
    for kind in ("failed reads", "failed puts", "failed uploads", "stuck"):
        verdicts = [finding.verdict for finding in judge(WELL | {kind: 1})]
        assert verdicts.count(Verdict.MISSED) == 1


def test_results_hold_the_counts_of_every_proxy(tmp_path: Path) -> None:
    counts = {"s3edge": WELL, "nginx": WELL | {"failed reads": 7}}
    write_results(counts, judge(WELL), tmp_path)
    text = (tmp_path / "ceph_failover.md").read_text()
    assert "| nginx | 8 readers, 2 writers | 1,000 | 7 | 30 | 0 | 9 | 0 | 0 |" in text
    assert json.loads((tmp_path / "ceph_failover.json").read_text())["counts"] == counts
