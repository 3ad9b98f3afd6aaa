"""The native cluster: what it makes of the files of compose/. tests/wire/test_cluster.py runs it."""

import subprocess
from pathlib import Path

import pytest
import yaml

from loadtests.cluster.__main__ import exports, parse_arguments
from loadtests.cluster.edge import EDGE_CONFIG, PROMETHEUS_CONFIG, edge_config, prometheus_config
from loadtests.cluster.keys import new_keys
from loadtests.cluster.minio import MinioError, minio_nodes
from loadtests.cluster.toxiproxy import ToxiproxyError, running_toxiproxy
from s3edge.config.admin import TOKEN_VARIABLE
from s3edge.config.load import load


def test_s3edge_has_the_configuration_of_compose_but_for_its_nodes(tmp_path: Path) -> None:
    urls = ["http://127.0.0.1:1001", "http://127.0.0.1:1002"]
    file = tmp_path / "s3edge.yaml"
    file.write_text(yaml.safe_dump(edge_config(urls, "ceph")))
    keys = new_keys().environment() | {TOKEN_VARIABLE: "t" * 16}
    native = load(file, keys)
    composed = load(EDGE_CONFIG, keys | {"STORAGE_NODES": "http://minio{1...4}:9000"})
    (cluster,) = native.clusters
    assert [str(node.url) for node in cluster.nodes] == urls
    assert cluster.health.preset == "ceph"
    assert native.policies == composed.policies
    assert len(native.policies) == 6
    assert native.model_copy(update={"clusters": composed.clusters}) == composed


def test_prometheus_has_the_configuration_of_compose_but_for_its_targets() -> None:
    native = prometheus_config(9090, 9091)
    composed = yaml.safe_load(PROMETHEUS_CONFIG.read_text())
    assert [job["static_configs"][0]["targets"] for job in native["scrape_configs"]] == [
        ["127.0.0.1:9090"],
        ["127.0.0.1:9091"],
    ]
    assert native["global"] == composed["global"]
    assert native["rule_files"] == [str(PROMETHEUS_CONFIG.parent / name) for name in composed["rule_files"]]


def test_secrets_are_new_each_time_and_names_are_not() -> None:
    one, other = new_keys(), new_keys()
    assert [key.access for key in (one.admin, one.rag, one.training)] == ["storage-admin", "AKRAG", "AKTRAINING"]
    secrets = {key.secret for keys in (one, other) for key in (keys.admin, keys.rag, keys.training)}
    assert len(secrets) == 6


def test_a_shell_gets_each_value_as_it_is() -> None:
    values = {"PLAIN": "abc", "ODD": "a'b $HOME"}
    script = exports(values) + 'printf "%s\\n" "$PLAIN" "$ODD"'
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, timeout=10, check=True)
    assert done.stdout.splitlines() == list(values.values())


def test_what_is_not_there_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MinioError, match="no minio on PATH"), minio_nodes(4, tmp_path, new_keys()):
        pass
    with pytest.raises(ToxiproxyError, match="toxiproxy-server"), running_toxiproxy([], tmp_path):
        pass


def test_minio_is_not_asked_for_an_erasure_set_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "minio"
    program.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MinioError, match="at least 2 nodes, found 1"), minio_nodes(1, tmp_path, new_keys()):
        pass


@pytest.mark.parametrize("words", [["up"], ["up", "--kind", "other"], []])
def test_a_kind_of_storage_must_be_named(words: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse_arguments(words)
