from loadtests.ceph_failover import judge, report
from loadtests.report import Verdict

WELL = {"reads": 1000, "failed reads": 0, "puts": 30, "failed puts": 0, "uploads": 9, "failed uploads": 0, "stuck": 0}


def test_every_kind_of_failure_is_one_too_many_for_s3edge() -> None:
    assert {finding.verdict for finding in judge(WELL)} == {Verdict.MET}
    for kind in ("failed reads", "failed puts", "failed uploads", "stuck"):
        verdicts = [finding.verdict for finding in judge(WELL | {kind: 1})]
        assert verdicts.count(Verdict.MISSED) == 1


def test_the_table_has_every_proxy_and_only_s3edge_is_judged() -> None:
    found = report({"s3edge": WELL, "nginx": WELL | {"failed reads": 7}})
    assert found.lines[1] == ["nginx", "8 readers, 2 writers", "1,000", "7", "30", "0", "9", "0", "0"]
    assert len(found.columns) == len(found.lines[1])
    assert {finding.verdict for finding in found.findings} == {Verdict.MET}
    assert report({"nginx": WELL}).findings == []
