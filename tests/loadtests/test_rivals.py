from dataclasses import dataclass
from pathlib import Path

import pytest

from loadtests.needs import Missing
from loadtests.rivals import SIDEKICK, Variant, sidekick, there, write_s3edge_config
from s3edge.config.load import load
from s3edge.config.policy import Balance


@dataclass(frozen=True)
class Node:
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def test_the_files_for_a_variant_of_s3edge_are_what_s3edge_reads(tmp_path: Path) -> None:
    variant = Variant("turns", "balance: round_robin\nhedge: false", cluster="ejection: {slowness: 1000}")
    file = write_s3edge_config(tmp_path, [Node(9001), Node(9002)], (9000, 9090), variant)
    config = load(file, {})
    assert (config.listen.address.port, config.admin.address.port, config.workers) == (9000, 9090, 1)
    (cluster,) = config.clusters
    assert [node.name for node in cluster.nodes] == ["127.0.0.1:9001", "127.0.0.1:9002"]
    assert (cluster.health.path, cluster.ejection.slowness) == ("/health", 1000)
    (policy,) = config.policies
    assert (policy.name, policy.balance) == ("turns", Balance.ROUND_ROBIN)


def test_sidekick_takes_part_where_its_program_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert there(["s3edge", SIDEKICK, "nginx"]) == ["s3edge", "nginx"]
    (tmp_path / SIDEKICK).touch(0o755)
    assert there(["s3edge", SIDEKICK, "nginx"]) == ["s3edge", SIDEKICK, "nginx"]


def test_sidekick_by_name_without_its_program_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Missing, match="go install"), sidekick([Node(9001)], tmp_path, None):
        pass
